package issuer_test

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"cloudpki/internal/auth"
	"cloudpki/internal/auth/issuer"
	"cloudpki/internal/secret"
)

// restart puts another issuer in the place of the server's, as a restart does,
// or as another replica answers.
func (s *server) restart(t *testing.T, change func(*issuer.Options)) {
	t.Helper()
	opts := s.options
	change(&opts)
	var err error
	if s.issuer, err = issuer.New(opts); err != nil {
		t.Fatal(err)
	}
}

func TestSignInsSurviveARestart(t *testing.T) {
	s := newServer(t)
	b := s.browser(t)
	open := b.get(authorizePath())
	code := b.signIn(b.get(authorizePath())).location.Query().Get("code")
	_, body := s.redeem(t, s.code(t))
	refresh := body["refresh_token"].(string)

	s.restart(t, func(*issuer.Options) {})
	if status, body := s.redeem(t, code); status != http.StatusOK {
		t.Errorf("a code from before: %v", body)
	}
	if status, body := s.refresh(t, refresh); status != http.StatusOK {
		t.Errorf("a refresh token from before: %v", body)
	}
	if v := b.get(authorizePath("prompt", "none")); v.location.Query().Get("code") == "" {
		t.Errorf("a session from before: %v", v.location)
	}
	if v := b.signIn(open); v.location == nil {
		t.Errorf("a page from before: %d", v.status)
	}
}

func TestAnotherKeyEndsSignIns(t *testing.T) {
	s := newServer(t)
	b := s.browser(t)
	code := b.signIn(b.get(authorizePath())).location.Query().Get("code")
	s.restart(t, func(o *issuer.Options) { o.SealKey = bytes.Repeat([]byte{2}, 32) })
	if _, body := s.redeem(t, code); number(body) != 70000 {
		t.Errorf("a code: %v", body)
	}
	if v := b.get(authorizePath("prompt", "none")); v.location.Query().Get("error") != "login_required" {
		t.Errorf("a session: %v", v.location)
	}
}

// TestChangesToAUserEndSignIns is about people who leave, or whose password
// somebody else has found.
func TestChangesToAUserEndSignIns(t *testing.T) {
	other, err := secret.HashPassword(secret.NewString("another"))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*issuer.Options){
		"another password": func(o *issuer.Options) {
			o.Users = []issuer.User{{Name: "ada", Tenant: tenant, Password: other, Scopes: o.Users[0].Scopes}}
		},
		"removed": func(o *issuer.Options) { o.Users = nil },
	} {
		s := newServer(t)
		b := s.browser(t)
		code := b.signIn(b.get(authorizePath())).location.Query().Get("code")
		_, body := s.redeem(t, s.code(t))
		refresh := body["refresh_token"].(string)
		s.restart(t, change)
		if _, body := s.redeem(t, code); number(body) != 50173 {
			t.Errorf("%s, a code: %v", name, body)
		}
		if _, body := s.refresh(t, refresh); number(body) != 50173 {
			t.Errorf("%s, a refresh token: %v", name, body)
		}
		if v := b.get(authorizePath("prompt", "none")); v.location.Query().Get("error") != "login_required" {
			t.Errorf("%s, a session: %v", name, v.location)
		}
	}
}

// TestScopesTakenAwayEndRefreshing: what counts is what user and client may today.
func TestScopesTakenAwayEndRefreshing(t *testing.T) {
	s := newServer(t)
	_, body := s.redeem(t, s.code(t))
	first := body["refresh_token"].(string)
	s.restart(t, func(o *issuer.Options) {
		o.Users = []issuer.User{o.Users[0]}
		o.Users[0].Scopes = []string{auth.ScopeRead}
	})
	status, body := s.refresh(t, first)
	if status != http.StatusOK || payload(t, body["access_token"].(string))["scp"] != "openid profile "+auth.ScopeRead {
		t.Errorf("less: %d %v", status, body)
	}
	s.restart(t, func(o *issuer.Options) {
		o.Users = []issuer.User{o.Users[0]}
		o.Users[0].Scopes = nil
	})
	if status, body := s.refresh(t, first); status != http.StatusBadRequest || body["error"] != "invalid_grant" || number(body) != 50105 {
		t.Errorf("nothing: %d %v", status, body)
	}
}

// TestClientsThatMoveLeaveTheirTokens: what a client was given in one tenant is
// of no use to it in another.
func TestClientsThatMoveLeaveTheirTokens(t *testing.T) {
	s := newServer(t)
	code := s.code(t)
	_, body := s.redeem(t, s.code(t))
	s.restart(t, func(o *issuer.Options) {
		o.Clients = slices.Clone(o.Clients)
		for n := range o.Clients {
			if o.Clients[n].ID == webApp {
				o.Clients[n].Tenant = otherTenant
			}
		}
	})
	for name, changes := range map[string][]string{
		"a code":          {"grant_type", "authorization_code", "code", code, "redirect_uri", webURI, "code_verifier", verifier},
		"a refresh token": {"grant_type", "refresh_token", "refresh_token", body["refresh_token"].(string)},
	} {
		resp, body := s.token(t, otherTenant, s.form(append([]string{"client_id", webApp, "scope", ""}, changes...)...))
		if resp.StatusCode != http.StatusBadRequest || body["error"] != "invalid_grant" {
			t.Errorf("%s: %s %v", name, resp.Status, body)
		}
	}
}

// TestDiscoveryListsWhatIsServed holds each address against the routes.
func TestDiscoveryListsWhatIsServed(t *testing.T) {
	s := newServer(t)
	_, doc := s.get(t, "/"+tenant+"/v2.0/.well-known/openid-configuration")
	seen := 0
	for name, value := range doc {
		text, _ := value.(string)
		if !strings.HasSuffix(name, "_endpoint") && name != "jwks_uri" {
			continue
		}
		seen++
		at, err := url.Parse(text)
		if err != nil || !strings.HasPrefix(text, s.URL+"/") {
			t.Errorf("%s is %q", name, text)
			continue
		}
		if r := (&http.Request{Method: http.MethodGet, URL: at, Host: at.Host}); !s.issuer.Serves(r) {
			t.Errorf("%s, %s, is not served", name, text)
		}
	}
	if seen != 7 {
		t.Errorf("%d addresses", seen)
	}
	for _, grant := range doc["grant_types_supported"].([]any) {
		if _, body := s.token(t, tenant, url.Values{"grant_type": {grant.(string)}}); body["error"] == "unsupported_grant_type" {
			t.Errorf("grant %v: %v", grant, body)
		}
	}
}

func TestOneTenantHasManyNames(t *testing.T) {
	s := newServer(t)
	s.restart(t, func(o *issuer.Options) {
		o.Tenants, o.Users = o.Tenants[:1], o.Users[:1]
		o.Clients = o.Clients[:1]
	})
	for _, name := range []string{"common", "organizations", "Common"} {
		if _, body := s.get(t, "/"+name+"/v2.0/.well-known/openid-configuration"); body["issuer"] != s.URL+"/"+tenant+"/v2.0" {
			t.Errorf("%s: %v", name, body)
		}
		if resp, body := s.token(t, name, s.form()); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %v", name, body)
		}
	}
	if _, body := s.get(t, "/consumers/v2.0/.well-known/openid-configuration"); number(body) != 90002 {
		t.Errorf("consumers: %v", body)
	}
}
