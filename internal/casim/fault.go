package casim

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/smallstep/pkcs7"
)

// A Fault is one way for the CA to misbehave. Each part may be nil; the zero
// Fault is an honest CA. Search and Policies run with the CA locked and must
// not call it.
type Fault struct {
	Name      string
	Doc       string
	Answer    func(w http.ResponseWriter, r *http.Request, honest http.Handler) // in the CA's place
	Search    func(a *SearchAnswer)                                             // changes a page
	Policies  func(a *PoliciesAnswer)                                           // changes the list of CAs
	Handshake func(*tls.ClientHelloInfo) (*tls.Config, error)                   // breaks TLS
}

// Faults lists the named faults. A new one is one line.
func Faults() []Fault {
	return []Fault{
		{Name: "soap-fault", Doc: "a SOAP fault with HTTP 500", Answer: Fails("INTERNAL_ERROR", "Unexpected error")},
		{Name: "unavailable", Doc: "HTTP 503 in HTML", Answer: Status(http.StatusServiceUnavailable, "<html><body><h1>Maintenance</h1></body></html>")},
		{Name: "rate-limited", Doc: "HTTP 429, Retry-After 7", Answer: Status(http.StatusTooManyRequests, "", "Retry-After", "7")},
		{Name: "unauthorized", Doc: "HTTP 401 in HTML", Answer: Status(http.StatusUnauthorized, "<html></html>")},
		{Name: "forbidden", Doc: "HTTP 403 in HTML", Answer: Status(http.StatusForbidden, "<html></html>")},
		{Name: "gone", Doc: "HTTP 410", Answer: Status(http.StatusGone, "")},
		{Name: "redirect", Doc: "HTTP 302 to another host", Answer: Status(http.StatusFound, "", "Location", "https://elsewhere.example/")},
		{Name: "login-page", Doc: "HTTP 200 with an HTML page", Answer: Status(http.StatusOK, "<!DOCTYPE html><html><body>Sign in</body></html>")},
		{Name: "malformed", Doc: "XML that breaks off", Answer: Body(func(b []byte) []byte { return b[:len(b)*2/3] })},
		{Name: "cut", Doc: "the connection ends in the middle of an answer", Answer: Cut(200)},
		{Name: "huge", Doc: "an answer of 1 GB", Answer: Endless(1 << 30)},
		{Name: "slow", Doc: "an answer after a minute", Answer: Slow(time.Minute)},
		{Name: "tls-failure", Doc: "the handshake fails", Handshake: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, errors.New("no") }},
		{Name: "entities", Doc: "a document type with an entity", Answer: Body(func(b []byte) []byte {
			return bytes.Replace(b, []byte("?>"), []byte(`?><!DOCTYPE x [<!ENTITY e "e">]>`), 1)
		})},
		{Name: "count-too-high", Doc: "certificateCount tells of records that never come", Search: func(a *SearchAnswer) { a.Count += 10 }},
		{Name: "more-forever", Doc: "moreCertificateAvailable is always true", Search: func(a *SearchAnswer) { a.More = true }},
		{Name: "no-email", Doc: "emailAddress is nil", Search: Each(func(_ int, ci *CertificateInformation) { ci.Email = nilText() })},
		{Name: "no-reason", Doc: "REVOKED without revokeReason", Search: First(func(ci *CertificateInformation) { ci.Status, ci.Reason = "REVOKED", "" })},
		{Name: "suspended", Doc: "a record is SUSPENDED", Search: First(func(ci *CertificateInformation) { ci.Status = "SUSPENDED" })},
		{Name: "leading-zeros", Doc: "serials have leading zeros", Search: Each(func(_ int, ci *CertificateInformation) { ci.Serial = "00" + ci.Serial })},
		{Name: "pkcs7", Doc: "certificates are PKCS#7", Search: Each(func(_ int, ci *CertificateInformation) { ci.Certificate = asPKCS7(ci.Certificate) })},
		{Name: "milliseconds", Doc: "times are milliseconds", Search: Each(func(_ int, ci *CertificateInformation) {
			ci.ValidFrom, ci.ValidTo, ci.RevokedAt = ci.ValidFrom*1000, ci.ValidTo*1000, ci.RevokedAt*1000
		})},
		{Name: "unparsable", Doc: "one record's certificate is not one", Search: First(func(ci *CertificateInformation) { ci.Certificate = encode([]byte("not a certificate")) })},
		{Name: "not-changed", Doc: "policiesNotChanged without being asked", Policies: func(a *PoliciesAnswer) {
			a.Response.NotChanged, a.CAs, a.OIDs, a.Response.Policies = true, nil, nil, nil
		}},
		{Name: "leaf-as-root", Doc: "rootCACertificate is not a root", Policies: func(a *PoliciesAnswer) { a.CAs[0].Root = a.CAs[0].Certificate }},
	}
}

