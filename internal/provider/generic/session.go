package generic

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/published"
)

// A session is one look at the files.
type session struct {
	places

	files  published.Reader
	certs  []*x509.Certificate // of all files, once they were read
	rooted []*x509.Certificate // those of them that are roots to take
}

// Probe reads the certificates: there is no login to prove. They are kept for
// what follows in the same session.
func (s *session) Probe(ctx context.Context) (provider.Probe, error) {
	_, err := s.authorities(ctx)
	return provider.Probe{}, err
}

// Close closes idle connections.
func (s *session) Close() error {
	s.files.Client.Close()
	return nil
}

// Authorities returns one authority for each issuing or intermediate
// certificate, see published.Arrange. Roots come from rootUrls alone: what
// signed itself in a file of chainUrls is passed over, unless rootUrls has it.
//
// A certificate that leads to no root is an error with CodeUpstreamFault, unless
// rootFingerprints leaves roots out. That none of the pinned roots is in the
// files is one with CodeRootInvalid.
func (s *session) Authorities(ctx context.Context) (provider.Authorities, error) {
	list, err := s.authorities(ctx)
	return provider.Authorities{List: list}, err
}

// CRLs returns the lists of crlUrls, each checked against the certificates.
func (s *session) CRLs(ctx context.Context) ([]*x509.RevocationList, error) {
	if len(s.crls) == 0 {
		return nil, nil
	}
	list, err := s.authorities(ctx)
	if err != nil {
		return nil, err
	}
	var issuers []*x509.Certificate
	for _, a := range list {
		issuers = append(issuers, a.Chain...)
		for _, c := range []*x509.Certificate{a.Issuing, a.Root} {
			if c != nil {
				issuers = append(issuers, c)
			}
		}
	}
	return s.files.CRLs(ctx, s.crls, published.Distinct(issuers))
}

func (s *session) authorities(ctx context.Context) ([]provider.Authority, error) {
	roots, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	list, stray := published.Arrange(s.certs, func(c *x509.Certificate) bool { return slices.ContainsFunc(roots, c.Equal) })
	if len(stray) > 0 && s.pinned == nil {
		return nil, &provider.Error{
			Code: provider.CodeUpstreamFault,
			Msg: fmt.Sprintf("'%s' leads to none of the roots in %s; add the file of its root, or the certificates between to %s",
				provider.Clean(stray[0].Subject.String(), 200), settingRoots, settingChain),
		}
	}
	return list, nil
}

// read reads the files, once in a session, and returns the roots to take.
func (s *session) read(ctx context.Context) ([]*x509.Certificate, error) {
	if s.certs == nil {
		rooted, err := s.files.Certificates(ctx, s.roots)
		if err != nil {
			return nil, err
		}
		above, err := s.files.Certificates(ctx, s.chain)
		if err != nil {
			return nil, err
		}
		if s.rooted = s.take(rooted); len(s.rooted) == 0 {
			return nil, s.noRoot(rooted)
		}
		s.certs = published.Distinct(slices.Concat(rooted, above))
	}
	return s.rooted, nil
}

// take returns the roots among certs that are to be taken.
func (s *session) take(certs []*x509.Certificate) []*x509.Certificate {
	var roots []*x509.Certificate
	for _, c := range certs {
		if provider.IsRoot(c) && (s.pinned == nil || slices.Contains(s.pinned, sha256.Sum256(c.Raw))) {
			roots = append(roots, c)
		}
	}
	return roots
}

func (s *session) noRoot(certs []*x509.Certificate) *provider.Error {
	if s.pinned != nil && slices.ContainsFunc(certs, provider.IsRoot) {
		return &provider.Error{
			Code: provider.CodeRootInvalid,
			Msg:  fmt.Sprintf("no root in the files of %s has one of the fingerprints in %s; if the CA was replaced on purpose, set the fingerprint of its new root", settingRoots, settingFingerprints),
		}
	}
	return &provider.Error{
		Code: provider.CodeRootInvalid,
		Msg:  fmt.Sprintf("the files of %s hold no root, that is no certificate of a CA that signed itself; name the root there, and the others in %s", settingRoots, settingChain),
	}
}
