package entrustgateway

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// maxProfiles bounds the profiles of one CA, maxChain the certificates above it.
const (
	maxProfiles = 1000
	maxChain    = 16
)

type certificateData struct {
	Data rest.Text `json:"certificateData"`
}

// Authorities returns the followed CAs with their chains and profiles. A chain
// that does not link is an error with CodeRootInvalid; a CA that the gateway
// does not show, one with CodeProfileUnknown.
func (s *session) Authorities(ctx context.Context) (provider.Authorities, error) {
	ids, err := s.followed(ctx)
	if err != nil {
		return provider.Authorities{}, err
	}
	var out provider.Authorities
	for _, id := range ids {
		a, err := s.authority(ctx, id)
		if said(err, http.StatusNotFound) {
			err = s.unknownCA(id, err)
		}
		if err != nil {
			return provider.Authorities{}, err
		}
		out.List = append(out.List, a)
	}
	return out, nil
}

func (s *session) authority(ctx context.Context, id string) (provider.Authority, error) {
	var answer struct {
		CA struct {
			Certificate certificateData   `json:"certificate"`
			Chain       []certificateData `json:"chain"`
		} `json:"ca"`
	}
	if _, err := s.JSON(ctx, caRequest(id), &answer); err != nil {
		return provider.Authority{}, err
	}
	fail := func(err error) (provider.Authority, error) {
		return provider.Authority{}, &provider.Error{Code: provider.CodeRootInvalid, Err: err, Msg: fmt.Sprintf("CA %s: %s", id, s.words.Clean(err.Error(), maxWords))}
	}
	if len(answer.CA.Chain) > maxChain {
		return fail(fmt.Errorf("its chain has more than %d certificates", maxChain))
	}
	var certs []*x509.Certificate
	for _, c := range append([]certificateData{answer.CA.Certificate}, answer.CA.Chain...) {
		cert, _, err := provider.DecodeCertificate(string(c.Data))
		if err != nil {
			return fail(fmt.Errorf("a certificate of its chain cannot be read: %w", err))
		}
		certs = append(certs, cert)
	}
	a, err := provider.NewAuthority(certs[0], certs[1:])
	if err != nil {
		return fail(err)
	}
	a.ID = id
	a.ProfileIDs, err = s.profiles(ctx, id)
	return a, err
}

// profiles returns the ids of the profiles of a CA.
func (s *session) profiles(ctx context.Context, id string) ([]string, error) {
	var answer struct {
		Profiles []struct {
			ID rest.Text `json:"id"`
		} `json:"profiles"`
	}
	if _, err := s.JSON(ctx, profilesRequest(id), &answer); err != nil {
		return nil, err
	}
	if len(answer.Profiles) > maxProfiles {
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: fmt.Sprintf("%s lists %d profiles of CA %s; at most %d are read", s.Host(), len(answer.Profiles), id, maxProfiles)}
	}
	var ids []string
	for _, p := range answer.Profiles {
		if v := provider.Clean(string(p.ID), 200); v != "" {
			ids = append(ids, v)
		}
	}
	return ids, nil
}
