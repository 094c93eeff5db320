package issuer_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// FuzzAuthorize looks for requests that send a browser to an address that is
// not registered, or that break the page.
func FuzzAuthorize(f *testing.F) {
	s := newServer(f)
	_, query, _ := strings.Cut(authorizePath(), "?")
	f.Add(query)
	f.Add(query + "&response_mode=form_post&prompt=none")
	f.Add("client_id=" + public + "&redirect_uri=http%3A%2F%2Flocalhost%3A1%2F&response_type=token&response_mode=fragment")
	f.Add("client_id=" + public + "&redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2Fdone%3F")
	f.Add("client_id=%zz&;&redirect_uri=http://localhost@evil/")
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/"+tenant+"/oauth2/v2.0/authorize", nil)
		r.URL.RawQuery = query
		w := httptest.NewRecorder()
		s.issuer.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		location := w.Header().Get("Location")
		if location == "" {
			return
		}
		to, err := url.Parse(location)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case to.Scheme == "https" && to.Host == "console.example.com" && to.Path == "/callback":
		case to.Scheme == "http" && to.Hostname() == "localhost" && (to.Path == "" || to.Path == "/"):
		case to.Scheme == "http" && to.Hostname() == "127.0.0.1" && to.Path == "/done":
		default:
			t.Fatalf("sent to %s", location)
		}
	})
}

// FuzzAssertion looks for client assertions that are taken though their
// signature does not fit, whatever header and claims say.
func FuzzAssertion(f *testing.F) {
	s, k := newServer(f), testKeys()
	f.Add(`{"alg":"RS256"}`, `{}`, "sig")
	f.Add(`{"alg":"none"}`, `{"exp":1e300}`, "")
	f.Add(`{"alg":"HS256","x5t":"AA=="}`, `{"aud":["a"],"exp":1.5}`, "AA")
	f.Add(`{"alg":"ES256","jwk":{}}`, `[]`, "")
	good := strings.Split(signed(jwt.SigningMethodRS256, k.stranger, object{}, s.goodAssertion("fuzz")), ".")
	f.Add(`{"alg":"RS256"}`, fmt.Sprintf(`{"iss":%q,"sub":%q,"exp":%d}`, withCert, withCert, startOfTime.Unix()+60), good[2])
	f.Fuzz(func(t *testing.T, head, claims, signature string) {
		encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
		text := encode(head) + "." + encode(claims) + "." + signature
		form := s.assertionForm(text, "client_id", "")
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/"+tenant+"/oauth2/v2.0/token", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		s.issuer.ServeHTTP(w, r)
		if w.Code < 400 || w.Code >= 500 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	})
}
