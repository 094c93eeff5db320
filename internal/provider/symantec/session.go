package symantec

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"cloudpki/internal/provider"
)

// A session makes one call at a time; the service wants no more.
type session struct {
	client   *provider.Client
	base     *url.URL
	profiles []string // nil is all
	account  string
	subject  string // of the client certificate
	now      func() time.Time
	words    provider.Cleaner // of what the CA says; knows the secrets
	probed   *policies        // what Probe was told, until Authorities takes it
}

// Probe asks for the policies: a health check would not prove permissions. The
// answer is kept for Authorities, as it can be large.
func (s *session) Probe(ctx context.Context) (provider.Probe, error) {
	p, err := s.policies(ctx)
	if err != nil {
		return provider.Probe{}, err
	}
	s.probed = &p
	return provider.Probe{Account: s.subject, NextSync: p.nextSync}, nil
}

// Close closes idle connections.
func (s *session) Close() error {
	s.client.Close()
	return nil
}

// maxAnswer bounds an answer: a page of 50 certificates takes about 200 KiB,
// the policies of a large account some MiB.
const maxAnswer = 16 << 20

// call sends a request and returns the element of the answer's body, which has
// the wanted name. txID is the service's transaction id, also beside an error.
func (s *session) call(ctx context.Context, r request) (*node, error) {
	body, err := r.envelope()
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeInternal, Msg: "the request cannot be written", Err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base.JoinPath(r.service).String(), bytes.NewReader(body))
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeInternal, Msg: "the request cannot be made", Err: err}
	}
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	req.Header.Set("SOAPAction", `"`+r.action+`"`)
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read, or the read error is the one to tell
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(answer) > maxAnswer {
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: fmt.Sprintf("the answer to %s is larger than %d bytes", r.action, maxAnswer)}
	}
	return s.read(resp, answer, r)
}

// read takes the body out of an answer. A fault is one whatever the status.
func (s *session) read(resp *http.Response, answer []byte, r request) (*node, error) {
	content, err := parseEnvelope(answer)
	ok := resp.StatusCode >= 200 && resp.StatusCode < 300
	switch {
	case err == nil && content.name.Local == "Fault":
		return nil, s.fault(content, resp)
	case !ok:
		return nil, provider.StatusError(resp, s.now())
	case err != nil:
		return nil, notAnEnvelope(resp.Request.URL.Host, answer, err)
	case content.name != r.wants:
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: fmt.Sprintf("the answer is %s, not %s", provider.Clean(content.name.Local, 80), r.wants.Local)}
	}
	return content, nil
}

// notAnEnvelope tells a page of something else from broken XML.
func notAnEnvelope(host string, answer []byte, cause error) *provider.Error {
	if head := answer[:min(len(answer), 1024)]; bytes.Contains(head, []byte("Envelope")) {
		return &provider.Error{Code: provider.CodeParse, Msg: fmt.Sprintf("the answer of %s is broken XML", host), Err: cause}
	}
	return &provider.Error{Code: provider.CodeProtocol, Msg: fmt.Sprintf("%s does not answer with SOAP; check serviceUri", host), Err: cause}
}

// transactionID returns an id of our own for a request; the schema permits 40
// characters.
func transactionID() string { return rand.Text() }
