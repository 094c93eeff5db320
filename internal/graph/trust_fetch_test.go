package graph_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/graph"
)

// fetchFrom asks for what is published, as a device at the address.
func (w *world) fetchFrom(from, path string, header ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, path, nil)
	r.RemoteAddr = from
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	answer := httptest.NewRecorder()
	w.server.Trust().ServeHTTP(answer, r)
	return answer
}

// TestFetchesAreCounted: an address is sent so many files of public bundles.
// Who has the file is told so all the same, as is who comes from elsewhere or
// has a token for a bundle that needs one.
func TestFetchesAreCounted(t *testing.T) {
	w := newWorld(t, func(o *graph.Options) { o.Limits.FetchesPerMinute = 30 }) // five at once, one in two seconds
	w.trusting("one")
	w.do("POST", bundles, `{"name":"devices","access":"public"}`)
	w.do("POST", bundles, `{"name":"closed"}`)
	const nat = "[2001:db8:1:2::1]:40000"
	spelled, tag := "ETag", "" // as on the wire, which http.Header.Get does not find
	for i, path := range []string{".pem", ".cer", "/1.pem", "/7.pem", ".pem"} {
		got := w.fetchFrom(nat, devices+path)
		if want := map[string]int{"/7.pem": http.StatusNotFound}[path]; got.Code != max(want, http.StatusOK) {
			t.Fatalf("fetch %d of %s: %d", i+1, path, got.Code)
		}
		if path == ".pem" {
			tag = got.Header()[spelled][0]
		}
	}
	closed := "/trust/" + tenantA + "/closed.pem"
	token := "Authorization: Bearer " + w.token(tenantA, "device", auth.ScopeRead)
	for _, c := range []struct {
		name, from, path, header string
		status                   int
	}{
		{"past the budget", nat, devices + ".pem", "", 429},
		{"another host of the network", "[2001:db8:1:2:ffff::9]:1", devices + ".pem", "", 429},
		{"an older version", nat, devices + ".pem", `If-None-Match: "0-pem-0"`, 429},
		{"a format that was not written yet", nat, devices + ".jks", "If-None-Match: *", 429},
		{"who has the file", nat, devices + ".pem", "If-None-Match: " + tag, 304},
		{"who has the file of that date", nat, devices + ".pem", "If-Modified-Since: Mon, 23 Nov 2026 12:00:00 GMT", 304},
		{"another network", "[2001:db8:1:3::1]:40000", devices + ".pem", "", 200},
		{"an IPv4 address", "192.0.2.1:40000", devices + ".pem", "", 200},
		{"a bundle for tokens", nat, closed, token, 200},
		{"a bundle for tokens, without", nat, closed, "", 401},
	} {
		if got := w.fetchFrom(c.from, c.path, c.header); got.Code != c.status {
			t.Errorf("%s: %d, want %d\n%s", c.name, got.Code, c.status, got.Body)
		}
	}
	refused := w.fetchFrom(nat, devices+".pem")
	if h := refused.Header(); h.Get("Retry-After") != "2" || h.Get("Cache-Control") != "no-store" || !strings.Contains(refused.Body.String(), `{"error":{"code":"TooManyRequests"`) {
		t.Errorf("the refusal: %v\n%s", h, refused.Body)
	}
	w.clock.Move(2 * time.Second)
	if got := w.fetchFrom(nat, devices+".pem"); got.Code != http.StatusOK {
		t.Errorf("after waiting as told: %d", got.Code)
	}
}
