package stepca

import (
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
	base   *url.URL // ends in a slash
	client *provider.Client
	pinned bool // TLS is verified against the root of rootFingerprint
	now    func() time.Time
}

// Probe asks for the CA's health and its roots. There are no credentials to
// prove: what it shows is that the server is a step-ca, verified by TLS.
func (s *session) Probe(ctx context.Context) (provider.Probe, error) {
	var health struct {
		Status string `json:"status"`
	}
	if err := s.getJSON(ctx, "health", &health); err != nil {
		return provider.Probe{}, err
	}
	if health.Status != "ok" {
		return provider.Probe{}, &provider.Error{
			Code: provider.CodeUpstreamFault,
			Msg:  fmt.Sprintf("%s does not call itself healthy; its status is '%s'", s.base.Host, provider.Clean(health.Status, maxMessage)),
		}
	}
	_, err := s.roots(ctx)
	return provider.Probe{}, err
}

// Close closes idle connections.
func (s *session) Close() error {
	s.client.Close()
	return nil
}

// getJSON decodes the answer to GET path into v. The CA answers its lists with
// 201, not 200.
func (s *session) getJSON(ctx context.Context, path string, v any) error {
	resp, err := s.get(ctx, path)
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
		return &provider.Error{Code: provider.CodeParse, Msg: fmt.Sprintf("the answer of %s to /%s cannot be read; is it a step-ca?", s.base.Host, path), Err: err}
	}
	return nil
}

// get sends one request. The caller closes the answer's body.
func (s *session) get(ctx context.Context, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base.JoinPath(path).String(), http.NoBody)
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: "serviceUri is not an address", Err: err}
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
	fault.TxID = provider.Clean(resp.Header.Get("X-Request-Id"), maxTxID)
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
	fault.Msg = fmt.Sprintf("%s answers HTTP %d: %s", s.base.Host, resp.StatusCode, provider.Clean(said.Message, maxMessage))
	return fault
}

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