// ByName returns the named fault.
func ByName(name string) (Fault, bool) {
	for _, f := range Faults() {
		if f.Name == name {
			return f, true
		}
	}
	return Fault{}, false
}

// An Answerer answers a request in the CA's place.
type Answerer = func(w http.ResponseWriter, r *http.Request, honest http.Handler)

// Status answers with a status, a body and header fields (name, value, ...).
func Status(code int, body string, header ...string) Answerer {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "text/html")
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body)) // the client is gone: nobody to tell
	}
}

// Fails answers with a SOAP fault.
func Fails(code, message string) Answerer {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { writeFault(w, code, message) }
}

// Body changes the honest answer's body.
func Body(change func([]byte) []byte) Answerer {
	return func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		rec := honestly(honest, r)
		w.Header().Set("Content-Type", rec.header.Get("Content-Type"))
		w.WriteHeader(rec.status)
		_, _ = w.Write(change(rec.body.Bytes())) // the client is gone: nobody to tell
	}
}

// Cut ends the connection after n bytes of the honest body.
func Cut(n int) Answerer {
	return func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		rec := honestly(honest, r)
		b := rec.body.Bytes()
		w.Header().Set("Content-Type", rec.header.Get("Content-Type"))
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		w.WriteHeader(rec.status)
		_, _ = w.Write(b[:min(n, len(b))]) // what follows cuts it anyhow
		_ = http.NewResponseController(w).Flush()
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}
}

// Endless answers with n bytes of white space in an envelope that never ends.
func Endless(n int64) Answerer {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		block := []byte(strings.Repeat(" ", 64<<10))
		if _, err := w.Write([]byte(`<?xml version="1.0"?><Envelope xmlns="` + nsEnvelope + `">`)); err != nil {
			return
		}
		for sent := int64(0); sent < n; sent += int64(len(block)) {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}
}

// Slow answers honestly after d, or not at all where the client leaves.
func Slow(d time.Duration) Answerer {
	return func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest)) // else net/http does not notice that the client left
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			honest.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}
}

// Between answers honestly and calls do after each answer: what changes while
// a client pages.
func Between(do func()) Answerer {
	return func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		honest.ServeHTTP(w, r)
		do()
	}
}

// After is honest for n calls and then answers as bad does.
func After(n int, bad Answerer) Answerer {
	calls := make(chan int, 1)
	calls <- 0
	return func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		i := <-calls
		calls <- i + 1
		if i < n {
			honest.ServeHTTP(w, r)
			return
		}
		bad(w, r, honest)
	}
}

// Each changes every record of every page; i counts within the page.
func Each(change func(i int, ci *CertificateInformation)) func(*SearchAnswer) {
	return func(a *SearchAnswer) {
		for i := range a.List {
			change(i, &a.List[i])
		}
	}
}

// First changes the first record of the inventory.
func First(change func(ci *CertificateInformation)) func(*SearchAnswer) {
	return func(a *SearchAnswer) {
		if a.Start == 0 && len(a.List) > 0 {
			change(&a.List[0])
		}
	}
}

// asPKCS7 wraps a base64 certificate as certs-only PKCS#7.
func asPKCS7(cert string) string {
	der, err := base64.StdEncoding.DecodeString(cert)
	if err != nil {
		return cert
	}
	p7, err := pkcs7.DegenerateCertificate(der)
	if err != nil {
		return cert
	}
	return encode(p7)
}

// A recording is an answer that has not been sent.
type recording struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func honestly(h http.Handler, r *http.Request) *recording {
	rec := &recording{header: http.Header{}, status: http.StatusOK}
	h.ServeHTTP(rec, r)
	return rec
}

func (r *recording) Header() http.Header         { return r.header }
func (r *recording) WriteHeader(status int)      { r.status = status }
func (r *recording) Write(b []byte) (int, error) { return r.body.Write(b) }
