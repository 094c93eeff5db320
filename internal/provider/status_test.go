package provider

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

func TestStatusError(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		status int
		after  string
		code   Code
		wait   time.Duration
	}{
		{400, "", CodeProtocol, 0},
		{401, "", CodeCredentialInvalid, 0},
		{403, "9", CodePermission, 0},
		{404, "", CodeProtocol, 0},
		{408, "", CodeTimeout, 0},
		{410, "", CodeRetired, 0},
		{429, "", CodeRateLimited, 0},
		{429, "7", CodeRateLimited, 7 * time.Second},
		{429, "-7", CodeRateLimited, 0},
		{429, "soon", CodeRateLimited, 0},
		{429, "Mon, 23 Nov 2026 12:01:00 GMT", CodeRateLimited, time.Minute},
		{429, "Mon, 23 Nov 2026 11:00:00 GMT", CodeRateLimited, 0},
		{429, "Wed, 23 Nov 2126 12:01:00 GMT", CodeRateLimited, MaxRetryAfter},
		{429, "86400", CodeRateLimited, MaxRetryAfter},
		{429, strings.Repeat("9", 40), CodeRateLimited, MaxRetryAfter},
		{500, "", CodeUpstream5xx, 0},
		{503, "120", CodeUpstream5xx, 2 * time.Minute},
		{599, "", CodeUpstream5xx, 0},
	}
	for _, tt := range tests {
		resp := &http.Response{StatusCode: tt.status, Header: http.Header{}, Request: httptest.NewRequest(http.MethodGet, "https://ca.example/x", nil)}
		if tt.after != "" {
			resp.Header.Set("Retry-After", tt.after)
		}
		if e := StatusError(resp, now); e.Code != tt.code || e.RetryAfter != tt.wait || !strings.HasPrefix(e.Msg, "ca.example answers HTTP ") {
			t.Errorf("%d, Retry-After %q: %v, wait %v; want %s, %v", tt.status, tt.after, e, e.RetryAfter, tt.code, tt.wait)
		}
	}
	// A proxy in the CA's place must not end the schedule; a challenge is the CA's.
	for _, tt := range []struct {
		status    int
		challenge string
		retry     RetryClass
	}{{401, "", RetryNever}, {401, "Basic realm=x", RetryCredentials}, {403, "", RetryNever}, {403, "Basic", RetryNever}, {500, "", RetryBackOff}} {
		resp := &http.Response{StatusCode: tt.status, Header: http.Header{}}
		if tt.challenge != "" {
			resp.Header.Set("WWW-Authenticate", tt.challenge)
		}
		if e := StatusError(resp, now); e.RetryClass() != tt.retry {
			t.Errorf("%d with challenge %q: %s, want %s", tt.status, tt.challenge, e.RetryClass(), tt.retry)
		}
	}
	if e := StatusError(&http.Response{StatusCode: 500}, now); e.Code != CodeUpstream5xx {
		t.Errorf("an answer without request: %v", e)
	}
}

func TestProblemAsFault(t *testing.T) {
	for _, tt := range []struct {
		p     Problem
		msg   string
		retry RetryClass
	}{
		{Problem{Target: "serviceUri", Code: CodeProtocol, Msg: "is no address"}, "serviceUri: is no address", RetryNever},
		{Problem{Target: "providerSettings/x", Code: CodeProtocol, Msg: "x is missing"}, "x is missing", RetryNever},
		{Problem{Target: "credentials/c", Code: CodeCredentialInvalid, Msg: "credentials/c is missing"}, "credentials/c is missing", RetryCredentials},
		{Problem{Target: "credentials/c", Code: CodeCredentialInvalid, Msg: "c is not yet valid", Retry: RetryBackOff, RetryAfter: time.Minute}, "c is not yet valid", RetryBackOff},
	} {
		e := tt.p.Fault()
		if e.Code != tt.p.Code || e.Msg != tt.msg || e.RetryClass() != tt.retry || e.RetryAfter != tt.p.RetryAfter {
			t.Errorf("%+v: %v, %s after %v; want %q, %s", tt.p, e, e.RetryClass(), e.RetryAfter, tt.msg, tt.retry)
		}
	}
}

func TestParseCertificates(t *testing.T) {
	a, b := newIssuer(t), newIssuer(t)
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}})
	join := func(parts ...[]byte) (out []byte) {
		for _, p := range parts {
			out = append(out, p...)
		}
		return out
	}
	for name, tt := range map[string]struct {
		in []byte
		n  int // 0 is an error
	}{
		"PEM":          {a.pem(), 1},
		"PEM bundle":   {join([]byte("# comment\n"), a.pem(), key, b.pem()), 2},
		"DER":          {a.cert.Raw, 1},
		"DER, two":     {join(a.cert.Raw, b.cert.Raw), 2},
		"nothing":      {nil, 0},
		"text":         {[]byte("no certificate"), 0},
		"PEM of a key": {key, 0},
		"one broken":   {join(a.pem(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}})), 0},
		"DER and more": {join(a.cert.Raw, []byte{0}), 0},
		"too large":    {make([]byte, maxCertificates+1), 0},
	} {
		certs, err := ParseCertificates(tt.in)
		if len(certs) != tt.n || (err == nil) != (tt.n > 0) {
			t.Errorf("%s: %d certificates, %v; want %d", name, len(certs), err, tt.n)
		}
	}
}

// A CA may put the PEM of another certificate into a name.
func TestDERIsNotTakenForPEM(t *testing.T) {
	other := newIssuer(t)
	hostile := issue(t, issuer{}, func(c *x509.Certificate) { c.Subject.CommonName = "\n" + string(other.pem()) })
	if certs, err := ParseCertificates(hostile.cert.Raw); err != nil || len(certs) != 1 || !certs[0].Equal(hostile.cert) {
		t.Errorf("%d certificates, %v", len(certs), err)
	}
	if IsPEM(hostile.cert.Raw) || !IsPEM(other.pem()) {
		t.Error("DER is PEM, or PEM is not")
	}
}

func TestCatalog(t *testing.T) {
	good := func(name string) Kind {
		return Kind{Name: name, Validate: func(Config) []Problem { return nil }, Open: func(context.Context, Config) (Session, error) { return nil, nil }}
	}
	c, err := NewCatalog(good("a"), good("b"))
	if err != nil {
		t.Fatal(err)
	}
	if k, ok := c.Kind("b"); !ok || k.Name != "b" {
		t.Errorf("Kind(b) = %v, %v", k.Name, ok)
	}
	if _, ok := c.Kind("B"); ok {
		t.Error("names are matched without regard to case")
	}
	for name, kinds := range map[string][]Kind{"empty name": {good("")}, "twice": {good("a"), good("a")}, "no Open": {{Name: "a"}}} {
		if _, err := NewCatalog(kinds...); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
