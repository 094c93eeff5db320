// Package published reads what CAs publish for everyone at plain addresses:
// certificates as PEM, DER or certs-only PKCS#7 (.pem, .crt, .cer, .p7b, .p7c),
// and revocation lists (.crl). It also puts certificates in order, as such
// files tell nothing of who signed whom.
package published

import (
	"bytes"
	"context"
	"crypto/x509"
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
	maxFile         = 1 << 20  // bytes of one file of certificates
	maxLists        = 32 << 20 // bytes of all revocation lists together; some 800 000 entries
	maxCertificates = 64       // of all files together
)

// A Reader fetches files through the client of a session.
type Reader struct {
	Client *provider.Client
	Header http.Header // sent with each request; nil is none
	Now    func() time.Time
}

// Get reads the whole of what stands at address, at most limit bytes. Every
// status but 200 is an error.
func (r Reader) Get(ctx context.Context, address *url.URL, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), http.NoBody)
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeInternal, Msg: "the request cannot be made", Err: err}
	}
	for name, values := range r.Header {
		req.Header[name] = values
	}
	resp, err := r.Client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read, or the read error is the one to tell
	if resp.StatusCode != http.StatusOK {
		return nil, r.statusFault(resp, address)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > limit {
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: fmt.Sprintf("%s is larger than %d bytes", name(address), limit)}
	}
	return body, nil
}

func (r Reader) statusFault(resp *http.Response, address *url.URL) *provider.Error {
	e := provider.StatusError(resp, r.Now())
	e.Err = httpStatus(resp.StatusCode)
	if resp.StatusCode == http.StatusNotFound {
		e.Msg = fmt.Sprintf("%s answers HTTP 404; correct the address in the settings", name(address))
	}
	return e
}

// An httpStatus is the status of an answer as the cause of an error.
type httpStatus int

func (s httpStatus) Error() string { return fmt.Sprintf("HTTP status %d", int(s)) }

// IsStatus reports whether err is that of an answer with one of the statuses.
func IsStatus(err error, of ...int) bool {
	var s httpStatus
	return errors.As(err, &s) && slices.Contains(of, int(s))
}

// Certificates reads the files at the addresses. Each certificate comes once,
// in the order of the files.
func (r Reader) Certificates(ctx context.Context, addresses []*url.URL) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for _, address := range addresses {
		body, err := r.Get(ctx, address, maxFile)
		if err != nil {
			return nil, err
		}
		certs, err := ParseCertificates(body)
		if err != nil {
			return nil, unreadable(body, address, "certificates (PEM, DER or PKCS#7)", err)
		}
		if all = Distinct(append(all, certs...)); len(all) > maxCertificates {
			return nil, &provider.Error{Code: provider.CodeProtocol, Msg: fmt.Sprintf("%s and the files before it hold more than %d certificates", name(address), maxCertificates)}
		}
	}
	return all, nil
}

// CRLs reads the revocation lists at the addresses and checks that one of
// issuers signed each, see provider.ParseCRL.
//
// A list whose nextUpdate has passed is returned like any other: what it says
// stays true, and a CA that has ended often leaves its last list. That it may
// lack the newest revocations can be told from RevocationList.NextUpdate.
func (r Reader) CRLs(ctx context.Context, addresses []*url.URL, issuers []*x509.Certificate) ([]*x509.RevocationList, error) {
	var lists []*x509.RevocationList
	left := int64(maxLists)
	for _, address := range addresses {
		body, err := r.Get(ctx, address, left)
		if err != nil {
			return nil, err
		}
		left -= int64(len(body))
		if isPage(body) {
			return nil, unreadable(body, address, "a CRL (DER or PEM)", nil)
		}
		list, err := provider.ParseCRL(body, issuers, name(address))
		if err != nil {
			return nil, err
		}
		lists = append(lists, list)
	}
	return lists, nil
}

// unreadable tells a page for people, such as that of a login, from a file that
// is broken.
func unreadable(body []byte, address *url.URL, want string, cause error) *provider.Error {
	if isPage(body) {
		return &provider.Error{Code: provider.CodeProtocol, Msg: fmt.Sprintf("%s is a page for people, not %s; correct the address", name(address), want), Err: cause}
	}
	return &provider.Error{Code: provider.CodeParse, Msg: fmt.Sprintf("%s does not hold %s", name(address), want), Err: cause}
}

func isPage(body []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")) }

// name shows an address in messages, without its query, which may be a secret.
func name(address *url.URL) string {
	return provider.Clean("https://"+address.Host+address.EscapedPath(), 200)
}
