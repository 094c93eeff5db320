package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// script asks as htmx does.
func (b *browser) script(path string) page {
	b.t.Helper()
	return b.do(http.MethodGet, path, nil, "HX-Request", "true")
}

// A page that is watched asks for its part until the sync is over; then the part
// tells that, and has the page loaded anew.
func TestProgress(t *testing.T) {
	w := newWorld(t)
	w.subscribe("alpha")
	b := w.browser()
	b.enter("reader", tenantA)
	lease := w.lease()
	const asks = `hx-get="/console/subscriptions/alpha/progress" hx-trigger="every 3s"`
	watched := b.get(alpha + "?watch=1")
	watched.check(t)
	if !strings.Contains(watched.body, asks) || !strings.Contains(watched.body, "htmx-4.0.1.min.js") {
		t.Errorf("the page does not ask:\n%s", watched.body)
	}
	part := b.script(alpha + "/progress")
	if part.StatusCode != http.StatusOK || !strings.HasPrefix(part.body, `<p role="status">Running`) || !strings.Contains(part.body, asks) || !strings.Contains(watched.body, part.body) {
		t.Errorf("the part: %s\n%s", part.Status, part.body)
	}
	part.check(t)
	w.fail(lease)
	over := b.script(alpha + "/progress")
	if strings.Contains(over.body, "every") || over.Header.Get("HX-Refresh") != "" || !strings.Contains(over.body, "Failed. The sync is over,") || !strings.Contains(over.body, "The name does not resolve") {
		t.Errorf("after the end:\n%s", over.body)
	}
	over.check(t)
	if told := b.script(alpha + "/progress?told=1"); told.StatusCode != http.StatusOK || told.Header.Get("HX-Refresh") != "true" {
		t.Errorf("once that was told: %s %v", told.Status, told.Header)
	}
}

// What is no part of a page has the page loaded anew, where it is shown: the
// way to the sign-in, which htmx would follow, and errors.
func TestNoPart(t *testing.T) {
	w := newWorld(t)
	w.subscribe("alpha")
	b := w.browser()
	for path, status := range map[string]int{
		alpha + "/progress": http.StatusNoContent, alpha + "/certificates?search=x": http.StatusNoContent, "/console/nowhere": http.StatusNotFound,
	} {
		if p := b.script(path); p.StatusCode != status || p.Header.Get("HX-Refresh") != "true" || p.Header.Get("Location") != "" {
			t.Errorf("%s: %s %v", path, p.Status, p.Header)
		}
	}
	other := w.browser()
	other.enter("other", tenantB)
	if p := other.script(alpha + "/progress"); p.StatusCode != http.StatusNotFound || p.Header.Get("HX-Refresh") != "true" {
		t.Errorf("another tenant: %s", p.Status)
	}
	admin := w.browser()
	admin.enter("admin", tenantA)
	w.move(2 * time.Hour)
	if p := admin.script(alpha + "/progress"); p.Header.Get("HX-Refresh") != "true" {
		t.Errorf("after the session: %s %v", p.Status, p.Header)
	}
}

// The search as one types is the search by form: the same page, of which the
// script takes the results.
func TestSearchByScript(t *testing.T) {
	w := newWorld(t)
	w.subscribe("alpha")
	w.stock(100)
	b := w.browser()
	b.enter("reader", tenantA)
	p := b.script(alpha + "/certificates?search=device-0042&status=")
	p.check(t)
	if p.Header.Get("HX-Refresh") != "" || !strings.Contains(p.body, `hx-select="#results"`) || !strings.Contains(p.body, `<section id="results">`) || !strings.Contains(p.body, `<p role="status">1 on this page.</p>`) {
		t.Errorf("the results:\n%s", p.body)
	}
	if p := b.get(alpha + "/certificates"); !strings.Contains(p.body, "40 on this page, more on the next.") {
		t.Errorf("all:\n%s", p.body)
	}
}
