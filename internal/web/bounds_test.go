package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/pki"
	"cloudpki/internal/web"
)

// bound makes the console anew, with limits.
func (w *world) bound(l web.Limits) {
	w.t.Helper()
	w.options.Limits = l
	var err error
	w.console, err = web.New(w.options)
	must(w.t, err)
}

// cookieOf signs a person in at once and returns the session's cookie.
func (w *world) cookieOf(name string, tenant pki.TenantID) string {
	w.t.Helper()
	link := w.console.NewLink(auth.Principal{Tenant: tenant, Client: "console", Subject: name, Scopes: []string{auth.ScopeReadWrite}})
	got := w.from("192.0.2.200:1", http.MethodPost, strings.TrimPrefix(link, w.origin))
	cookie, _, found := strings.Cut(got.Header().Get("Set-Cookie"), ";")
	if !found {
		w.t.Fatalf("the link answers %d", got.Code)
	}
	return cookie
}

// from sends a request that comes from an address.
func (w *world) from(remote, method, path string, header ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, w.origin+path, nil)
	r.RemoteAddr = remote
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	got := httptest.NewRecorder()
	w.console.ServeHTTP(got, r)
	return got
}

// refused fails unless the answer is a page that says when to try again.
func refused(t *testing.T, got *httptest.ResponseRecorder, status int, title string) time.Duration {
	t.Helper()
	wait, err := strconv.Atoi(got.Header().Get("Retry-After"))
	if got.Code != status || err != nil || wait < 1 || !strings.Contains(got.Body.String(), "<h1>"+title+"</h1>") {
		t.Fatalf("answered %d, Retry-After %q, want %d with a page %q:\n%s", got.Code, got.Header().Get("Retry-After"), status, title, got.Body)
	}
	return time.Duration(wait) * time.Second
}

// Who has spent their budget is told when to try again, and nothing is done
// until then. It costs neither a colleague nor another tenant anything.
func TestBudgetOfAPerson(t *testing.T) {
	w := newWorld(t)
	w.bound(web.Limits{PerMinute: 12}) // two at once
	w.subscribe("alpha")
	b := w.browser()
	b.enter("admin", tenantA) // lands on the overview
	const path = "/console/subscriptions/alpha/delete"
	asked := b.get(path)
	form := url.Values{"form_token": {asked.field(t, "form_token")}, "edits": {asked.field(t, "edits")}}
	p := b.do(http.MethodPost, path, form)
	wait, err := strconv.Atoi(p.Header.Get("Retry-After"))
	if p.StatusCode != http.StatusTooManyRequests || err != nil || !strings.Contains(p.body, "<h1>Too many requests</h1>") {
		t.Fatalf("past the budget: %s, Retry-After %q\n%s", p.Status, p.Header.Get("Retry-After"), p.body)
	}
	if _, err := w.service.Get(t.Context(), tenantA, "alpha"); err != nil {
		t.Errorf("a refused form was carried out: %v", err)
	}
	part := b.do(http.MethodGet, "/console/subscriptions/alpha/progress", nil, "HX-Request", "true")
	if part.StatusCode != http.StatusTooManyRequests || part.Header.Get("HX-Refresh") != "true" || part.Header.Get("Retry-After") == "" {
		t.Errorf("a part past the budget: %s %v", part.Status, part.Header)
	}
	for name, tenant := range map[string]pki.TenantID{"colleague": tenantA, "admin": tenantB} {
		if got := w.from("192.0.2.1:1", http.MethodGet, "/", "Cookie", w.cookieOf(name, tenant)); got.Code != http.StatusOK {
			t.Errorf("%s of %s: %d", name, tenant, got.Code)
		}
	}
	w.move(time.Duration(wait) * time.Second)
	b.do(http.MethodPost, path, form)
	if _, err := w.service.Get(t.Context(), tenantA, "alpha"); pki.CodeOf(err) != pki.CodeNotFound {
		t.Errorf("refused although it waited as told: %v", err)
	}
}

// Signing in is bounded by the network that it comes from: its first step, the
// issuer's answer and one-time links alike. A session that there is goes on.
func TestBudgetOfSignIns(t *testing.T) {
	w := newWorld(t)
	w.bound(web.Limits{SignInsPerMinute: 18}) // three at once
	cookie := w.cookieOf("admin", tenantA)
	const busy = "[2001:db8:1:2::1]:1"
	for _, path := range []string{"/console/signin?tenant=" + tenantA, web.CallbackPath + "?state=x&code=x", "/console/signin/link/guessed"} {
		if got := w.from(busy, http.MethodGet, path); got.Code == http.StatusTooManyRequests {
			t.Fatalf("%s: refused within the budget", path)
		}
	}
	link := strings.TrimPrefix(w.console.NewLink(auth.Principal{Tenant: tenantA, Client: "console", Subject: "reader", Scopes: []string{auth.ScopeRead}}), w.origin)
	const sameNetwork = "[2001:db8:1:2::2]:1"
	wait := refused(t, w.from(sameNetwork, http.MethodPost, link), http.StatusTooManyRequests, "Too many sign-ins")
	for _, path := range []string{"/console/signin", web.CallbackPath, link} {
		refused(t, w.from(busy, http.MethodGet, path), http.StatusTooManyRequests, "Too many sign-ins")
	}
	if got := w.from(busy, http.MethodGet, "/", "Cookie", cookie); got.Code != http.StatusOK {
		t.Errorf("a session from there: %d", got.Code)
	}
	if got := w.from("[2001:db8:1:3::1]:1", http.MethodGet, "/console/signin"); got.Code != http.StatusOK {
		t.Errorf("another network: %d", got.Code)
	}
	w.move(wait)
	if got := w.from(busy, http.MethodPost, link); got.Code != http.StatusSeeOther {
		t.Errorf("the link after the wait: %d", got.Code)
	}
}
