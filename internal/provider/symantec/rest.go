package symantec

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// restURI is the production address of the REST service ("DigiCert PKI Platform
// Web Services", X-API-Key), in the place of Kind.DefaultURI.
const restURI = "https://pki-ws-rest.symauth.com/mpki/api/v1/"

// usesREST reports whether the credentials are those of the REST service: an API
// key, which PKI Manager makes, and no RA certificate. Where both are there the
// certificate counts, as the SOAP services alone tell roots and revocations.
//
// An address of the SOAP services is never sent a password, whatever is missing.
func usesREST(c provider.Config) bool {
	soap := c.ServiceURI != Kind().DefaultURI && strings.HasSuffix(strings.TrimSuffix(c.ServiceURI, "/"), "/pki-ws")
	return !soap && c.Credentials.Certificate.IsEmpty() && !c.Credentials.Password.IsEmpty()
}

// restBase returns the base address of the REST service.
func restBase(c provider.Config) (*url.URL, error) {
	if c.ServiceURI == Kind().DefaultURI {
		return provider.ParseServiceURI(restURI)
	}
	return provider.ParseServiceURI(c.ServiceURI)
}

// A restSession reads profiles with their issuers, and the inventory profile by
// profile: the service finds certificates by criteria only.
type restSession struct {
	client   *rest.Client
	profiles []string            // nil is all
	above    []*x509.Certificate // chainCertificates
	words    provider.Cleaner
	config   provider.Config
}

func openREST(c provider.Config) (provider.Session, error) {
	base, err := restBase(c)
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: "serviceUri: " + err.Error()}
	}
	oids, err := profiles(c.Settings[settingProfiles])
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeProfileUnknown, Msg: settingProfiles + ": " + err.Error()}
	}
	above, err := chainCertificates(c.Settings[settingChain])
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeRootInvalid, Msg: settingChain + ": " + err.Error()}
	}
	client, err := c.Transport.Client(provider.ClientOptions{ServerCAs: c.ServerCAs})
	if err != nil {
		return nil, err
	}
	words := provider.NewCleaner(c.Credentials.Password)
	return &restSession{
		client: rest.New(rest.Options{
			Base: base, HTTP: client, Now: c.Now, Words: words, MaxAnswer: maxAnswer,
			Header:  http.Header{"X-Api-Key": {string(c.Credentials.Password.Reveal())}},
			Explain: func(e *provider.Error, status int, body []byte) { explain(e, words, status, body) },
		}),
		profiles: oids, above: above, words: words, config: c,
	}, nil
}

// chainCertificates reads the setting of that name; "" is none.
func chainCertificates(v string) ([]*x509.Certificate, error) {
	if v == "" {
		return nil, nil
	}
	list, err := provider.ParseCertificates([]byte(v))
	if err != nil {
		return nil, errors.New("holds no readable certificates (PEM)")
	}
	return list, nil
}

// explain takes the service's own words: {"errors":[{"code","message","field"}]}.
func explain(e *provider.Error, words provider.Cleaner, status int, body []byte) {
	var said struct {
		Errors []struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &said) != nil || len(said.Errors) == 0 {
		return
	}
	first := said.Errors[0]
	e.Retry = "" // the service itself speaks, not a proxy before it
	e.UpstreamCode = words.Clean(first.Code, maxID)
	e.Msg = fmt.Sprintf("the CA answers HTTP %d: %s", status, words.Clean(first.Message, maxWords))
	switch {
	case status == http.StatusUnauthorized:
		e.Msg += "; credentials/adminPassword is sent as the API key where there is no authenticationCertificate"
	case status == http.StatusForbidden || status == http.StatusTooManyRequests:
	case status >= 500:
		e.Code = provider.CodeUpstreamFault
	default:
		e.Code = classify(strings.ToLower(first.Code + " " + first.Message))
	}
}

