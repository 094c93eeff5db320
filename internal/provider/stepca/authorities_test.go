package stepca_test

import (
	"crypto/x509"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/provider"
)

func TestAuthorities(t *testing.T) {
	t.Parallel()
	root, second, spare := newIssuer(t, "Root", nil), newIssuer(t, "Second", nil), newIssuer(t, "Spare", nil)
	namesake := newIssuer(t, "Root", nil)
	policy := newIssuer(t, "Policy", root)
	issuing, other, under := newIssuer(t, "Issuing", root), newIssuer(t, "Other", second), newIssuer(t, "Under", policy)
	// chain tells one authority by the names of its certificates, issuer first.
	type chain []string
	for name, test := range map[string]struct {
		roots, intermediates http.HandlerFunc
		want                 []chain
	}{
		"one":                          {certificates(root), certificates(issuing), []chain{{"Issuing", "Root"}}},
		"two roots":                    {certificates(root, second), certificates(issuing, other), []chain{{"Issuing", "Root"}, {"Other", "Second"}}},
		"a root that issues nothing":   {certificates(spare, root), certificates(issuing), []chain{{"Issuing", "Root"}}},
		"another root of the name":     {certificates(namesake, root), certificates(issuing), []chain{{"Issuing", "Root"}}},
		"intermediate below another":   {certificates(root), certificates(under, policy), []chain{{"Under", "Policy", "Root"}, {"Policy", "Root"}}},
		"the root issues by itself":    {certificates(root), certificates(root), []chain{{"Root", "Root"}}},
		"intermediates not told (501)": {certificates(root, second), fault(http.StatusNotImplemented, "error getting intermediates: method not implemented"), []chain{{"", "Root"}, {"", "Second"}}},
		"intermediates unknown (404)":  {certificates(root), http.NotFound, []chain{{"", "Root"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, map[string]http.HandlerFunc{"/roots": test.roots, "/intermediates": test.intermediates}).open(t)
			found, err := s.Authorities(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got []chain
			for _, a := range found.List {
				got = append(got, chain(names(a)))
				check := a.Root
				for i := len(a.Chain) - 1; i >= 0; i-- {
					if err := a.Chain[i].CheckSignatureFrom(check); err != nil {
						t.Error(err)
					}
					check = a.Chain[i]
				}
				if a.Issuing != nil && a.Issuing.CheckSignatureFrom(check) != nil {
					t.Errorf("%v does not chain to its root", names(a))
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func names(a provider.Authority) []string {
	out := []string{""}
	if a.Issuing != nil {
		out[0] = a.Issuing.Subject.CommonName
	}
	for _, c := range append(a.Chain[:len(a.Chain):len(a.Chain)], a.Root) {
		out = append(out, c.Subject.CommonName)
	}
	return out
}

func TestAuthoritiesFaults(t *testing.T) {
	t.Parallel()
	root := newIssuer(t, "Root", nil)
	a := newIssuer(t, "A", newIssuer(t, "B", nil))
	leaf := &issuer{cert: mustParse(t, root.leaf(t).Certificate[0])}
	for name, test := range map[string]struct {
		intermediates http.HandlerFunc
		code          provider.Code
		text          string
	}{
		"root not served":         {certificates(newIssuer(t, "Orphan", newIssuer(t, "Absent", nil))), provider.CodeUpstreamFault, "'CN=Orphan'"},
		"two that circle":         {certificates(circle(t)...), provider.CodeUpstreamFault, "does not serve the root"},
		"below one without root":  {certificates(a), provider.CodeUpstreamFault, "'CN=A'"},
		"not a CA's certificate":  {certificates(leaf), provider.CodeParse, "certificate 1 in /intermediates"},
		"the CA's fault":          {fault(http.StatusInternalServerError, "boom"), provider.CodeUpstreamFault, "boom"},
		"forbidden":               {fault(http.StatusForbidden, "no"), provider.CodePermission, "no"},
		"not the listed type":     {raw(http.StatusCreated, []byte(`[]`)), provider.CodeParse, "/intermediates"},
		"something after the end": {raw(http.StatusCreated, []byte(`{"crts":[]}{}`)), provider.CodeParse, "/intermediates"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, map[string]http.HandlerFunc{"/intermediates": test.intermediates}).open(t)
			_, err := s.Authorities(t.Context())
			wantFault(t, err, test.code, test.text)
		})
	}
}

// circle returns two cross-certificates: X signed by Y, and Y signed by X.
func circle(t *testing.T) []*issuer {
	t.Helper()
	x, y := newIssuer(t, "X", nil), newIssuer(t, "Y", nil)
	cross := func(subject, by *issuer) *issuer {
		template := *subject.cert
		return &issuer{by.sign(t, &template, subject.key.Public()), subject.key}
	}
	return []*issuer{cross(x, y), cross(y, x)}
}

func mustParse(t *testing.T, der []byte) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
