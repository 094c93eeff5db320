package oidc_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"cloudpki/internal/auth"
	"cloudpki/internal/auth/oidc"
)

const (
	clientID    = "the console: at 100%" // which must be encoded for client_secret_basic
	redirectURI = "https://pki.example.com/console/signin/callback"
	signedOut   = "https://pki.example.com/console/signedout"
	scope       = "openid profile cloudpki"
)

type object = map[string]any

// A provider is an OpenID provider outside, by the specifications alone: it
// refuses what a conformant one refuses. Its fields, set before it is asked,
// have it lie.
type provider struct {
	*httptest.Server
	t      *testing.T
	issuer string // the iss of its tokens
	key    *ecdsa.PrivateKey
	prove  func(*http.Request) bool // what it wants of a client

	document   func(object)                                        // changes what it says of itself
	id, access func(object)                                        // change the claims of its tokens
	sign       func(jwt.MapClaims) string                          // signs ID tokens, nil for as it ought to
	answer     func(object)                                        // changes the answer of the token endpoint
	instead    map[string]func(http.ResponseWriter, *http.Request) // answers for a path

	mu    sync.Mutex
	now   time.Time
	asked []string // paths
	codes map[string]url.Values
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{
		t: t, key: newKey(t), now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), codes: map[string]url.Values{},
		instead: map[string]func(http.ResponseWriter, *http.Request){},
		prove:   func(r *http.Request) bool { return r.PostForm.Get("client_id") == clientID && !proves(r) },
	}
	same := func(object) {}
	p.document, p.id, p.access, p.answer = same, same, same, same
	p.Server = httptest.NewTLSServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	p.issuer = p.URL + "/realm"
	return p
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// proves reports whether a client has tried to prove itself.
func proves(r *http.Request) bool {
	return r.Header.Get("Authorization") != "" || r.PostForm.Has("client_secret") || r.PostForm.Has("client_assertion")
}

// Now is the clock of all.
func (p *provider) Now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func (p *provider) move(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(d)
}

// wasAsked returns how often for a path.
func (p *provider) wasAsked(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, a := range p.asked {
		if a == path {
			n++
		}
	}
	return n
}

func (p *provider) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked = append(p.asked, r.URL.Path)
	p.mu.Unlock()
	if other := p.instead[r.URL.Path]; other != nil {
		other(w, r)
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /realm/.well-known/openid-configuration":
		document := object{
			"issuer": p.issuer, "jwks_uri": p.URL + "/keys", "authorization_endpoint": p.URL + "/authorize?theme=plain",
			"token_endpoint": p.URL + "/token", "end_session_endpoint": p.URL + "/logout", "authorization_response_iss_parameter_supported": true,
		}
		p.document(document)
		tell(w, http.StatusOK, document)
	case "GET /keys":
		tell(w, http.StatusOK, object{"keys": []object{{
			"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "k",
			"x": base64.RawURLEncoding.EncodeToString(p.key.X.FillBytes(make([]byte, 32))), "y": base64.RawURLEncoding.EncodeToString(p.key.Y.FillBytes(make([]byte, 32))),
		}}})
	case "GET /authorize":
		p.authorize(w, r)
	case "POST /token":
		p.redeem(w, r)
	default:
		http.NotFound(w, r)
	}
}

func tell(w http.ResponseWriter, status int, body object) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // who asked has gone
}

// authorize lets everybody in, and sends the browser back with a code (RFC 6749
// section 4.1.1, OpenID Connect Core 1.0 section 3.1.2.1, RFC 7636 section 4.3).
func (p *provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	for name, want := range map[string]string{
		"theme": "plain", "response_type": "code", "client_id": clientID, "redirect_uri": redirectURI, "scope": scope, "code_challenge_method": "S256",
	} {
		if q.Get(name) != want {
			p.t.Errorf("%s of the authorization request is %q, want %q", name, q.Get(name), want)
		}
	}
	code := rand.Text()
	p.mu.Lock()
	p.codes[code] = q
	p.mu.Unlock()
	back := url.Values{"code": {code}, "state": {q.Get("state")}}
	if p.issuer == p.URL+"/realm" {
		back.Set("iss", p.issuer)
	}
	http.Redirect(w, r, redirectURI+"?"+back.Encode(), http.StatusFound)
}

