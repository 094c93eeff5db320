package browser

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"cloudpki/e2e/program"
)

// choosesAProvider is led to an OpenID provider elsewhere, by itself and by the
// link. The provider answers nothing to show, so that the page stays to be
// judged.
func (w *world) choosesAProvider(t *testing.T) {
	asked := make(chan string, 2)
	var elsewhere *httptest.Server
	elsewhere = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/authorize" {
			asked <- r.URL.Query().Get("client_id")
			rw.WriteHeader(http.StatusNoContent)
			return
		}
		_ = json.NewEncoder(rw).Encode(map[string]string{ // who asked has gone
			"issuer": elsewhere.URL, "jwks_uri": elsewhere.URL + "/keys",
			"authorization_endpoint": elsewhere.URL + "/authorize", "token_endpoint": elsewhere.URL + "/token",
		})
	}))
	t.Cleanup(elsewhere.Close)
	w.knows(t, elsewhere.URL)
	p := w.stranger(t)
	p.open("/console/audit")
	p.await("//a[.='Sign in with Staff']")
	w.judge(p)
	p.follow("main a.button")
	p.await("//h1[.='Signing in']")
	if got := <-asked; got != "console" {
		p.Errorf("led on by itself as %q", got)
	}
	w.judge(p)
	p.goesThrough()
	p.follow("main a.button")
	if got := <-asked; got != "console" {
		p.Errorf("led on by the link as %q", got)
	}
}

// knows restarts the service so that people may sign in elsewhere as well.
func (w *world) knows(t *testing.T, issuer string) {
	t.Helper()
	program.Kill(w.served)
	file, err := os.OpenFile(filepath.Join(w.data, "cloudpki.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteString("\nauth: {issuers: [{issuer: '" + issuer + "', audiences: [cloudpki], tenant: contoso}]}\n" +
		"console: {providers: [{issuer: '" + issuer + "', name: Staff, client_id: console}]}\n")
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	w.served = program.Serve(t, w.program, w.data, w.Connection)
}
