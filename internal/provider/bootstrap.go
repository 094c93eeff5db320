package provider

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxRootAnswer bounds the answer FetchRoot reads.
const maxRootAnswer = 256 << 10

// FetchRoot gets the root certificate whose SHA-256 the operator already knows
// from a server that cannot be verified yet, and returns it only if the hash is
// right. It is the one place where a server's certificate is not checked:
// nothing secret is sent, and nothing but the pinned certificate comes out.
//
// fingerprint is the SHA-256 of the root's DER in hex, colons permitted; decode
// turns the body of a 200 into the certificate. The way is the one step-ca
// calls bootstrap (smallstep/certificates, GET /root/{sha}).
//
// Errors are *Error: CodeRootInvalid for a wrong fingerprint, by the answer's
// hash or by a 404, CodeParse for an answer decode refuses, else as of
// Client.Do and StatusError.
func (t *Transport) FetchRoot(ctx context.Context, address, fingerprint string, decode func(body []byte) (*x509.Certificate, error)) (*x509.Certificate, error) {
	want, err := ParseFingerprint(fingerprint)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, &Error{Code: CodeProtocol, Msg: "serviceUri is not an address", Err: err}
	}
	c := &Client{t: t}
	c.init(&tls.Config{MinVersion: tls.VersionTLS12, Time: t.opts.Now, InsecureSkipVerify: true}) //nolint:gosec // see above
	defer c.Close()
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // read to the end below, or refused
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, &Error{Code: CodeRootInvalid, Msg: fmt.Sprintf("%s has no root with the configured SHA-256 fingerprint", req.URL.Host)}
	default:
		return nil, StatusError(resp, t.opts.Now())
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxRootAnswer))
	if err != nil {
		return nil, err
	}
	root, err := decode(body)
	if err != nil {
		return nil, &Error{Code: CodeParse, Msg: fmt.Sprintf("the answer of %s is not a root certificate", req.URL.Host), Err: err}
	}
	got := sha256.Sum256(root.Raw)
	if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
		return nil, &Error{Code: CodeRootInvalid, Msg: fmt.Sprintf("the root that %s gives has another SHA-256 fingerprint than the configured one", req.URL.Host)}
	}
	return root, nil
}

// ParseFingerprint reads a SHA-256 fingerprint: 64 hex digits of either case,
// colons permitted. The error is an *Error with CodeRootInvalid.
func ParseFingerprint(s string) ([sha256.Size]byte, error) {
	var sum [sha256.Size]byte
	b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(s), ":", ""))
	if err != nil || len(b) != len(sum) {
		return sum, &Error{Code: CodeRootInvalid, Msg: "a root fingerprint is the SHA-256 of the certificate as 64 hex digits", Err: err}
	}
	copy(sum[:], b)
	return sum, nil
}
