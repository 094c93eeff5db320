package provider_test

import (
	"crypto/x509"
	"slices"
	"testing"

	"cloudpki/internal/casim"
	"cloudpki/internal/provider"
)

// The chain is found in whatever order the certificates come.
func TestNewAuthority(t *testing.T) {
	ca, err := casim.New(casim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := casim.New(casim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	user := ca.Issuers()[0]
	all := []*x509.Certificate{user.Root, user.Issuing, user.Chain[0], user.Chain[0]}
	for range all {
		all = append(all[1:], all[0])
		a, err := provider.NewAuthority(user.Issuing, all)
		if err != nil || !a.Root.Equal(user.Root) || !slices.EqualFunc(a.Chain, user.Chain, (*x509.Certificate).Equal) {
			t.Errorf("%d between, %v", len(a.Chain), err)
		}
	}
	if a, err := provider.NewAuthority(user.Root, []*x509.Certificate{user.Root}); err != nil || !a.Root.Equal(user.Root) || len(a.Chain) != 0 {
		t.Errorf("a root that issues: %+v, %v", a, err)
	}
	if a, err := provider.NewAuthority(user.Issuing, user.Chain); err != nil || a.Root != nil {
		t.Errorf("without a root: %v, %v", a.Root, err)
	}
	for name, others := range map[string][]*x509.Certificate{
		"foreign root": {stranger.Root(), user.Chain[0]},
		"missing link": {user.Root},
		"too many":     slices.Repeat([]*x509.Certificate{user.Root}, 65),
	} {
		if _, err := provider.NewAuthority(user.Issuing, others); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
