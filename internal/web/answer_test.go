package web_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/pki"
	"cloudpki/internal/web"
)

// Requests are counted by patterns, of which there are as many whatever is
// asked for, and the log names who asked for what but not what opens a session.
func TestRequestsAreCountedAndLogged(t *testing.T) {
	w := newWorld(t)
	w.subscribe("alpha")
	var seen string
	var log bytes.Buffer
	w.options.Log = slog.New(slog.NewTextHandler(&log, nil))
	w.options.Observe = func(route, method string, status int, _ time.Duration, tenant pki.TenantID) {
		seen = fmt.Sprint(method, " ", route, " ", status, " ", tenant)
	}
	console, err := web.New(w.options)
	must(t, err)
	ask := func(method, path string, header ...string) *httptest.ResponseRecorder {
		log.Reset()
		r := httptest.NewRequestWithContext(t.Context(), method, w.origin+path, nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		got := httptest.NewRecorder()
		console.ServeHTTP(got, r) // returns when the request is counted
		return got
	}
	link := console.NewLink(auth.Principal{Tenant: tenantA, Client: "console", Subject: "reader", Scopes: []string{auth.ScopeRead}})
	entered := ask("POST", strings.TrimPrefix(link, w.origin))
	cookie, _, _ := strings.Cut(entered.Header().Get("Set-Cookie"), ";")
	if text := log.String(); !strings.Contains(text, "route=/console/signin/link/{token} status=303") || strings.Contains(text, link[strings.LastIndexByte(link, '/')+1:]) {
		t.Errorf("the link is logged as\n%s", text)
	}
	for _, c := range []struct{ method, path, cookie, want, id string }{
		{"GET", "/", cookie, "GET / 200 " + tenantA, `""`},
		{"GET", "/console/subscriptions/alpha", cookie, "GET /console/subscriptions/{id} 200 " + tenantA, "alpha"},
		{"GET", "/console/subscriptions/made-up", cookie, "GET /console/subscriptions/{id} 404 " + tenantA, "made-up"},
		{"GET", "/console/subscriptions/made%0Aup", cookie, "GET /console/subscriptions/{id} 404 " + tenantA, `""`},
		{"GET", "/console/made-up", cookie, "GET /console/ 404 ", `""`},
		{"BREW", "/", cookie, "other /console/ 404 ", `""`},
		{"GET", "/console/static/console.css", "", "GET /console/static/console.css 200 ", `""`},
		{"GET", "/", "", "GET / 303 ", `""`},
	} {
		ask(c.method, c.path, "Cookie", c.cookie)
		if seen != c.want {
			t.Errorf("%s %s is counted as %q, want %q", c.method, c.path, seen, c.want)
		}
		if text := log.String(); strings.Count(text, "msg=request ") != 1 || !strings.Contains(text, " id="+c.id+"\n") {
			t.Errorf("%s %s is logged as\n%s", c.method, c.path, text)
		}
	}
	ask("GET", "/", "HX-Request", "true")
	if want := "GET / 204 "; seen != want {
		t.Errorf("a part is counted as %q, want %q", seen, want)
	}
}
