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
	"unicode"
	"unicode/utf8"

	"cloudpki/internal/secret"
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
	if e := StatusError(&http.Response{StatusCode: 500}, now); e.Code != CodeUpstream5xx {
		t.Errorf("an answer without request: %v", e)
	}
}

func TestClean(t *testing.T) {
	password := secret.NewString("p&ss word")
	tests := []struct{ in, want string }{
		{"", ""},
		{"plain", "plain"},
		{"  two\n\t lines \r\n", "two lines"},
		{"a\x00b\x1b[31mc\x7f", "ab[31mc"},
		{"bad \xff utf-8", "bad utf-8"},
		{"right\u202eleft\u200b\ufeff", "rightleft"},
		{"line\u2028separator", "line separator"},
		{"it is p&ss word.", "it is REDACTED."},
		{"it is cCZzcyB3b3Jk", "it is REDACTED"},
		{"?p=p%26ss+word", "?p=REDACTED"},
		{"p&ss\x00 \x00word", "REDACTED"},
		{strings.Repeat("ä", 30), strings.Repeat("ä", 18) + "…"},
	}
	for _, tt := range tests {
		if got := Clean(tt.in, 40, password, secret.Text{}); got != tt.want {
			t.Errorf("Clean(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("text \x00 with \u202e everything", 10, "secret")
	f.Add("secret", 3, "s")
	f.Fuzz(func(t *testing.T, s string, limit int, hidden string) {
		got := Clean(s, limit, secret.NewString(hidden))
		if !utf8.ValidString(got) || len(got) > max(limit, 0) || strings.ContainsFunc(got, unicode.IsControl) {
			t.Errorf("Clean(%q, %d) = %q", s, limit, got)
		}
		if len(hidden) > 8 && strings.Contains(got, hidden) {
			t.Errorf("the secret is in %q", got)
		}
	})
}

func TestParseServiceURI(t *testing.T) {
	for in, want := range map[string]string{
		"https://ca.example":            "https://ca.example/",
		"https://ca.example:8443/x/":    "https://ca.example:8443/x/",
		"https://ca.example/pki-ws":     "https://ca.example/pki-ws/",
		"HTTPS://ca.example/":           "https://ca.example/",
		"":                              "",
		"ca.example":                    "",
		"http://ca.example/":            "",
		"https://":                      "",
		"https:///path":                 "",
		"https://:443/":                 "",
		"https:ca.example":              "",
		"https://u@ca.example/":         "",
		"https://u:p@ca.example/":       "",
		"https://ca.example/?a=b":       "",
		"https://ca.example/#f":         "",
		"https://ca.example/?":          "",
		"https://[::1/":                 "",
		"https://ca.example:port/":      "",
		"file:///etc/passwd":            "",
		"https://ca.example/%zz":        "",
		"https://ca.example\x00/":       "",
		"unix:///var/run/docker.sock":   "",
		"https://u:canary-p@[::1/":      "",
		"https://ca.example/a b\nc:d@e": "",
	} {
		u, err := ParseServiceURI(in)
		got := ""
		if err == nil {
			got = u.String()
		} else if strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: the password is in %v", in, err)
		}
		if got != want {
			t.Errorf("ParseServiceURI(%q) = %q, %v; want %q", in, got, err, want)
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

func TestCatalog(t *testing.T) {
	good := func(name string) Kind {
		return Kind{Name: name, Validate: func(Config) []Problem { return nil }, Open: func(context.Context, Config) (Session, error) { return nil, nil }}
	}
	c, err := NewCatalog(good("a"), good("b"))
	if err != nil {
		t.Fatal(err)
	}
	if k, ok := c.Kind("b"); !ok || k.Name != "b" || strings.Join(c.Names(), " ") != "a b" {
		t.Errorf("Kind(b) = %v, %v; names %v", k.Name, ok, c.Names())
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
