package issuer_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/auth/issuer"
)

func TestCodesThatAreRefused(t *testing.T) {
	s := newServer(t)
	good := s.code(t)
	for name, test := range map[string]struct {
		changes []string
		code    string
		number  float64
	}{
		"no code":              {[]string{"code", ""}, "invalid_request", 900144},
		"no verifier":          {[]string{"code_verifier", ""}, "invalid_request", 900144},
		"another verifier":     {[]string{"code_verifier", strings.Repeat("x", 43)}, "invalid_grant", 501481},
		"the challenge itself": {[]string{"code_verifier", challengeOf(verifier)}, "invalid_grant", 501481},
		"short verifier":       {[]string{"code_verifier", "x"}, "invalid_grant", 501481},
		"another address":      {[]string{"redirect_uri", loopback}, "invalid_grant", 500112},
		"no address":           {[]string{"redirect_uri", ""}, "invalid_request", 900144},
		"made up":              {[]string{"code", "AAAA"}, "invalid_grant", 70000},
		"cut off":              {[]string{"code", good[:len(good)-4]}, "invalid_grant", 70000},
		"another client's":     {[]string{"client_id", withSecret}, "invalid_grant", 70000},
		"without the secret":   {[]string{"client_secret", ""}, "invalid_client", 7000218},
		"wrong secret":         {[]string{"client_secret", "wrong"}, "invalid_client", 7000215},
	} {
		if _, body := s.redeem(t, good, test.changes...); body["error"] != test.code || number(body) != test.number {
			t.Errorf("%s: %v", name, body)
		}
	}
	if status, body := s.redeem(t, good); status != http.StatusOK {
		t.Errorf("the code is good still: %v", body)
	}
	late := s.code(t)
	s.Move(time.Minute)
	if _, body := s.redeem(t, late); number(body) != 70008 {
		t.Errorf("after a minute: %v", body)
	}
	if _, body := s.refresh(t, good); number(body) != 9002313 {
		t.Errorf("a code as a refresh token: %v", body)
	}
}

func TestCodesWorkOnce(t *testing.T) {
	s := newServer(t)
	code := s.code(t)
	_, first := s.redeem(t, code)
	if _, body := s.redeem(t, code); body["error"] != "invalid_grant" || number(body) != 54005 {
		t.Errorf("second use: %v", body)
	}
	if _, body := s.refresh(t, first["refresh_token"].(string)); number(body) != 50173 {
		t.Errorf("what was issued from it: %v", body)
	}
}

func TestRefreshTokensRotate(t *testing.T) {
	s := newServer(t)
	_, body := s.redeem(t, s.code(t))
	first := body["refresh_token"].(string)
	status, body := s.refresh(t, first)
	if status != http.StatusOK {
		t.Fatalf("%d %v", status, body)
	}
	second := body["refresh_token"].(string)
	if second == first || payload(t, body["id_token"].(string))["nonce"] != nil {
		t.Errorf("answer %v", body)
	}
	if status, body := s.refresh(t, first); status != http.StatusOK {
		t.Errorf("the first again, at once: %v", body)
	}
	s.Move(31 * time.Second)
	if status, body := s.refresh(t, second); status != http.StatusOK {
		t.Errorf("the second: %v", body)
	}
	s.Move(31 * time.Second)
	if _, body := s.refresh(t, first); number(body) != 50173 || body["error"] != "invalid_grant" {
		t.Errorf("the first, long replaced: %v", body)
	}
	if _, body := s.refresh(t, second); number(body) != 50173 {
		t.Errorf("the family lives on: %v", body)
	}
	if strings.Contains(s.log.String(), first) {
		t.Error("the log holds a refresh token")
	}
}

func TestRefreshTokensThatAreRefused(t *testing.T) {
	s := newServer(t)
	_, body := s.redeem(t, s.code(t, "scope", "offline_access "+auth.ScopeRead))
	good := body["refresh_token"].(string)
	if body["id_token"] != nil || body["scope"] != "offline_access "+auth.ScopeRead {
		t.Errorf("without openid: %v", body)
	}
	for name, test := range map[string]struct {
		changes []string
		number  float64
	}{
		"none":             {[]string{"refresh_token", ""}, 900144},
		"made up":          {[]string{"refresh_token", "AAAA"}, 9002313},
		"another client's": {[]string{"client_id", withSecret}, 9002313},
		"more scopes":      {[]string{"scope", auth.ScopeReadWrite}, 70011},
		"another resource": {[]string{"scope", graph + "/" + auth.ScopeRead}, 70011},
		"unknown scope":    {[]string{"scope", "User.Read"}, 650053},
	} {
		if _, body := s.refresh(t, good, test.changes...); number(body) != test.number {
			t.Errorf("%s: %v", name, body)
		}
	}
	if status, body := s.refresh(t, good, "scope", auth.ScopeRead); status != http.StatusOK || body["refresh_token"] == nil {
		t.Errorf("fewer scopes: %v", body)
	}
	s.Move(30 * 24 * time.Hour)
	if _, body := s.refresh(t, good); number(body) != 700082 {
		t.Errorf("after 30 days: %v", body)
	}
	_, body = s.redeem(t, s.code(t, "scope", "openid"))
	if body["refresh_token"] != nil {
		t.Errorf("offline_access was not asked for: %v", body)
	}
}

