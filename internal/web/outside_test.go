package web_test

import (
	"crypto"
	"errors"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/auth/issuer"
	"cloudpki/internal/auth/oidc"
	"cloudpki/internal/web"
)

// An outside is an OpenID provider at an origin of its own.
type outside struct {
	*httptest.Server

	away     bool
	provider web.Provider
}

// outside returns a provider that knows the console.
func (w *world) outside() *outside {
	w.t.Helper()
	o := &outside{Server: httptest.NewUnstartedServer(nil)}
	origin := "https://" + o.Listener.Addr().String()
	key, errKey := accounts()
	hash, errHash := hashed()
	must(w.t, errors.Join(errKey, errHash))
	serving, err := issuer.New(issuer.Options{
		Origin: origin, Tenants: []string{tenantA}, Keys: []crypto.Signer{key}, Now: w.Now, Log: w.options.Log,
		Clients: []issuer.Client{{ID: "console", Tenant: tenantA, Public: true, RedirectURIs: []string{w.origin + web.CallbackPath, w.origin + web.SignedOutPath}}},
		Users:   []issuer.User{{Name: "guest", Tenant: tenantA, Password: hash, Scopes: []string{auth.ScopeRead}}},
	})
	must(w.t, err)
	o.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if o.away {
			http.Error(rw, "away", http.StatusServiceUnavailable)
			return
		}
		serving.ServeHTTP(rw, r)
	})
	o.StartTLS()
	w.t.Cleanup(o.Close)
	trusted := auth.Issuer{Name: "staff", URL: origin + "/" + tenantA + "/v2.0", Audiences: []string{origin}, Tenants: []string{tenantA}}
	verifier, err := auth.NewVerifier(w.t.Context(), auth.Options{
		Issuers: []auth.Issuer{trusted}, Fetch: auth.Fetch{Client: o.Client()}, Now: w.Now, Log: w.options.Log,
	})
	must(w.t, err)
	w.t.Cleanup(func() { must(w.t, verifier.Close()) })
	client, err := oidc.NewClient(oidc.Options{
		Issuer: trusted.URL, ClientID: "console", Scope: "openid profile " + origin + "/.default",
		RedirectURI: w.origin + web.CallbackPath, SignedOutURI: w.origin + web.SignedOutPath,
		Verifier: verifier, HTTP: o.Client(), Now: w.Now, Log: w.options.Log,
	})
	must(w.t, err)
	o.provider = web.Provider{Name: "Staff & guests", Listed: true, Client: client}
	return o
}

// onward follows a page that leads to another origin by itself, and checks that
// its link leads there too.
func (b *browser) onward(p page, origin string) page {
	b.t.Helper()
	_, target, led := strings.Cut(p.Header.Get("Refresh"), "0; url=")
	if !led || !strings.HasPrefix(target, origin+"/") {
		b.t.Fatalf("%s leads to %q\n%s", p.Request.URL, p.Header.Get("Refresh"), p.body)
	}
	if !strings.Contains(html.UnescapeString(p.body), `href="`+target+`"`) {
		b.t.Errorf("no link to %s:\n%s", target, p.body)
	}
	return b.get(target)
}

// TestOutsideProvider: people choose a provider at another origin, sign in
// there, come back to the page they asked for, and sign out of both.
func TestOutsideProvider(t *testing.T) {
	w := newWorld(t)
	o := w.outside()
	w.serve(w.provider(tenantA), o.provider)
	b := w.browser()
	choice := b.get("/console/audit")
	m := regexp.MustCompile(`href="(/console/signin\?tenant=[^"]*)">Sign in with Staff &amp; guests<`).FindStringSubmatch(choice.body)
	if m == nil || !strings.Contains(choice.body, `name="tenant"`) || strings.Contains(choice.body, tenantA) {
		t.Fatalf("the choice:\n%s", choice.body)
	}
	o.away = true
	if p := b.get(html.UnescapeString(m[1])); p.StatusCode != http.StatusServiceUnavailable || !strings.Contains(p.body, "The issuer cannot be asked.") {
		t.Errorf("while it is away: %s\n%s", p.Status, p.body)
	}
	o.away = false
	w.move(time.Minute)
	form := b.onward(b.get(html.UnescapeString(m[1])), o.URL)
	home := b.do(http.MethodPost, o.URL+"/"+tenantA+"/oauth2/v2.0/signin", url.Values{"flow": {form.field(t, "flow")}, "username": {"guest"}, "password": {password}})
	if home.StatusCode != http.StatusOK || home.Request.URL.Path != "/console/audit" || !strings.Contains(home.body, "<h1>Audit trail</h1>") {
		t.Fatalf("after the sign-in: %s %s\n%s", home.Status, home.Request.URL, home.body)
	}
	out := b.onward(b.do(http.MethodPost, "/console/signout", url.Values{"form_token": {home.field(t, "form_token")}}), o.URL)
	if out.Request.URL.Path != web.SignedOutPath || !strings.Contains(out.body, "You have signed out.") {
		t.Errorf("after the sign-out: %s\n%s", out.Request.URL, out.body)
	}
	if p := b.get("/"); p.Request.URL.Path != "/console/signin" {
		t.Errorf("still signed in: %s", p.Request.URL)
	}
}

// TestAnswerOfAnotherProvider: what one provider answers does not end an attempt
// at another.
func TestAnswerOfAnotherProvider(t *testing.T) {
	w := newWorld(t)
	o := w.outside()
	w.serve(w.provider(tenantA), o.provider)
	b := w.browser()
	asked := b.get("/console/signin?tenant=" + url.QueryEscape(o.provider.Name))
	target, err := url.Parse(strings.TrimPrefix(asked.Header.Get("Refresh"), "0; url="))
	must(t, err)
	answer := url.Values{"code": {"c"}, "state": {target.Query().Get("state")}, "iss": {w.provider(tenantA).Client.Issuer()}}
	if p := b.get(web.CallbackPath + "?" + answer.Encode()); p.StatusCode != http.StatusBadRequest || !strings.Contains(p.body, "belongs to no sign-in") {
		t.Errorf("%s\n%s", p.Status, p.body)
	}
}
