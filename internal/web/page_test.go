package web_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"strings"
	"testing"
)

// Every page has a policy that runs nothing but the console's script, escapes what it was given and
// shows no secret; other tenants see nothing of it.
func TestPages(t *testing.T) {
	w := newWorld(t)
	w.subscribe("alpha")
	w.quarantine("alpha")
	admin, other := w.browser(), w.browser()
	admin.enter("admin", tenantA)
	other.enter("other", tenantB)
	for path, want := range map[string]string{
		"/":                                  "A root waits for a decision",
		"/?page=9":                           "There is no subscription on this page",
		"/console/signin":                    `name="tenant"`,
		"/console/nowhere":                   "no such page",
		"/?page=-1":                          "no such page",
		"/console/signin?tenant=" + "nobody": "no tenant called nobody",
	} {
		p := admin.get(path)
		if !strings.Contains(p.body, want) {
			t.Errorf("%s: %s lacks %q:\n%s", path, p.Status, want, p.body)
		}
		p.check(t)
	}
	p := other.get("/")
	p.check(t)
	if strings.Contains(p.body, "alpha") {
		t.Error("another tenant sees alpha")
	}
}

// Who has nothing yet is told how to begin.
func TestBeginning(t *testing.T) {
	w := newWorld(t)
	admin, reader := w.browser(), w.browser()
	p := admin.enter("admin", tenantA)
	p.check(t)
	if !strings.Contains(p.body, `Begin with <a href="/console/subscriptions/new">`) || !strings.Contains(p.body, `href="/docs/providers"`) || strings.Contains(p.body, "What expires next") {
		t.Errorf("the admin's first page:\n%s", p.body)
	}
	if p := reader.enter("reader", tenantA); strings.Contains(p.body, "/console/subscriptions/new") {
		t.Errorf("the reader's first page:\n%s", p.body)
	}
}

// check holds a page against what is asked of all.
func (p page) check(t *testing.T) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"Cache-Control":           "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
		"Content-Type": "text/html; charset=utf-8",
	} {
		if got := p.Header.Get(name); got != want {
			t.Errorf("%s: %s is %q, want %q", p.Request.URL, name, got, want)
		}
	}
	const ours = `<script src="/console/static/htmx-4.0.1.min.js" defer></script>`
	for _, never := range []string{"<script", "style=", "CANARY", "javascript:", " on" + "click"} {
		if strings.Contains(strings.Replace(p.body, ours, "", 1), never) {
			t.Errorf("%s has %q:\n%s", p.Request.URL, never, p.body)
		}
	}
	if len(p.body) > 100<<10 {
		t.Errorf("%s has %d bytes", p.Request.URL, len(p.body))
	}
}

// Files have a tag to ask by; the script, whose address has its version, is kept
// for good.
func TestStatic(t *testing.T) {
	b := newWorld(t).browser()
	for path, want := range map[string]struct{ kind, life string }{
		"/console/static/console.css":       {"text/css; charset=utf-8", "public, max-age=3600"},
		"/console/static/htmx-4.0.1.min.js": {"text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
	} {
		p := b.get(path)
		if p.StatusCode != http.StatusOK || p.Header.Get("Content-Type") != want.kind || p.Header.Get("Cache-Control") != want.life || p.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %s %v", path, p.Status, p.Header)
		}
		if again := b.do(http.MethodGet, path, nil, "If-None-Match", p.Header.Get("ETag")); again.StatusCode != http.StatusNotModified || again.body != "" {
			t.Errorf("%s again: %s", path, again.Status)
		}
	}
}

// The script is htmx 4.0.1 as its makers have published it, with its licence.
func TestHtmxIsPinned(t *testing.T) {
	const version, sum = "4.0.1", "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"
	text, err := os.ReadFile("static/htmx-" + version + ".min.js")
	must(t, err)
	if got := sha256.Sum256(text); hex.EncodeToString(got[:]) != sum || !bytes.Contains(text, []byte(`this.version="`+version+`"`)) {
		t.Errorf("SHA-256 %x of %d bytes", got, len(text))
	}
	licence, err := os.ReadFile("static/htmx-" + version + ".LICENSE")
	must(t, err)
	if !bytes.HasPrefix(licence, []byte("Zero-Clause BSD")) {
		t.Errorf("licence:\n%s", licence)
	}
}
