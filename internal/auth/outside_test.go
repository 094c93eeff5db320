package auth_test

import (
	"crypto"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/auth/issuer"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
)

// newRealm returns a provider in the shape of Keycloak: discovery at the issuer's
// address, keys of several kinds, one of them for encryption.
func newRealm(t *testing.T) (*authority, auth.Issuer) {
	t.Helper()
	k := testKeys()
	ec := func(id string) object {
		return object{
			"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": id,
			"x": b64(k.p256.X.FillBytes(make([]byte, 32))), "y": b64(k.p256.Y.FillBytes(make([]byte, 32))),
		}
	}
	rsa := func(id, use, alg string) object {
		return object{"kty": "RSA", "use": use, "alg": alg, "kid": id, "n": b64(k.rsa.N.Bytes()), "e": b64(big.NewInt(int64(k.rsa.E)).Bytes())}
	}
	a := newAuthority(t, nil)
	realm := a.URL + "/realms/pki"
	a.change(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/realms/pki/.well-known/openid-configuration":
			_ = json.NewEncoder(w).Encode(object{"issuer": realm, "jwks_uri": realm + "/protocol/openid-connect/certs"})
		case "/realms/pki/protocol/openid-connect/certs":
			_, _ = w.Write(object{"keys": []object{
				rsa("rsa", "sig", "RS256"), rsa("pss", "sig", "PS256"), ec("ec"), rsa("encryption", "enc", "RSA-OAEP"),
			}}.bytes())
		default:
			http.NotFound(w, r)
		}
	})
	return a, auth.Issuer{Name: "keycloak", URL: realm, Audiences: []string{"cloudpki"}, Tenant: "contoso", PermissionClaim: "realm_access.roles"}
}

// keycloakClaims are those of an access token of Keycloak.
func keycloakClaims(realm string) object {
	now := startOfTime.Unix()
	return object{
		"iss": realm, "aud": []string{"cloudpki", "account"}, "iat": now, "exp": now + 300, "auth_time": now, "jti": "onrtac:1",
		"typ": "Bearer", "azp": "pipeline", "sub": "f:1:ada", "sid": "s", "acr": "1", "scope": "openid profile email",
		"realm_access": object{"roles": []string{"offline_access", auth.ScopeReadWrite}}, "preferred_username": "ada", "name": "Ada Lovelace",
	}
}

func TestTokensOfKeycloak(t *testing.T) {
	k := testKeys()
	a, trust := newRealm(t)
	v := a.verifier(t, newClock(), trust)
	want := auth.Principal{
		Tenant: "contoso", Issuer: "keycloak", Client: "pipeline", Subject: "f:1:ada", Name: "Ada Lovelace",
		Scopes: []string{"offline_access", auth.ScopeReadWrite}, TokenID: "onrtac:1",
	}
	for _, test := range []struct {
		alg    string
		kid    string
		method jwt.SigningMethod
		key    crypto.Signer
	}{
		{"RS256", "rsa", jwt.SigningMethodRS256, k.rsa},
		{"PS256", "pss", jwt.SigningMethodPS256, k.rsa},
		{"ES256", "ec", jwt.SigningMethodES256, k.p256},
	} {
		head := object{"alg": test.alg, "typ": "JWT", "kid": test.kid}
		p, err := v.Verify(t.Context(), compact(test.method, test.key, head.bytes(), keycloakClaims(trust.URL).bytes()))
		if err != nil {
			t.Errorf("%s: %v", test.alg, err)
		}
		if diff := cmp.Diff(want, p); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.alg, diff)
		}
	}
	head := object{"alg": "RS256", "typ": "JWT", "kid": "rsa"}
	for name, test := range map[string]struct {
		head, claims object
		code         auth.Code
	}{
		"a nonce, as versions before 25 repeat it": {nil, object{"nonce": "n"}, ""},
		"an ID token":                        {nil, object{"typ": "ID", "at_hash": "h"}, auth.CodeInvalidToken},
		"an ID token of a direct grant":      {nil, object{"typ": "ID"}, auth.CodeInvalidToken},
		"a refresh token":                    {nil, object{"typ": "Refresh"}, auth.CodeInvalidToken},
		"a nonce, without a kind":            {nil, object{"nonce": "n", "typ": nil}, auth.CodeInvalidToken},
		"another audience":                   {nil, object{"aud": "account"}, auth.CodeInvalidToken},
		"another realm":                      {nil, object{"iss": a.URL + "/realms/other"}, auth.CodeInvalidToken},
		"the key for encryption":             {object{"kid": "encryption"}, nil, auth.CodeInvalidToken},
		"the key for PS256":                  {object{"kid": "pss"}, nil, auth.CodeInvalidToken},
		"an audience with a slash behind it": {nil, object{"aud": "cloudpki/"}, ""},
	} {
		text := token(head.with(test.head), keycloakClaims(trust.URL).with(test.claims))
		if got := code(t, v, text); got != test.code {
			t.Errorf("%s: %q, want %q", name, got, test.code)
		}
	}
}