// Probe asks for the profiles, which needs the key.
func (s *restSession) Probe(ctx context.Context) (provider.Probe, error) {
	_, err := s.listProfiles(ctx)
	return provider.Probe{}, err
}

// Close closes idle connections.
func (s *restSession) Close() error { return s.client.Close() }

// A restProfile is one element of GET /profile.
type restProfile struct {
	ID          string `json:"id"`
	Certificate struct {
		Issuer struct {
			SubjectDN   string `json:"subject_dn"`
			Certificate string `json:"certificate"`
		} `json:"issuer"`
	} `json:"certificate"`
}

// listProfiles returns the profiles that are followed.
func (s *restSession) listProfiles(ctx context.Context) ([]restProfile, error) {
	var answer json.RawMessage
	got, err := s.client.JSON(ctx, rest.Request{Path: "profile"}, &answer)
	if err != nil {
		return nil, err
	}
	list, err := readProfiles(answer)
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeParse, Msg: "the CA's list of profiles cannot be read", TxID: got.TxID, Err: err}
	}
	if s.profiles == nil {
		return list, nil
	}
	var followed []restProfile
	for _, want := range s.profiles {
		i := slices.IndexFunc(list, func(p restProfile) bool { return p.ID == want })
		if i < 0 {
			return nil, &provider.Error{Code: provider.CodeProfileUnknown, Msg: fmt.Sprintf("the CA has no certificate profile %s; correct %s", want, settingProfiles)}
		}
		followed = append(followed, list[i])
	}
	return followed, nil
}

// readProfiles reads the answer, an array or an object that holds one: the
// documentation shows the elements only.
func readProfiles(b []byte) ([]restProfile, error) {
	var list []restProfile
	if err := json.Unmarshal(b, &list); err == nil {
		return list, nil
	}
	var object struct {
		Profiles []restProfile `json:"profiles"`
	}
	if err := json.Unmarshal(b, &object); err != nil {
		return nil, fmt.Errorf("decode profiles: %w", err)
	}
	return object.Profiles, nil
}

// Authorities returns the issuers of the profiles. The service tells the issuing
// CA alone; what is above comes from the setting chainCertificates. Without it
// the root is known only where the issuing CA is itself a root.
func (s *restSession) Authorities(ctx context.Context) (provider.Authorities, error) {
	list, err := s.listProfiles(ctx)
	if err != nil {
		return provider.Authorities{}, err
	}
	var out provider.Authorities
	for _, p := range list {
		cert, err := decodeAuthority(p.Certificate.Issuer.Certificate)
		if err != nil {
			return provider.Authorities{}, &provider.Error{Code: provider.CodeRootInvalid, Msg: fmt.Sprintf("the issuer of profile %s cannot be read", provider.Clean(p.ID, 80)), Err: err}
		}
		i := slices.IndexFunc(out.List, func(a provider.Authority) bool { return a.Issuing.Equal(cert) })
		if i < 0 {
			a, err := provider.NewAuthority(cert, s.above)
			if err != nil {
				return provider.Authorities{}, &provider.Error{Code: provider.CodeRootInvalid, Err: err, Msg: fmt.Sprintf("the issuer of profile %s: %s; correct %s", provider.Clean(p.ID, 80), err, settingChain)}
			}
			a.ID = provider.Clean(cmp.Or(p.Certificate.Issuer.SubjectDN, cert.Subject.String()), 200)
			out.List, i = append(out.List, a), len(out.List)
		}
		out.List[i].ProfileIDs = append(out.List[i].ProfileIDs, p.ID)
	}
	if len(out.List) == 0 {
		return provider.Authorities{}, &provider.Error{Code: provider.CodeIncompleteListing, Msg: "the CA lists no certificate profile"}
	}
	return out, nil
}

// upstreamCode returns the CA's own code of an error.
func upstreamCode(err error) string {
	var e *provider.Error
	if errors.As(err, &e) {
		return e.UpstreamCode
	}
	return ""
}