// redeem gives tokens for a code, once, to who has asked for it (RFC 6749
// section 4.1.3, RFC 7636 section 4.6).
func (p *provider) redeem(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "no form", http.StatusBadRequest)
		return
	}
	code := r.PostForm.Get("code")
	p.mu.Lock()
	q, known := p.codes[code]
	delete(p.codes, code)
	p.mu.Unlock()
	challenge := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	switch {
	case !p.prove(r):
		tell(w, http.StatusUnauthorized, object{"error": "invalid_client"})
		return
	case r.PostForm.Get("grant_type") != "authorization_code", !known, r.PostForm.Get("redirect_uri") != redirectURI,
		base64.RawURLEncoding.EncodeToString(challenge[:]) != q.Get("code_challenge"):
		tell(w, http.StatusBadRequest, object{"error": "invalid_grant"})
		return
	}
	now := p.Now().Unix()
	access := object{"iss": p.issuer, "aud": "cloudpki", "sub": "ada", "azp": clientID, "name": "Ada", "scope": auth.ScopeRead, "iat": now, "exp": now + 300}
	p.access(access)
	answer := object{"access_token": p.signed(jwt.MapClaims(access)), "token_type": "bearer", "expires_in": 300}
	hash := sha256.Sum256([]byte(answer["access_token"].(string)))
	id := object{
		"iss": p.issuer, "aud": []string{clientID}, "sub": "ada", "iat": now, "exp": now + 300, "nonce": q.Get("nonce"),
		"at_hash": base64.RawURLEncoding.EncodeToString(hash[:16]),
	}
	p.id(id)
	maps.DeleteFunc(id, func(_ string, v any) bool { return v == nil })
	sign := p.signed
	if p.sign != nil {
		sign = p.sign
	}
	answer["id_token"] = sign(jwt.MapClaims(id))
	p.answer(answer)
	tell(w, http.StatusOK, answer)
}

func (p *provider) signed(claims jwt.MapClaims) string {
	return signed(p.t, jwt.SigningMethodES256, p.key, claims)
}

// signed returns a token that names the provider's key, whoever has signed it.
func signed(t *testing.T, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"] = "k"
	text, err := token.SignedString(key)
	if err != nil {
		t.Error(err)
	}
	return text
}

// client returns a client of the provider.
func (p *provider) client(credential oidc.Credential, change ...func(*oidc.Options, *auth.Issuer)) *oidc.Client {
	p.t.Helper()
	trusted := auth.Issuer{Name: "outside", URL: p.issuer, Audiences: []string{"cloudpki"}, Tenant: "contoso"}
	o := oidc.Options{
		Issuer: p.issuer, ClientID: clientID, Credential: credential, Scope: scope, RedirectURI: redirectURI, SignedOutURI: signedOut,
		HTTP: p.Client(), Now: p.Now, Log: slog.New(slog.DiscardHandler),
	}
	for _, c := range change {
		c(&o, &trusted)
	}
	var err error
	o.Verifier, err = auth.NewVerifier(p.t.Context(), auth.Options{
		Issuers: []auth.Issuer{trusted}, Fetch: auth.Fetch{Client: p.Client()}, Now: p.Now, Log: o.Log,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = o.Verifier.Close() })
	c, err := oidc.NewClient(o)
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// browse goes to the provider and returns what it sends the browser back with.
func (p *provider) browse(address string) url.Values {
	p.t.Helper()
	browser := auth.WithoutRedirects(p.Client())
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := browser.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	_ = resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		p.t.Fatal(err)
	}
	return back.Query()
}

// begin signs in at the provider and returns what there is to finish with.
func (p *provider) begin(c *oidc.Client) (oidc.Attempt, url.Values) {
	p.t.Helper()
	attempt, address, err := c.Begin(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return attempt, p.browse(address)
}

// byAssertion wants a client to prove itself by a key (RFC 7523 section 3), and
// never twice by the same proof.
func (p *provider) byAssertion(method string, key crypto.PublicKey, thumbprint string) {
	var seen []any
	p.prove = func(r *http.Request) bool {
		token, err := jwt.Parse(r.PostForm.Get("client_assertion"), func(*jwt.Token) (any, error) { return key, nil },
			jwt.WithValidMethods([]string{method}), jwt.WithAudience(p.URL+"/token"), jwt.WithIssuer(clientID), jwt.WithSubject(clientID),
			jwt.WithExpirationRequired(), jwt.WithTimeFunc(p.Now))
		if err != nil {
			p.t.Error(err)
			return false
		}
		claims := token.Claims.(jwt.MapClaims)
		again := slices.Contains(seen, claims["jti"])
		seen = append(seen, claims["jti"])
		return !again && token.Header["x5t#S256"] == thumbprint && r.Header.Get("Authorization") == "" && !r.PostForm.Has("client_secret") &&
			r.PostForm.Get("client_assertion_type") == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	}
}
