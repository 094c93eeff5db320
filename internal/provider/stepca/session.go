package stepca

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"cloudpki/internal/provider"
)

// The bounds of what is read.
const (
	maxAnswer  = 1 << 20  // bytes of JSON
	maxCRL     = 16 << 20 // bytes of DER; some 400 000 entries
	maxMessage = 300      // bytes of the CA's own words in a report
	maxTxID    = 64       // bytes of its request id
	maxIssuers = 64       // certificates in one list
)

// A session is one conversation with a CA. It keeps nothing but its client.
type session struct {
	base        *url.URL // ends in a slash
	client      *provider.Client
	pinned      bool                 // TLS is verified against the root of rootFingerprint
	credentials provider.Credentials // of a provisioner
	words       provider.Cleaner     // of what the CA says
	now         func() time.Time
}

// Probe asks for the CA's health and its roots, which shows that the server is a
// step-ca, verified by TLS. A password is proved by the key that it opens; the
// CA does not see it.
func (s *session) Probe(ctx context.Context) (provider.Probe, error) {
	var health struct {
		Status string `json:"status"`
	}
	if err := s.getJSON(ctx, "health", nil, &health); err != nil {
		return provider.Probe{}, err
	}
	if health.Status != "ok" {
		return provider.Probe{}, &provider.Error{
			Code: provider.CodeUpstreamFault,
			Msg:  fmt.Sprintf("%s does not call itself healthy; its status is '%s'", s.base.Host, provider.Clean(health.Status, maxMessage)),
		}
	}
	if _, err := s.roots(ctx); err != nil || s.credentials.Password.IsEmpty() {
		return provider.Probe{}, err
	}
	key, err := s.provisioner(ctx, "")
	var fault *provider.Error
	if errors.As(err, &fault) && fault.Code == provider.CodeProfileUnknown {
		return provider.Probe{}, nil // requests must name theirs
	}
	return provider.Probe{Account: provider.Clean(key.name, maxMessage)}, err
}

// Close closes idle connections.
func (s *session) Close() error {
	s.client.Close()
	return nil
}

// getJSON decodes the answer to GET path into v.
func (s *session) getJSON(ctx context.Context, path string, query url.Values, v any) error {
	address := s.base.JoinPath(path)
	address.RawQuery = query.Encode()
	return s.json(ctx, http.MethodGet, address, nil, v)
}

// json decodes the answer to a request into v. The CA answers its lists and
// what it has signed with 201, not 200.
func (s *session) json(ctx context.Context, method string, address *url.URL, content []byte, v any) error {
	resp, err := s.do(ctx, method, address, content)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // only read from
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated {
		return s.statusFault(resp)
	}
	body, err := s.read(resp, maxAnswer)
	if err != nil {
		return err
	}
	if err := decode(body, v); err != nil {
		return &provider.Error{Code: provider.CodeParse, Msg: fmt.Sprintf("the answer of %s to %s cannot be read; is it a step-ca?", s.base.Host, address.Path), Err: err}
	}
	return nil
}

// get sends one request. The caller closes the answer's body.
func (s *session) get(ctx context.Context, path string) (*http.Response, error) {
	return s.do(ctx, http.MethodGet, s.base.JoinPath(path), nil)
}

// do sends one request, with content that is JSON. The caller closes the
// answer's body.
func (s *session) do(ctx context.Context, method string, address *url.URL, content []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address.String(), bytes.NewReader(content))
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: "serviceUri is not an address", Err: err}
	}
	if content != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := s.client.Do(req)
	var unknown x509.UnknownAuthorityError
	if s.pinned && errors.As(err, &unknown) {
		return nil, &provider.Error{
			Code: provider.CodeTLSServer,
			Msg:  fmt.Sprintf("the certificate of the server %s is not signed under the root in %s; another server answers there, or the CA was replaced", s.base.Host, memberFingerprint),
			Err:  err,
		}
	}
	return resp, err
}

// read returns the whole body, which must not be longer than limit.
func (s *session) read(resp *http.Response, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > limit {
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: fmt.Sprintf("the answer of %s is larger than %d bytes", s.base.Host, limit)}
	}
	return body, nil
}

// statusFault classifies an answer that is no success. Where step-ca itself
// gives the reason (errs.ErrorResponse), the reason is told and a 5xx is a
// fault of the CA, not of what lies before it.
func (s *session) statusFault(resp *http.Response) error {
	fault := provider.StatusError(resp, s.now())
	fault.Err = httpStatus(resp.StatusCode)
	fault.TxID = s.words.Clean(resp.Header.Get("X-Request-Id"), maxTxID)
	body, err := s.read(resp, maxAnswer)
	if err != nil {
		return fault // the status says more than why its text cannot be read
	}
	var said struct {
		Status  int    `json:"status"`
		Message string `json:"message"`
	}
	if decode(body, &said) != nil || said.Message == "" || said.Status != resp.StatusCode {
		return fault
	}
	fault.Retry = "" // the CA itself speaks, not a proxy before it
	if fault.Code == provider.CodeUpstream5xx {
		fault.Code = provider.CodeUpstreamFault
	}
	words := s.words.Clean(said.Message, maxMessage)
	fault.Err = reply{httpStatus(resp.StatusCode), words}
	fault.Msg = fmt.Sprintf("%s answers HTTP %d: %s", s.base.Host, resp.StatusCode, words)
	return fault
}

// A reply is an answer that is no success, in the CA's own words. It is the
// cause of a fault.
type reply struct {
	httpStatus
	words string // cleaned
}

func (r reply) Error() string { return r.httpStatus.Error() + ": " + r.words }

func (r reply) Unwrap() error { return r.httpStatus }

// An httpStatus is the status of an answer as the cause of a fault.
type httpStatus int

func (s httpStatus) Error() string { return fmt.Sprintf("HTTP status %d", int(s)) }

// isStatus reports whether err is an answer with one of the given statuses.
func isStatus(err error, of ...httpStatus) bool {
	var status httpStatus
	return errors.As(err, &status) && slices.Contains(of, status)
}

// decode reads one JSON value that fills the whole body.
func decode(body []byte, v any) error {
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("decode JSON: %w", err)
	}
	return nil
}
