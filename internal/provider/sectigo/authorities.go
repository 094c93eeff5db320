package sectigo

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// The bounds of what is looked at.
const (
	maxTypes = 200
	maxChain = 10
)

// A certType is a certificate profile.
type certType struct {
	ID json.Number `json:"id"`
}

// Authorities returns the CAs that have issued certificates: of each profile,
// the chains of the first and of the last certificate that the list tells of.
// The list is empty where nothing was issued.
func (s *session) Authorities(ctx context.Context) (provider.Authorities, error) {
	var types []certType
	q := url.Values{}
	if s.org != "" {
		q.Set("organizationId", s.org)
	}
	if _, err := s.http.JSON(ctx, rest.Request{Path: "ssl/v1/types", Query: q}, &types); err != nil {
		return provider.Authorities{}, err
	}
	if len(types) > maxTypes {
		return provider.Authorities{}, &provider.Error{Code: provider.CodeProtocol, Msg: fmt.Sprintf("Sectigo lists more than %d certificate profiles; set %s", maxTypes, settingOrg)}
	}
	var out provider.Authorities
	for _, t := range types {
		samples, err := s.samples(ctx, t)
		if err != nil {
			return provider.Authorities{}, err
		}
		for _, id := range samples {
			a, err := s.authority(ctx, id)
			if err != nil {
				return provider.Authorities{}, err
			}
			out.List = join(out.List, a, provider.Clean(t.ID.String(), 40))
		}
	}
	return out, nil
}

// samples returns the first and the last certificate of a profile.
func (s *session) samples(ctx context.Context, t certType) ([]int64, error) {
	query := func() url.Values { return url.Values{"status": {"Issued"}, "sslTypeId": {t.ID.String()}} }
	first, total, err := s.list(ctx, query(), 0, 1)
	if err != nil || len(first) == 0 {
		return nil, err
	}
	ids := []int64{first[0].ID}
	if total > 1 {
		last, _, err := s.list(ctx, query(), total-1, 1)
		if err != nil {
			return nil, err
		}
		if len(last) > 0 && last[0].ID != ids[0] {
			ids = append(ids, last[0].ID)
		}
	}
	return ids, nil
}

// authority fetches the chain of a certificate and checks it. Where it does not
// reach a root, the authority has none.
func (s *session) authority(ctx context.Context, id int64) (provider.Authority, error) {
	body, err := s.collect(ctx, id, "x509")
	if err != nil {
		return provider.Authority{}, err
	}
	fail := func(what string, cause error) (provider.Authority, error) {
		return provider.Authority{}, &provider.Error{Code: provider.CodeRootInvalid, Err: cause, Msg: fmt.Sprintf("the chain of the certificate with sslId %d %s", id, what)}
	}
	chain, err := provider.ParseCertificates(body)
	switch {
	case err != nil:
		return fail("cannot be read", err)
	case len(chain) > maxChain:
		return fail(fmt.Sprintf("is longer than %d", maxChain), nil)
	}
	i := slices.IndexFunc(chain, func(c *x509.Certificate) bool { return !c.IsCA })
	if i < 0 {
		return fail("holds no certificate that is not of a CA", nil)
	}
	return build(chain[i], chain), nil
}

// build links the certificates above leaf.
func build(leaf *x509.Certificate, chain []*x509.Certificate) provider.Authority {
	var roots, others []*x509.Certificate
	for _, c := range chain {
		switch {
		case provider.IsRoot(c):
			roots = append(roots, c)
		case c.IsCA:
			others = append(others, c)
		}
	}
	up := provider.PathToRoot(leaf, roots, others)
	var a provider.Authority
	switch {
	case len(up) == 1: // the root itself issues
		a.Issuing, a.Root = up[0], up[0]
	case len(up) > 1:
		a.Issuing, a.Chain, a.Root = up[0], up[1:len(up)-1], up[len(up)-1]
	default:
		for _, c := range others {
			if provider.Signed(c, leaf) {
				a.Issuing = c
			}
		}
	}
	if a.Issuing != nil {
		a.ID = provider.Clean(a.Issuing.Subject.CommonName, 200)
	}
	return a
}

// join adds an authority with a profile to those that are known.
func join(list []provider.Authority, a provider.Authority, profile string) []provider.Authority {
	if a.Issuing == nil {
		return list
	}
	i := slices.IndexFunc(list, func(b provider.Authority) bool { return b.Issuing.Equal(a.Issuing) })
	if i < 0 {
		a.ProfileIDs = []string{profile}
		return append(list, a)
	}
	if !slices.Contains(list[i].ProfileIDs, profile) {
		list[i].ProfileIDs = append(list[i].ProfileIDs, profile)
	}
	return list
}
