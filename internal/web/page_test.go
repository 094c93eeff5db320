package web_test

import (
	"net/http"
	"strings"
	"testing"
)

// Every page has a policy that runs nothing, escapes what it was given and
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

// check holds a page against what is asked of all.
func (p page) check(t *testing.T) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"Cache-Control":           "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
		"Content-Type": "text/html; charset=utf-8",
	} {
		if got := p.Header.Get(name); got != want {
			t.Errorf("%s: %s is %q, want %q", p.Request.URL, name, got, want)
		}
	}
	for _, never := range []string{"<script", "style=", "CANARY", "javascript:", " on" + "click"} {
		if strings.Contains(p.body, never) {
			t.Errorf("%s has %q:\n%s", p.Request.URL, never, p.body)
		}
	}
	if len(p.body) > 100<<10 {
		t.Errorf("%s has %d bytes", p.Request.URL, len(p.body))
	}
}

func TestStyle(t *testing.T) {
	b := newWorld(t).browser()
	p := b.get("/console/static/console.css")
	if p.StatusCode != http.StatusOK || p.Header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Fatalf("%s %v", p.Status, p.Header)
	}
	if again := b.do(http.MethodGet, "/console/static/console.css", nil, "If-None-Match", p.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("again: %s", again.Status)
	}
}
