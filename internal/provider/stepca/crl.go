package stepca

import (
	"context"
	"crypto/x509"
	"net/http"
	"slices"

	"cloudpki/internal/provider"
)

// CRLs returns the CA's list, if it makes one (ca.json, crl.enabled), after
// checking its signature against the intermediates and roots. A CA that makes
// none answers 404, 501, or nothing at all: then there are no lists and no
// error.
//
// A list whose nextUpdate has passed is returned too. step-ca only ever adds
// to its list, so what an old one says stays true; that it may lack the newest
// revocations can be told from RevocationList.NextUpdate.
//
// Errors have CodeParse for a list that cannot be read, CodeUpstreamFault for
// one that no authority signed, and CodeUnsupported for one that is not
// complete by itself (delta or indirect CRL, RFC 5280, 5.2.4 and 5.2.5).
func (s *session) CRLs(ctx context.Context) ([]*x509.RevocationList, error) {
	der, err := s.crl(ctx)
	if err != nil || len(der) == 0 {
		return nil, err
	}
	roots, intermediates, err := s.certificates(ctx)
	if err != nil {
		return nil, err
	}
	list, err := provider.ParseCRL(der, slices.Concat(intermediates, roots), s.base.Host)
	if err != nil {
		return nil, err
	}
	return []*x509.RevocationList{list}, nil
}

// crl returns the DER of the CA's list; none where the CA makes none.
func (s *session) crl(ctx context.Context) ([]byte, error) {
	resp, err := s.get(ctx, "crl")
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // only read from
	switch resp.StatusCode {
	case http.StatusOK:
		return s.read(resp, maxCRL)
	case http.StatusNotFound, http.StatusNotImplemented, http.StatusNoContent:
		return nil, nil
	default:
		return nil, s.statusFault(resp)
	}
}
