package digicertone

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// The bounds of what is read: profiles of an account, certificates of a chain.
const (
	maxProfiles = 1000
	maxChain    = 16
)

// A profile is one certificate profile, in the list without its issuer.
type profile struct {
	ID          rest.Text `json:"id"`
	Name        rest.Text `json:"name"`
	Certificate struct {
		Issuer *caResponse `json:"issuer"`
	} `json:"certificate"`
}

// A caResponse is a CA certificate with those above it.
type caResponse struct {
	Certificate rest.Text    `json:"certificate"`
	Chain       []caResponse `json:"chain"`
}

// profileList is the answer to GET /profile: an array, which the vendor's
// OpenAPI document nests in another.
type profileList []profile

// UnmarshalJSON reads an array of profiles, or an array of such arrays.
func (l *profileList) UnmarshalJSON(b []byte) error {
	var flat []profile
	err := json.Unmarshal(b, &flat)
	if err == nil {
		*l = flat
		return nil
	}
	var nested [][]profile
	if json.Unmarshal(b, &nested) != nil {
		return err
	}
	for _, list := range nested {
		*l = append(*l, list...)
	}
	return nil
}

// Authorities returns the issuing CAs of the profiles, each once with all of its
// profiles. A chain that does not link is an error with CodeRootInvalid, a
// profile that the account does not have one with CodeProfileUnknown.
func (s *session) Authorities(ctx context.Context) (provider.Authorities, error) {
	ids := s.profiles
	var told map[string]*caResponse // by profile
	if ids == nil {
		var err error
		if ids, told, err = s.allProfiles(ctx); err != nil {
			return provider.Authorities{}, err
		}
	}
	var out provider.Authorities
	index := map[string]int{} // of an authority, by its certificate
	for _, id := range ids {
		a, err := s.issuer(ctx, id, told[id])
		if err != nil {
			return provider.Authorities{}, err
		}
		if a.Issuing == nil {
			continue
		}
		i, known := index[string(a.Issuing.Raw)]
		if !known {
			i = len(out.List)
			index[string(a.Issuing.Raw)] = i
			out.List = append(out.List, a)
		}
		out.List[i].ProfileIDs = append(out.List[i].ProfileIDs, id)
	}
	if len(out.List) == 0 {
		return provider.Authorities{}, &provider.Error{Code: provider.CodeIncompleteListing, Msg: s.Host() + " shows no certificate profile with an issuing CA; give the service user access to the profiles"}
	}
	return out, nil
}

// allProfiles returns the ids of the profiles that the caller sees, and the
// issuers that the list tells with their chains already.
func (s *session) allProfiles(ctx context.Context) ([]string, map[string]*caResponse, error) {
	var list profileList
	if _, err := s.JSON(ctx, profileRequest(""), &list); err != nil {
		return nil, nil, err
	}
	if len(list) > maxProfiles {
		return nil, nil, &provider.Error{Code: provider.CodeProtocol, Msg: fmt.Sprintf("%s lists %d profiles; at most %d are read: name those to follow in %s", s.Host(), len(list), maxProfiles, settingProfiles)}
	}
	var ids []string
	told := map[string]*caResponse{}
	for _, p := range list {
		id := string(p.ID)
		if id == "" || checkID(id) != nil {
			return nil, nil, &provider.Error{Code: provider.CodeParse, Msg: fmt.Sprintf("the answer of %s to /profile has a profile without a usable id", s.Host())}
		}
		ids = append(ids, id)
		if issuer := p.Certificate.Issuer; issuer != nil && len(issuer.Chain) > 0 {
			told[id] = issuer
		}
	}
	return ids, told, nil
}

// issuer returns the authority behind a profile, which may be told already. A
// profile without an issuer, such as one of a public CA that is not set up, has
// none.
func (s *session) issuer(ctx context.Context, id string, told *caResponse) (provider.Authority, error) {
	if told == nil {
		var err error
		if told, err = s.fetchIssuer(ctx, id); err != nil || told == nil {
			return provider.Authority{}, err
		}
	}
	certs, err := chainOf(*told)
	var a provider.Authority
	if err == nil {
		a, err = provider.NewAuthority(certs[0], certs[1:])
	}
	if err != nil {
		return provider.Authority{}, &provider.Error{Code: provider.CodeRootInvalid, Err: err, Msg: fmt.Sprintf("the issuing CA of profile %s: %s", id, s.words.Clean(err.Error(), maxWords))}
	}
	a.ID = provider.Clean(a.Issuing.Subject.String(), 200)
	return a, nil
}

func (s *session) fetchIssuer(ctx context.Context, id string) (*caResponse, error) {
	var p profile
	_, err := s.JSON(ctx, profileRequest(id), &p)
	var e *provider.Error
	if errors.As(err, &e) && rest.IsStatus(err, http.StatusNotFound) && e.UpstreamCode != "" {
		return nil, &provider.Error{
			Code: provider.CodeProfileUnknown, UpstreamCode: e.UpstreamCode, Err: err,
			Msg: fmt.Sprintf("%s has no certificate profile %s; correct %s", s.Host(), id, settingProfiles),
		}
	}
	return p.Certificate.Issuer, err
}

// chainOf returns the certificate of an answer and all those in its chain.
func chainOf(ca caResponse) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for open := []caResponse{ca}; len(open) > 0; open = open[1:] {
		if len(certs) == maxChain {
			return nil, fmt.Errorf("its chain has more than %d certificates", maxChain)
		}
		c, err := caCertificate(string(open[0].Certificate))
		if err != nil {
			return nil, err
		}
		certs = append(certs, c)
		open = append(open, open[0].Chain...)
	}
	return certs, nil
}

// caCertificate reads one CA certificate: PEM, or base64 of DER.
func caCertificate(v string) (*x509.Certificate, error) {
	c, _, err := provider.DecodeCertificate(v)
	if err != nil {
		return nil, fmt.Errorf("a certificate of its chain cannot be read: %w", err)
	}
	return c, nil
}
