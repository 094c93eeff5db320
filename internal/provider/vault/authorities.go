package vault

import (
	"context"
	"crypto/x509"
	"fmt"
	"strings"

	"cloudpki/internal/provider"
)

// Authorities returns one authority for each issuer that has a key, with its
// root found by signature among all that the mount has, and the root that was
// set. The root is nil where it is not there. With the setting issuer, there is
// that one alone.
func (s *session) Authorities(ctx context.Context) (provider.Authorities, error) {
	if err := s.keepLogin(ctx); err != nil {
		return provider.Authorities{}, err
	}
	s.issuers = nil // as they are now
	all, err := s.loadIssuers(ctx)
	if err != nil {
		return provider.Authorities{}, err
	}
	chosen, err := s.choose(all.list)
	if err != nil {
		return provider.Authorities{}, err
	}
	out := provider.Authorities{TxID: all.txID}
	used := false
	for _, i := range chosen {
		a := all.authority(i)
		used = used || s.root != nil && a.Root != nil && a.Root.Equal(s.root)
		out.List = append(out.List, a)
	}
	if s.root != nil && !used {
		return provider.Authorities{}, &provider.Error{
			Code: provider.CodeRootInvalid,
			Msg:  fmt.Sprintf("the root in providerSettings %s has signed no issuer of the mount '%s', neither directly nor by its chain; set the root above them, or none", settingRoot, s.mountName),
		}
	}
	return out, nil
}

// choose returns the issuers whose roots count.
func (s *session) choose(list []issuer) ([]issuer, error) {
	var named, keyed []issuer
	var names []string
	for _, i := range list {
		if s.issuer != "" && (s.issuer == i.id || s.issuer == i.name || s.issuer == defaultIssuer && i.isDefault) {
			named = append(named, i)
		}
		if !i.keyless {
			keyed = append(keyed, i)
		}
		names = append(names, provider.Clean(strings.TrimSpace(i.name+" "+i.id), maxName))
	}
	switch {
	case s.issuer == "" && len(keyed) == 0:
		return list, nil // what was imported without any key still names the roots
	case s.issuer == "":
		return keyed, nil
	case len(named) == 0:
		return nil, &provider.Error{
			Code: provider.CodeProfileUnknown,
			Msg:  fmt.Sprintf("the mount '%s' has no issuer '%s'; it has: %s", s.mountName, s.issuer, strings.Join(names[:min(len(names), maxErrors)], ", ")),
		}
	default:
		return named, nil
	}
}

// authority returns an issuer with its chain and root.
func (all *issuers) authority(i issuer) provider.Authority {
	id := i.name
	if id == "" {
		id = i.id
	}
	a := provider.Authority{ID: provider.Clean(id, maxName), Issuing: i.cert}
	if path := provider.PathToRoot(i.cert, all.roots, all.pool); path != nil {
		a.Chain, a.Root = path[:len(path)-1], path[len(path)-1]
		return a
	}
	for c := signerOf(i.cert, all.pool); c != nil && len(a.Chain) < len(all.pool); c = signerOf(c, all.pool) {
		a.Chain = append(a.Chain, c)
	}
	return a
}

// signerOf returns the certificate of pool that signed c, or nil.
func signerOf(c *x509.Certificate, pool []*x509.Certificate) *x509.Certificate {
	for _, p := range pool {
		if provider.Signed(p, c) {
			return p
		}
	}
	return nil
}
