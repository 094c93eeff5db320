package app_test

import (
	"net/http"
	"strings"
	"testing"

	"cloudpki/internal/config"
)

// TestWhoHandsOutTokens: callers without a token are told of whom to get one.
func TestWhoHandsOutTokens(t *testing.T) {
	const template, realm = "https://sts.example.com/{tenantid}/", "https://sso.example.com/realms/pki"
	outside := func(addresses ...string) func(*config.Config) {
		return func(cfg *config.Config) {
			cfg.Issuer = config.Issuer{}
			for _, at := range addresses {
				cfg.Auth.Issuers = append(cfg.Auth.Issuers, config.TrustedIssuer{
					Issuer: at, JWKSURI: "https://sso.example.com/keys", Audiences: []string{"cloudpki"},
				})
			}
		}
	}
	for name, test := range map[string]struct {
		change              func(*config.Config)
		authority, tokenURL string
	}{
		"the embedded issuer":               {func(*config.Config) {}, "https://localhost:8443", "https://localhost:8443/organizations/oauth2/v2.0/token"},
		"an outside issuer":                 {outside(realm), realm, ""},
		"the first with an address":         {outside(template, realm), realm, ""},
		"addresses for each tenant, no one": {outside(template), "", ""},
	} {
		cfg := settings(t)
		test.change(&cfg)
		s := start(t, cfg, nil)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.base+"/beta/cloudPkiSubscriptions", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := s.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got := resp.Header.Get("WWW-Authenticate"); !strings.Contains(got, `authorization_uri="`+test.authority+`"`) {
			t.Errorf("%s: %s", name, got)
		}
		_, document := s.get("/openapi.json")
		if got := strings.Contains(document, `"tokenUrl"`); got != (test.tokenURL != "") || !strings.Contains(document, test.tokenURL) {
			t.Errorf("%s: a token URL in the OpenAPI document: %v", name, got)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}
}

// TestPagesOfOtherOriginsMayAskTheIssuer: one setting is for the API and for who
// hands out its tokens.
func TestPagesOfOtherOriginsMayAskTheIssuer(t *testing.T) {
	cfg := settings(t)
	cfg.API.AllowedOrigins = []string{"https://console.example.com"}
	s := start(t, cfg, nil)
	for _, path := range []string{"/beta/$metadata", "/organizations/v2.0/.well-known/openid-configuration"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.base+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", "https://console.example.com")
		resp, err := s.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got := resp.Header.Get("Access-Control-Allow-Origin"); resp.StatusCode != http.StatusOK || got != "https://console.example.com" {
			t.Errorf("%s: %s, shared with %q", path, resp.Status, got)
		}
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}
