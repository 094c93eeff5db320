package issuer_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"cloudpki/internal/auth/issuer"

	"github.com/google/go-cmp/cmp"
)

func TestUserInfo(t *testing.T) {
	s := newServer(t)
	ask := func(bearer string) (int, map[string]any, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/oidc/userinfo", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+bearer)
		resp, body := s.do(t, req)
		return resp.StatusCode, body, resp.Header.Get("WWW-Authenticate")
	}
	_, person := s.redeem(t, s.code(t))
	access := person["access_token"].(string)
	status, body, _ := ask(access)
	want := map[string]any{"sub": payload(t, access)["sub"], "name": "Ada Lovelace", "preferred_username": "ada"}
	if diff := cmp.Diff(want, body); status != http.StatusOK || diff != "" {
		t.Errorf("%d (-want +got):\n%s", status, diff)
	}
	_, program := s.token(t, tenant, s.form())
	_, closed := s.redeem(t, s.code(t, "scope", ".default"))
	for name, bearer := range map[string]string{
		"none": "", "made up": "a.b.c", "an ID token": person["id_token"].(string), "an application's": program["access_token"].(string),
		"without openid": closed["access_token"].(string), "of a longer signature": access + "A",
	} {
		if status, body, challenge := ask(bearer); status != http.StatusUnauthorized || body["error"] != "invalid_token" || challenge == "" {
			t.Errorf("%s: %d %v", name, status, body)
		}
	}
	s.restart(t, func(o *issuer.Options) { o.Origin = "https://moved.example.com" })
	if status, _, _ := ask(access); status != http.StatusUnauthorized {
		t.Errorf("of the same keys under another name: %d", status)
	}
	s.restart(t, func(*issuer.Options) {})
	s.Move(time.Hour)
	if status, _, _ := ask(access); status != http.StatusUnauthorized {
		t.Errorf("an hour later: %d", status)
	}
}

func TestRevocation(t *testing.T) {
	s := newServer(t)
	revoke := func(changes ...string) int {
		t.Helper()
		form := url.Values{"client_id": {webApp}, "client_secret": {s.secret}}
		for n := 0; n < len(changes); n += 2 {
			form.Set(changes[n], changes[n+1])
		}
		return s.browser(t).post("/"+tenant+"/oauth2/v2.0/revoke", form).status
	}
	_, body := s.redeem(t, s.code(t))
	refresh := body["refresh_token"].(string)
	for name, test := range map[string]struct {
		changes []string
		want    int
	}{
		"no token":             {nil, http.StatusBadRequest},
		"wrong secret":         {[]string{"token", refresh, "client_secret", "x"}, http.StatusUnauthorized},
		"another client's":     {[]string{"token", refresh, "client_id", withSecret}, http.StatusOK},
		"a token that is none": {[]string{"token", "x"}, http.StatusOK},
	} {
		if got := revoke(test.changes...); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
	status, body := s.refresh(t, refresh)
	if status != http.StatusOK {
		t.Fatalf("before: %v", body)
	}
	if got := revoke("token", body["refresh_token"].(string), "token_type_hint", "refresh_token"); got != http.StatusOK {
		t.Errorf("revoke: %d", got)
	}
	if _, body := s.refresh(t, refresh); number(body) != 50173 {
		t.Errorf("after: %v", body)
	}
}
