package issuer_test

import (
	"net/http"
	"testing"

	"cloudpki/internal/auth/issuer"
)

// TestPagesOfOtherOrigins is about programs in a browser (Fetch standard, HTTP-CORS protocol).
func TestPagesOfOtherOrigins(t *testing.T) {
	const console = "https://console.example.com"
	discovery, token := "/"+tenant+"/v2.0/.well-known/openid-configuration", "/"+tenant+"/oauth2/v2.0/token"
	for name, test := range map[string]struct {
		allowed              []string
		method, path, origin string
		asks                 string // Access-Control-Request-Method
		status               int
		shared               bool
	}{
		"a document":               {[]string{console}, http.MethodGet, discovery, console, "", 200, true},
		"an error":                 {[]string{console}, http.MethodPost, token, console, "", 400, true},
		"the question before":      {[]string{console}, http.MethodOptions, token, console, http.MethodPost, 204, true},
		"any origin":               {[]string{"*"}, http.MethodGet, discovery, console, "", 200, true},
		"another origin":           {[]string{console}, http.MethodGet, discovery, console + ".evil.example", "", 200, false},
		"the question of another":  {[]string{console}, http.MethodOptions, token, "https://evil.example", http.MethodPost, 405, false},
		"OPTIONS that asks nought": {[]string{console}, http.MethodOptions, token, console, "", 405, true},
		"no origin":                {[]string{"*"}, http.MethodGet, discovery, "", "", 200, false},
		"none is allowed":          {nil, http.MethodGet, discovery, console, "", 200, false},
		"a page for people":        {[]string{"*"}, http.MethodGet, "/devicelogin", console, "", 200, false},
		"the sign-in":              {[]string{"*"}, http.MethodOptions, "/" + tenant + "/oauth2/v2.0/signin", console, http.MethodPost, 405, false},
	} {
		s := newServer(t)
		s.restart(t, func(o *issuer.Options) { o.Browsers = test.allowed })
		req, err := http.NewRequestWithContext(t.Context(), test.method, s.URL+test.path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		for field, value := range map[string]string{"Origin": test.origin, "Access-Control-Request-Method": test.asks} {
			if value != "" {
				req.Header.Set(field, value)
			}
		}
		v := s.browser(t).do(req)
		want := ""
		if test.shared {
			want = test.origin
		}
		if got := v.header.Get("Access-Control-Allow-Origin"); v.status != test.status || got != want {
			t.Errorf("%s: %d, shared with %q; want %d, %q", name, v.status, got, test.status, want)
		}
		if v.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: cookies are sent along", name)
		}
		if cached := v.header.Get("Cache-Control") == "public, max-age=300"; cached && test.allowed != nil && v.header.Get("Vary") != "Origin" {
			t.Errorf("%s: a cache would give one origin's answer to another", name)
		}
		if asked := v.status == http.StatusNoContent; asked && v.header.Get("Access-Control-Allow-Headers") != "*, Authorization" {
			t.Errorf("%s: %v", name, v.header)
		}
	}
}
