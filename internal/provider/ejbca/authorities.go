package ejbca

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

// maxCAs bounds the CAs of one installation: each costs a call.
const maxCAs = 500

// A caInfo is one CA in the answer of GET /v1/ca.
type caInfo struct {
	ID      json.Number `json:"id"`
	Name    string      `json:"name"`
	Subject string      `json:"subject_dn"`
}

// list returns the CAs that are followed. EJBCA tells of those that the role
// may see, and of no fault where that is none.
func (s *session) list(ctx context.Context) ([]caInfo, error) {
	var answer struct {
		List []caInfo `json:"certificate_authorities"`
	}
	if err := s.json(ctx, rest.Request{Path: "v1/ca"}, &answer); err != nil {
		return nil, err
	}
	if len(answer.List) > maxCAs {
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: fmt.Sprintf("EJBCA lists more than %d CAs; limit the role's access to CAs", maxCAs)}
	}
	if len(answer.List) == 0 {
		return nil, &provider.Error{Code: provider.CodePermission, Msg: "EJBCA shows no CA to this administrator; give the role access to the CAs to follow"}
	}
	if s.cas == nil {
		return answer.List, nil
	}
	var out []caInfo
	for _, name := range s.cas {
		i := slices.IndexFunc(answer.List, func(c caInfo) bool { return c.Name == name })
		if i < 0 {
			return nil, &provider.Error{Code: provider.CodeProfileUnknown, Msg: fmt.Sprintf("EJBCA has no CA named %q that the role may see; correct %s", provider.Clean(name, 100), settingCAs)}
		}
		out = append(out, answer.List[i])
	}
	return out, nil
}

// Authorities returns the CAs with their chains. What a Probe before was told is
// used once. A CA that has no certificate yet is passed over.
func (s *session) Authorities(ctx context.Context) (provider.Authorities, error) {
	list := s.probed
	s.probed = nil
	if list == nil {
		var err error
		if list, err = s.list(ctx); err != nil {
			return provider.Authorities{}, err
		}
	}
	var out provider.Authorities
	for _, ca := range list {
		a, err := s.authority(ctx, ca)
		if err != nil {
			return provider.Authorities{}, err
		}
		if a.Issuing != nil {
			out.List = append(out.List, a)
		}
	}
	if len(out.List) == 0 {
		return provider.Authorities{}, &provider.Error{Code: provider.CodeIncompleteListing, Msg: "none of the CAs that EJBCA lists has a certificate"}
	}
	return out, nil
}

// authority fetches the chain of one CA and checks it.
func (s *session) authority(ctx context.Context, ca caInfo) (provider.Authority, error) {
	r := rest.Request{Path: "v1/ca/" + url.PathEscape(ca.Subject) + "/certificate/download", Accept: "*/*"}
	a, err := s.call(ctx, r)
	if err != nil {
		return provider.Authority{}, err
	}
	id := provider.Clean(ca.Name, 200)
	if len(a.Body) == 0 {
		return provider.Authority{ID: id}, nil
	}
	fail := func(what string, cause error) (provider.Authority, error) {
		return provider.Authority{}, &provider.Error{Code: provider.CodeRootInvalid, Err: cause, Msg: fmt.Sprintf("CA %q of EJBCA: %s; if it is not to be followed, name the others in %s", id, what, settingCAs)}
	}
	chain, err := provider.ParseCertificates(a.Body)
	if err != nil {
		return fail("its chain cannot be read", err)
	}
	if len(chain) > maxChain {
		return fail("its chain is longer than "+fmt.Sprint(maxChain), nil)
	}
	issuing := lowest(chain)
	if issuing == nil || !issuing.IsCA {
		return fail("its chain holds no certificate of a CA", nil)
	}
	if provider.IsRoot(issuing) {
		return provider.Authority{ID: id, Issuing: issuing, Root: issuing}, nil
	}
	up := provider.PathToRoot(issuing, filter(chain, provider.IsRoot), filter(chain, func(c *x509.Certificate) bool { return !provider.IsRoot(c) && !c.Equal(issuing) }))
	if up == nil {
		return fail("its certificate does not chain to a root", nil)
	}
	return provider.Authority{ID: id, Issuing: issuing, Chain: up[:len(up)-1], Root: up[len(up)-1]}, nil
}

// maxChain bounds the certificates of one chain: verification is work.
const maxChain = 10

// lowest returns the one that is no other's issuer: EJBCA sends it first, but
// its order is not relied on.
func lowest(chain []*x509.Certificate) *x509.Certificate {
	for _, c := range chain {
		signs := func(o *x509.Certificate) bool { return !o.Equal(c) && provider.Signed(c, o) }
		if !slices.ContainsFunc(chain, signs) {
			return c
		}
	}
	return nil
}

func filter(certs []*x509.Certificate, keep func(*x509.Certificate) bool) []*x509.Certificate {
	var out []*x509.Certificate
	for _, c := range certs {
		if keep(c) {
			out = append(out, c)
		}
	}
	return out
}

// CRLs returns the latest complete CRL of each CA that has issued one. Of a CA
// whose CRL is partitioned it is the main partition.
func (s *session) CRLs(ctx context.Context) ([]*x509.RevocationList, error) {
	list, err := s.list(ctx)
	if err != nil {
		return nil, err
	}
	var out []*x509.RevocationList
	for _, ca := range list {
		var answer struct {
			CRL []byte `json:"crl"`
		}
		r := rest.Request{Path: "v1/ca/" + url.PathEscape(ca.Subject) + "/getLatestCrl", Query: url.Values{"deltaCrl": {"false"}, "crlPartitionIndex": {"0"}}}
		if err := s.json(ctx, r, &answer); err != nil {
			return nil, err
		}
		if len(answer.CRL) == 0 {
			continue
		}
		a, err := s.authority(ctx, ca)
		if err != nil {
			return nil, err
		}
		if a.Issuing == nil {
			continue
		}
		crl, err := provider.ParseCRL(answer.CRL, []*x509.Certificate{a.Issuing}, s.http.Host())
		if err != nil {
			return nil, err
		}
		out = append(out, crl)
	}
	return out, nil
}