// TestPermissionClaim: what the operator names counts, and nothing else.
func TestPermissionClaim(t *testing.T) {
	for name, test := range map[string]struct {
		claim  string
		claims object
		want   []string
	}{
		"a path":                             {"realm_access.roles", nil, []string{"offline_access", auth.ScopeReadWrite}},
		"a deeper path":                      {"resource_access.cloudpki.roles", object{"resource_access": object{"cloudpki": object{"roles": []string{auth.ScopeRead}}}}, []string{auth.ScopeRead}},
		"words":                              {"permissions", object{"permissions": auth.ScopeRead + " other"}, []string{auth.ScopeRead, "other"}},
		"an address, whose dots are no path": {"https://example.com/roles", object{"https://example.com/roles": []string{auth.ScopeRead}}, []string{auth.ScopeRead}},
		"missing, and scp does not step in":  {"groups", object{"scp": auth.ScopeReadWrite, "roles": []string{auth.ScopeReadWrite}}, []string{}},
		"a number":                           {"groups", object{"groups": 7}, []string{}},
		"a path through a text":              {"name.roles", nil, []string{}},
		"numbers among texts":                {"groups", object{"groups": []any{1, auth.ScopeRead, nil}}, []string{auth.ScopeRead}},
	} {
		i := auth.Issuer{Name: "other", URL: "https://id.example.com", Audiences: []string{"cloudpki"}, Tenant: "contoso", PermissionClaim: test.claim, Keys: issuerKeys()}
		p, err := newVerifier(t, newClock(), i).Verify(t.Context(), token(goodHeader(), keycloakClaims(i.URL).with(test.claims)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(test.want, p.Scopes); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestTenantClaims(t *testing.T) {
	for name, test := range map[string]struct {
		claim  string
		claims object
		want   string // "" for a refusal
	}{
		"a path":                    {"organization.id", object{"organization": object{"id": "contoso"}}, "contoso"},
		"missing":                   {"organization.id", nil, ""},
		"a list":                    {"organization", object{"organization": []string{"contoso"}}, ""},
		"a foreign tenant":          {"organization", object{"organization": "fabrikam"}, ""},
		"one with another spelling": {"organization", object{"organization": "Contoso"}, ""},
		"a path for a tenant":       {"organization", object{"organization": "../contoso"}, ""},
	} {
		i := auth.Issuer{
			Name: "other", URL: "https://id.example.com", Audiences: []string{"cloudpki"}, TenantClaim: test.claim,
			Tenants: []string{"contoso"}, Keys: issuerKeys(),
		}
		p, err := newVerifier(t, newClock(), i).Verify(t.Context(), token(goodHeader(), keycloakClaims(i.URL).with(test.claims)))
		if string(p.Tenant) != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s: tenant %q, error %v", name, p.Tenant, err)
		}
	}
}

// TestTokensOfEntraVersion1 has the shape of what an application whose manifest
// says accessTokenAcceptedVersion 1 gets, with keys from the common endpoint.
func TestTokensOfEntraVersion1(t *testing.T) {
	a := newAuthority(t, publish(rsaKey("rsa")))
	v := a.verifier(t, newClock(), auth.Issuer{
		Name: "entra", URL: "https://sts.windows.net/{tenantid}/", Audiences: []string{"api://cloudpki"}, KeysURL: a.URL + "/common/discovery/keys",
		Tenants: []string{tenantID},
	})
	claims := object{
		"aud": "api://cloudpki", "iss": "https://sts.windows.net/" + tenantID + "/", "iat": startOfTime.Unix(), "nbf": startOfTime.Unix(),
		"exp": startOfTime.Unix() + 3600, "aio": "E2", "appid": "client", "appidacr": "1", "idp": "https://sts.windows.net/" + tenantID + "/",
		"idtyp": "app", "oid": "object", "rh": "0.A", "roles": []string{auth.ScopeRead}, "sub": "object", "tid": tenantID, "uti": "u", "ver": "1.0",
	}
	p, err := v.Verify(t.Context(), token(goodHeader().with(object{"x5t": "rsa"}), claims))
	want := auth.Principal{Tenant: tenantID, Issuer: "entra", Client: "client", Subject: "object", Scopes: []string{auth.ScopeRead}, AppOnly: true, TokenID: "u"}
	if diff := cmp.Diff(want, p); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	foreign := claims.with(object{"iss": "https://sts.windows.net/" + otherID + "/", "tid": otherID})
	if got := code(t, v, token(goodHeader(), foreign)); got != auth.CodeInvalidToken {
		t.Errorf("another customer of the same cloud: %q", got)
	}
}

// A second is another instance of the embedded issuer, behind TLS of its own.
type second struct {
	*httptest.Server
	secret string
}

func newSecond(t *testing.T, clock *clock) *second {
	t.Helper()
	plain := issuer.NewSecret()
	s := &second{secret: string(plain.Reveal())}
	var handler *issuer.Issuer
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(s.Close)
	var err error
	handler, err = issuer.New(issuer.Options{
		Origin: s.URL, Tenants: []string{tenantID}, Keys: []crypto.Signer{testKeys().rsaOther}, Audiences: []string{audience},
		Clients: []issuer.Client{{ID: "robot", Tenant: tenantID, SecretHashes: []issuer.SecretHash{issuer.HashSecret(plain)}, Roles: []string{auth.ScopeRead}}},
		Now:     clock.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// token logs in to the second issuer.
func (s *second) token(t *testing.T) string {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"robot"}, "client_secret": {s.secret}, "scope": {audience + "/.default"}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/"+tenantID+"/oauth2/v2.0/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil || body.Token == "" {
		t.Fatalf("%s, %v", resp.Status, err)
	}
	return body.Token
}

// TestSeveralIssuersAtOnce has an issuer found by discovery over TLS, a realm,
// and one with keys at hand; no key speaks for another issuer, though all have
// the same name.
func TestSeveralIssuersAtOnce(t *testing.T) {
	clock := newClock()
	other := newSecond(t, clock)
	found := auth.Issuer{Name: "second", URL: other.URL + "/" + tenantID + "/v2.0", Audiences: []string{audience}}
	realm, keycloak := newRealm(t)
	transport := other.Client().Transport.(*http.Transport).Clone()
	transport.TLSClientConfig.RootCAs.AddCert(realm.Certificate())
	t.Cleanup(transport.CloseIdleConnections)
	v := newVerifierWith(t, auth.Options{
		Issuers: []auth.Issuer{entra(), keycloak, found}, Now: clock.Now, Fetch: auth.Fetch{Client: &http.Client{Transport: transport}},
	})
	for name, text := range map[string]string{
		"entra": token(goodHeader(), goodClaims()), "keycloak": token(goodHeader(), keycloakClaims(keycloak.URL)), "second": other.token(t),
	} {
		if p, err := v.Verify(t.Context(), text); err != nil || p.Issuer != name {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	// rsa names a key of two issuers; each of them must have signed itself.
	k := testKeys()
	for name, claims := range map[string]object{"entra": goodClaims(), "keycloak": keycloakClaims(keycloak.URL), "second": goodClaims().with(object{"iss": found.URL})} {
		text := compact(jwt.SigningMethodRS256, k.rsaOther, goodHeader().bytes(), claims.bytes())
		if got := code(t, v, text); got != auth.CodeInvalidToken {
			t.Errorf("the second issuer's key in the name of %s: %q", name, got)
		}
	}
	if got := code(t, v, token(goodHeader(), goodClaims().with(object{"iss": found.URL}))); got != auth.CodeInvalidToken {
		t.Errorf("the key of entra in the name of the second issuer: %q", got)
	}
}

// TestRotationUnderLoad: while an issuer moves from one key to the next, with
// both listed as usual, no token of either is refused.
func TestRotationUnderLoad(t *testing.T) {
	a, clock := newAuthority(t, publish(rsaKey("one"))), newClock()
	v := a.verifier(t, clock, a.issuer())
	if got := code(t, v, withKey("one")); got != "" {
		t.Fatal(got)
	}
	k := testKeys()
	both := rsaKey("one")
	both["two"] = k.rsa
	a.change(publish(both))
	clock.Move(30 * time.Second)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for n := range 40 {
				text := token(goodHeader().with(object{"kid": []string{"one", "two"}[n%2]}), goodClaims().with(object{"uti": fmt.Sprint(worker, n)}))
				if _, err := v.Verify(t.Context(), text); err != nil {
					t.Errorf("token %d of worker %d: %v", n, worker, err)
				}
			}
		})
	}
	all.Wait()
	if n := a.fetches.Load(); n != 2 {
		t.Errorf("%d fetches, want 2", n)
	}
}

// TestNoAddressOutOfATokenIsAsked: a token's own jku or x5u must not make the
// service send requests.
func TestNoAddressOutOfATokenIsAsked(t *testing.T) {
	trap := newAuthority(t, publish(rsaKey("rsa")))
	a := newAuthority(t, publish(rsaKey("rsa")))
	v := a.verifier(t, newClock(), a.issuer())
	for _, name := range []string{"jku", "x5u", "kid", "iss"} {
		head := goodHeader().with(object{name: trap.URL + "/keys"})
		if got := code(t, v, token(head, goodClaims())); got != auth.CodeInvalidToken && name != "iss" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := code(t, v, token(goodHeader(), goodClaims().with(object{"iss": trap.URL}))); got != auth.CodeInvalidToken {
		t.Errorf("an issuer that nobody trusts: %q", got)
	}
	if n := trap.fetches.Load(); n != 0 {
		t.Errorf("%d requests to the address in the token", n)
	}
}

// TestProviderOnThisMachine: a provider under trial may be reached without TLS
// on loopback, and nowhere else.
func TestProviderOnThisMachine(t *testing.T) {
	var trial *httptest.Server
	trial = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/keys" {
			publish(rsaKey("rsa"))(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(object{"issuer": trial.URL, "jwks_uri": trial.URL + "/keys"})
	}))
	t.Cleanup(trial.Close)
	v := newVerifier(t, newClock(), auth.Issuer{Name: "trial", URL: trial.URL, Audiences: []string{audience}})
	if got := code(t, v, token(goodHeader(), goodClaims().with(object{"iss": trial.URL}))); got != "" {
		t.Errorf("on loopback: %s", got)
	}
	a := newAuthority(t, nil)
	a.change(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(object{"issuer": a.URL, "jwks_uri": trial.URL + "/keys"})
	})
	v = a.verifier(t, newClock(), auth.Issuer{Name: "sends here", URL: a.URL, Audiences: []string{audience}})
	if got := code(t, v, token(goodHeader(), goodClaims().with(object{"iss": a.URL}))); got != auth.CodeUnavailable {
		t.Errorf("an issuer on the net that names an address here: %q", got)
	}
}
