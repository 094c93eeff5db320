package vault

import (
	"bytes"
	"context"
	"crypto/x509"
	"net/http"
	"net/url"
	"slices"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// CRLs returns the revocation list of each issuer that has a key, each once, as
// issuers of one key share theirs. Vault makes them anew with each revocation,
// unless it was told to make them by the clock (config/crl, auto_rebuild). An
// issuer without a list has none; that is no error.
func (s *session) CRLs(ctx context.Context) ([]*x509.RevocationList, error) {
	if err := s.keepLogin(ctx); err != nil {
		return nil, err
	}
	all, err := s.loadIssuers(ctx)
	if err != nil {
		return nil, err
	}
	var lists []*x509.RevocationList
	for _, i := range all.list {
		if i.keyless {
			continue
		}
		path := "crl" // of the one issuer of an old version
		if i.id != "" {
			path = "issuer/" + url.PathEscape(i.id) + "/crl/der"
		}
		list, err := s.crl(ctx, path, all.pool)
		if err != nil {
			return nil, err
		}
		same := func(l *x509.RevocationList) bool { return bytes.Equal(l.Raw, list.Raw) }
		if list != nil && !slices.ContainsFunc(lists, same) {
			lists = append(lists, list)
		}
	}
	return lists, nil
}

// crl returns one list, or nil where there is none.
func (s *session) crl(ctx context.Context, path string, signers []*x509.Certificate) (*x509.RevocationList, error) {
	a, err := s.rest.Do(ctx, rest.Request{Path: s.at(path), Accept: "*/*"})
	if isNothing(err) || err == nil && (a.Status == http.StatusNoContent || len(a.Body) == 0) {
		return nil, nil //nolint:nilnil // none is an answer
	}
	if err != nil {
		return nil, s.aboutMount(err)
	}
	return provider.ParseCRL(a.Body, signers, s.rest.Host())
}
