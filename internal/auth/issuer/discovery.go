package issuer

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
)

// document is the discovery document (OpenID Connect Discovery 1.0 section 3,
// RFC 8414, RFC 8628 section 4, RFC 9207 section 3, OpenID Connect
// RP-Initiated Logout 1.0 section 2.1). It lists what is served and no more.
type document struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	DeviceEndpoint        string   `json:"device_authorization_endpoint"`
	EndSessionEndpoint    string   `json:"end_session_endpoint"`
	UserInfoEndpoint      string   `json:"userinfo_endpoint"`
	RevocationEndpoint    string   `json:"revocation_endpoint"`
	KeysURL               string   `json:"jwks_uri"`
	AuthMethods           []string `json:"token_endpoint_auth_methods_supported"`
	AuthAlgorithms        []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	RevocationMethods     []string `json:"revocation_endpoint_auth_methods_supported"`
	GrantTypes            []string `json:"grant_types_supported"`
	ChallengeMethods      []string `json:"code_challenge_methods_supported"`
	Prompts               []string `json:"prompt_values_supported"`
	ResponseModes         []string `json:"response_modes_supported"`
	ResponseTypes         []string `json:"response_types_supported"`
	SubjectTypes          []string `json:"subject_types_supported"`
	IDTokenAlgorithms     []string `json:"id_token_signing_alg_values_supported"`
	Scopes                []string `json:"scopes_supported"`
	Claims                []string `json:"claims_supported"`
	ResponseIssuer        bool     `json:"authorization_response_iss_parameter_supported"`
	ClaimsParameter       bool     `json:"claims_parameter_supported"`
	RequestParameter      bool     `json:"request_parameter_supported"`
	RequestURIParameter   bool     `json:"request_uri_parameter_supported"`
}

func (i *Issuer) serveDiscovery(w http.ResponseWriter, r *http.Request) error {
	tenant, err := i.tenant(r)
	if err != nil {
		return err
	}
	base := i.origin + "/" + tenant
	methods := []string{"client_secret_post", "private_key_jwt", "client_secret_basic", "none"}
	return writeDocument(w, document{
		Issuer:                i.issuerOf(tenant),
		AuthorizationEndpoint: base + "/oauth2/v2.0/authorize",
		TokenEndpoint:         i.tokenEndpoint(tenant),
		DeviceEndpoint:        base + "/oauth2/v2.0/devicecode",
		EndSessionEndpoint:    base + "/oauth2/v2.0/logout",
		UserInfoEndpoint:      i.origin + userInfoPage,
		RevocationEndpoint:    base + "/oauth2/v2.0/revoke",
		KeysURL:               base + "/discovery/v2.0/keys",
		AuthMethods:           methods,
		RevocationMethods:     methods,
		AuthAlgorithms:        []string{"RS256", "PS256", "ES256"},
		GrantTypes:            []string{grantClientCredentials, grantCode, grantRefresh, grantDevice},
		ChallengeMethods:      []string{challengeS256},
		Prompts:               []string{promptNone, promptLogin, promptConsent, promptSelect},
		ResponseModes:         responseModes(),
		ResponseTypes:         []string{"code"},
		SubjectTypes:          []string{"public"},
		IDTokenAlgorithms:     []string{"RS256"},
		Scopes:                append([]string{scopeOpenID, scopeProfile, scopeEmail, scopeOffline}, serviceScopes()...),
		Claims:                []string{"sub", "iss", "aud", "exp", "iat", "nbf", "auth_time", "nonce", "name", "preferred_username", "oid", "tid", "azp", "scp", "roles", "ver"},
		ResponseIssuer:        true,
	})
}

func (i *Issuer) serveKeys(w http.ResponseWriter, r *http.Request) error {
	if _, err := i.tenant(r); err != nil {
		return err
	}
	return writeDocument(w, i.keys.document())
}

// serveInstance answers instance discovery. Libraries ask it of Microsoft's
// hosts alone; scripts may ask ours.
func (i *Issuer) serveInstance(w http.ResponseWriter, r *http.Request) error {
	type cloud struct {
		PreferredNetwork string   `json:"preferred_network"`
		PreferredCache   string   `json:"preferred_cache"`
		Aliases          []string `json:"aliases"`
	}
	tenant := i.tenants[0]
	if asked, err := url.Parse(r.URL.Query().Get("authorization_endpoint")); err == nil {
		name, _, _ := strings.Cut(strings.TrimPrefix(asked.Path, "/"), "/")
		if t, err := i.lookUpTenant(name); err == nil {
			tenant = t
		}
	}
	host := strings.TrimPrefix(i.origin, "https://")
	return writeDocument(w, struct {
		Discovery  string  `json:"tenant_discovery_endpoint"`
		APIVersion string  `json:"api-version"`
		Metadata   []cloud `json:"metadata"`
	}{
		Discovery:  i.issuerOf(tenant) + "/.well-known/openid-configuration",
		APIVersion: "1.1",
		Metadata:   []cloud{{PreferredNetwork: host, PreferredCache: host, Aliases: []string{host}}},
	})
}

// writeDocument answers with a public document. Five minutes of caching bound
// how long a new key takes to arrive everywhere.
func writeDocument(w http.ResponseWriter, doc any) error {
	body, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "public, max-age=300")
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(body) // the client has gone: nobody is left to tell
	return nil
}

// writePrivate answers with JSON for this client alone.
func writePrivate(w http.ResponseWriter, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	noStore(w.Header())
	_, _ = w.Write(body) // the client has gone: nobody is left to tell
	return nil
}
