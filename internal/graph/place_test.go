package graph_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestPlacesOutsideTheTable: what is served beside /beta is counted by patterns,
// of which there are as many whatever is asked for, and the log names the object.
func TestPlacesOutsideTheTable(t *testing.T) {
	w := newWorld(t)
	w.trusting("one")
	w.do("POST", bundles, `{"name":"devices","access":"public"}`)
	for _, c := range []struct {
		handler            http.Handler
		path, want, object string
	}{
		{w.server.Trust(), devices + ".pem", "/trust/{tenant}/{file} OK", "devices"},
		{w.server.Trust(), devices + ".p12", "/trust/{tenant}/{file} OK", "devices"},
		{w.server.Trust(), devices + "/1.pem", "/trust/{tenant}/{name}/{file} OK", "devices"},
		{w.server.Trust(), "/trust/" + tenantB + "/made-up.cer", "/trust/{tenant}/{file} Unauthorized", "made-up"},
		{w.server.Trust(), "/trust/made/up", "/trust/ Not Found", `""`},
		{w.server.Documentation(), "/docs/errors/dns", "/docs/{page} OK", "errors/dns"},
		{w.server.Documentation(), "/docs/made-up", "/docs/{page} Not Found", `""`},
		{w.server.OpenAPI(), "/openapi.json", "/openapi.json OK", `""`},
		{w.server.ResourceManager(), "/tenants", "/tenants Unauthorized", `""`},
		{w.server.ResourceManager(), "/subscriptions", "/subscriptions Unauthorized", `""`},
		{w.server.NotFound(), "/made-up", " Not Found", `""`},
	} {
		w.seen.mu.Lock()
		w.seen.list = nil
		w.seen.mu.Unlock()
		answer := httptest.NewRecorder()
		c.handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.path, nil))
		if got := strings.Join(w.seen.list, "|"); got != "GET "+c.want+" " {
			t.Errorf("%s is counted as %q, want %q", c.path, got, "GET "+c.want+" ")
		}
		lines := strings.Split(strings.TrimSpace(w.log.String()), "\n")
		line, route := lines[len(lines)-1], c.want[:strings.IndexByte(c.want, ' ')]
		if !strings.Contains(line, "msg=request") || !strings.Contains(line, "id="+c.object) || !strings.Contains(line, "route="+route) {
			t.Errorf("%s is logged as\n%s", c.path, line)
		}
	}
}
