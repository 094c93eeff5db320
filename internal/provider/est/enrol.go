package est

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/published"
)

// Issue enrols by /simpleenroll (RFC 7030, 4.2). EST knows no profiles: a label
// stands for a CA. A server that puts the request before a person answers 202,
// and knows the same request again (RFC 7030, 4.2.3).
func (s *session) Issue(ctx context.Context, r provider.Request) (provider.Issued, error) {
	if r.Profile != "" {
		return provider.Issued{}, &provider.Error{Code: provider.CodeProfileUnknown, Msg: "EST has no profiles; leave the profile out, and set providerSettings label where the server has several CAs"}
	}
	body, err := s.enrol(ctx, r.CSR)
	if err != nil {
		return provider.Issued{}, s.explain(err)
	}
	certs, err := published.ParseCertificates(body)
	if err != nil {
		return provider.Issued{}, &provider.Error{Code: provider.CodeParse, Err: err, Msg: s.operations.Host + " answers the request with something that is not certs-only PKCS#7"}
	}
	csr, err := x509.ParseCertificateRequest(r.CSR)
	if err != nil {
		return provider.Issued{}, &provider.Error{Code: provider.CodeParse, Retry: provider.RetryNever, Err: err, Msg: "the request is not PKCS#10"}
	}
	// The answer is a set: the certificate is the one with the key.
	slices.SortStableFunc(certs, func(a, b *x509.Certificate) int { return has(b, csr) - has(a, csr) })
	return provider.Issued{Chain: append(certs, s.certs...)}, nil
}

func has(c *x509.Certificate, csr *x509.CertificateRequest) int {
	if string(c.RawSubjectPublicKeyInfo) == string(csr.RawSubjectPublicKeyInfo) {
		return 1
	}
	return 0
}

// enrol sends the request in base64 (RFC 8951, 3.1) and returns the answer.
func (s *session) enrol(ctx context.Context, csr []byte) ([]byte, error) {
	if _, err := s.certificates(ctx); err != nil { // for the chain, which the answer leaves out
		return nil, err
	}
	address := s.operations.JoinPath("simpleenroll").String()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(base64.StdEncoding.EncodeToString(csr)))
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeInternal, Msg: "the request cannot be made", Err: err}
	}
	req.Header.Set("Content-Type", "application/pkcs10")
	req.Header.Set("Content-Transfer-Encoding", "base64")
	req.Header.Set("Accept", "application/pkcs7-mime")
	if !s.authorization.IsEmpty() {
		req.Header.Set("Authorization", string(s.authorization.Reveal()))
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read, or the read error is the one to tell
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusAccepted:
		return nil, provider.ApprovalPending(&provider.Pending{}, provider.RetryAfter(resp.Header, s.now()))
	case http.StatusBadRequest:
		return nil, &provider.Error{Code: provider.CodeUpstreamFault, Retry: provider.RetryNever, Msg: s.operations.Host + " refuses the request (HTTP 400)"}
	default:
		return nil, provider.StatusError(resp, s.now())
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxAnswer:
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: fmt.Sprintf("the answer of %s is larger than %d bytes", s.operations.Host, maxAnswer)}
	}
	return body, nil
}
