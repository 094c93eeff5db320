package est

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/published"
	"cloudpki/internal/secret"
)

// maxAnswer bounds an answer in bytes.
const maxAnswer = 1 << 20

// A session is one conversation with a server.
type session struct {
	operations    *url.URL // ends in the label, if there is one
	client        *provider.Client
	pinned        bool        // TLS is verified against the root of rootFingerprint
	authorization secret.Text // HTTP Basic; empty for none
	account       string
	crls          []*url.URL
	now           func() time.Time
	certs         []*x509.Certificate // of /cacerts, once it was read
}

// Probe asks for the CA certificates and, with credentials, for the attributes
// of requests (RFC 7030, 4.5), of which there may be none. That call proves the
// credentials where the server asks for them; the RFC recommends that it does
// not. A client certificate is proven by TLS, where the server asks for one.
func (s *session) Probe(ctx context.Context) (provider.Probe, error) {
	if _, err := s.certificates(ctx); err != nil {
		return provider.Probe{}, err
	}
	if s.account != "" {
		if err := s.attributes(ctx); err != nil {
			return provider.Probe{}, err
		}
	}
	return provider.Probe{Account: s.account}, nil
}

// Close closes idle connections.
func (s *session) Close() error {
	s.client.Close()
	return nil
}

// Authorities returns one authority for each CA certificate that can issue, and
// for each certificate of a key rollover, see published.Arrange. Where the
// server leaves out the root, the authorities have none.
//
// A certificate that leads to none of the server's roots is an error with
// CodeUpstreamFault.
func (s *session) Authorities(ctx context.Context) (provider.Authorities, error) {
	certs, err := s.certificates(ctx)
	if err != nil {
		return provider.Authorities{}, err
	}
	list, stray := published.Arrange(certs, provider.IsRoot)
	switch {
	case len(stray) > 0:
		return provider.Authorities{}, &provider.Error{
			Code: provider.CodeUpstreamFault,
			Msg: fmt.Sprintf("%s lists '%s' among its CA certificates, but none that leads from it to a root; correct the server's list",
				s.operations.Host, provider.Clean(stray[0].Subject.String(), 200)),
		}
	case len(list) == 0:
		return provider.Authorities{}, &provider.Error{Code: provider.CodeUpstreamFault, Msg: fmt.Sprintf("%s lists no certificate of a CA", s.operations.Host)}
	}
	return provider.Authorities{List: list}, nil
}

// CRLs returns the lists of the setting crlUrls, each checked against the CA
// certificates; none where it is not set, as EST itself has no such call.
func (s *session) CRLs(ctx context.Context) ([]*x509.RevocationList, error) {
	if len(s.crls) == 0 {
		return nil, nil
	}
	certs, err := s.certificates(ctx)
	if err != nil {
		return nil, err
	}
	lists, err := s.files("").CRLs(ctx, s.crls, certs)
	return lists, s.explain(err)
}

// certificates returns what /cacerts lists. The CA certificates are for
// everyone (RFC 7030, 4.1.1), so no password is sent.
func (s *session) certificates(ctx context.Context) ([]*x509.Certificate, error) {
	if s.certs != nil {
		return s.certs, nil
	}
	address := s.operations.JoinPath("cacerts")
	certs, err := s.files("application/pkcs7-mime").Certificates(ctx, []*url.URL{address})
	var e *provider.Error
	if errors.As(err, &e) && e.Code == provider.CodeProtocol && isNotFound(e) {
		e.Msg = fmt.Sprintf("%s has no EST service at %s (HTTP 404); check serviceUri and label", s.operations.Host, provider.Clean(address.Path, 200))
	}
	s.certs = certs
	return certs, s.explain(err)
}

// attributes asks for the attributes of requests, with the password. What they
// are is of no matter here.
func (s *session) attributes(ctx context.Context) error {
	files := s.files("application/csrattrs")
	if !s.authorization.IsEmpty() {
		files.Header.Set("Authorization", string(s.authorization.Reveal()))
	}
	_, err := files.Get(ctx, s.operations.JoinPath("csrattrs"), maxAnswer)
	var e *provider.Error
	if errors.As(err, &e) && isNone(e) {
		return nil
	}
	return s.explain(err)
}

func (s *session) files(accept string) published.Reader {
	r := published.Reader{Client: s.client, Header: http.Header{}, Now: s.now}
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	return r
}

// isNotFound and isNone read the status of an answer: a server that has no
// attributes says 204 or 404 (RFC 7030, 4.5.2), and one that lacks the call
// altogether 501 or 405.
func isNotFound(e *provider.Error) bool { return published.IsStatus(e, http.StatusNotFound) }

func isNone(e *provider.Error) bool {
	return published.IsStatus(e, http.StatusNoContent, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented)
}

// explain names the fingerprint where it is what the server fails.
func (s *session) explain(err error) error {
	var unknown x509.UnknownAuthorityError
	if s.pinned && errors.As(err, &unknown) {
		return &provider.Error{
			Code: provider.CodeTLSServer,
			Msg: fmt.Sprintf("the certificate of the server %s is not signed under the root in %s; set %s to the CA that signed it, in place of the fingerprint, if the server is the right one",
				s.operations.Host, memberFingerprint, memberServerCAs),
			Err: err,
		}
	}
	return err
}