func TestScopesAreWhatUserAndClientMay(t *testing.T) {
	s := newServer(t)
	for _, test := range []struct {
		user, scope string
		want        string // scp
		aud         string
	}{
		{"ada", ".default", auth.ScopeRead + " " + auth.ScopeReadWrite, s.URL},
		{"ada", auth.ScopeRead, auth.ScopeRead, s.URL},
		{"ada", s.URL + "/" + auth.ScopeReadWrite, auth.ScopeReadWrite, s.URL},
		{"ada", graph + "/.default openid", "openid " + auth.ScopeRead + " " + auth.ScopeReadWrite, graph},
		{"reader", s.URL + "/.default", auth.ScopeRead, s.URL},
		{"reader", auth.ScopeRead + " " + auth.ScopeReadWrite, auth.ScopeRead, s.URL},
		{"nobody", "openid profile", "openid profile", s.URL},
	} {
		b := s.browser(t)
		v := b.submit(b.get(authorizePath("scope", test.scope)), "username", test.user, "password", password)
		_, body := s.redeem(t, v.location.Query().Get("code"))
		text, _ := body["access_token"].(string)
		if claims := payload(t, text); claims["scp"] != test.want || claims["aud"] != test.aud || claims["roles"] != nil {
			t.Errorf("%s asks %s: scp %v for %v", test.user, test.scope, claims["scp"], claims["aud"])
		}
	}
}

// TestScopesOfAClientBoundItsTokens: a client gets no more than it may, however
// much its user may.
func TestScopesOfAClientBoundItsTokens(t *testing.T) {
	s := newServer(t)
	s.restart(t, func(o *issuer.Options) {
		o.Clients = slices.Clone(o.Clients)
		for n := range o.Clients {
			o.Clients[n].Scopes = []string{auth.ScopeRead}
		}
	})
	_, body := s.redeem(t, s.code(t, "scope", ".default"))
	if text, _ := body["access_token"].(string); payload(t, text)["scp"] != auth.ScopeRead {
		t.Errorf("of all: %v", body)
	}
	b := s.browser(t)
	if v := b.signIn(b.get(authorizePath("scope", auth.ScopeReadWrite))); v.location == nil || v.location.Query().Get("error") != "access_denied" {
		t.Errorf("the one that it may not: %d %v", v.status, v.location)
	}
}

// TestDeviceCodesAreTheirClients: another client cannot fetch what a user has
// granted to one.
func TestDeviceCodesAreTheirClients(t *testing.T) {
	s := newServer(t)
	s.restart(t, func(o *issuer.Options) {
		o.Clients = append(slices.Clone(o.Clients), issuer.Client{ID: "another-tool", Tenant: tenant, Public: true})
	})
	_, d := s.postForm(t, "/"+tenant+"/oauth2/v2.0/devicecode", url.Values{"client_id": {public}, "scope": {"openid"}})
	b := s.browser(t)
	b.submit(b.signIn(b.submit(b.get("/devicelogin"), "code", d["user_code"].(string))), "answer", "accept")
	for _, test := range []struct {
		client string
		status int
	}{{"another-tool", http.StatusBadRequest}, {public, http.StatusOK}} {
		resp, body := s.postForm(t, "/"+tenant+"/oauth2/v2.0/token", url.Values{
			"client_id": {test.client}, "grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {d["device_code"].(string)},
		})
		if resp.StatusCode != test.status {
			t.Errorf("%s: %s %v", test.client, resp.Status, body)
		}
	}
}

func TestPublicClients(t *testing.T) {
	s := newServer(t)
	post := func(path string, values url.Values) map[string]any {
		t.Helper()
		_, body := s.postForm(t, "/"+tenant+"/oauth2/v2.0/"+path, values)
		return body
	}
	grant := func(kind string) url.Values {
		return url.Values{"client_id": {public}, "grant_type": {kind}, "scope": {s.URL + "/.default"}}
	}
	if body := post("token", grant("client_credentials")); number(body) != 7000218 {
		t.Errorf("for itself: %v", body)
	}
	withSecretToo := grant("refresh_token")
	withSecretToo.Set("client_secret", "x")
	if body := post("token", withSecretToo); number(body) != 700025 {
		t.Errorf("with a secret: %v", body)
	}
	if body := post("devicecode", url.Values{"client_id": {webApp}, "scope": {"openid"}}); number(body) != 7000218 {
		t.Errorf("a device code for a confidential client: %v", body)
	}
	if body := post("devicecode", url.Values{"client_id": {public}, "scope": {"User.Read"}}); number(body) != 650053 {
		t.Errorf("a device code for an unknown scope: %v", body)
	}
	if body := post("devicecode", url.Values{"client_id": {public}}); number(body) != 70011 {
		t.Errorf("a device code for nothing: %v", body)
	}
	poll := grant("device_code") // as MSAL spells it
	poll.Set("device_code", "made up")
	if body := post("token", poll); body["error"] != "bad_verification_code" {
		t.Errorf("a device code that is none: %v", body)
	}
}

func TestUserCodesAreNotGuessed(t *testing.T) {
	s := newServer(t)
	b := s.browser(t)
	page := b.get("/devicelogin")
	for n := range 10 {
		if v := b.submit(page, "code", "BBBB-BBBB"); v.status != http.StatusBadRequest {
			t.Fatalf("guess %d: %d %s", n, v.status, v.text)
		}
	}
	if v := b.submit(page, "code", "BBBB-BBBB"); v.status != http.StatusTooManyRequests {
		t.Errorf("the eleventh: %d %s", v.status, v.text)
	}
	for n := range 31 {
		resp, body := s.postForm(t, "/"+tenant+"/oauth2/v2.0/devicecode", url.Values{"client_id": {public}, "scope": {"openid"}})
		if want := n < 30; (resp.StatusCode == http.StatusOK) != want {
			t.Errorf("device %d: %s %v", n+1, resp.Status, body)
		}
	}
}
