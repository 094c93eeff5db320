package issuer_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/auth/issuer"
	"cloudpki/internal/secret"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const (
	tenant      = "7c9d6a4e-0a53-4b9d-8f0e-0c1d2e3f4a5b"
	otherTenant = "11111111-2222-3333-4444-555555555555"
	withSecret  = "aaaaaaaa-0000-0000-0000-000000000001"
	withCert    = "aaaaaaaa-0000-0000-0000-000000000002"
	elsewhere   = "aaaaaaaa-0000-0000-0000-000000000003"
	loops       = "aaaaaaaa-0000-0000-0000-000000000004"
	graph       = "https://graph.microsoft.com"
)

var startOfTime = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// testKeys are made once: RSA keys take long.
var testKeys = sync.OnceValue(func() (k struct {
	signing, retired, weak  *rsa.PrivateKey
	client, stranger        *rsa.PrivateKey
	clientEC                *ecdsa.PrivateKey
	cert, certEC, certStale *x509.Certificate
	password                secret.PasswordHash
},
) {
	k.signing, k.retired, k.weak, k.client, k.stranger = newRSA(2048), newRSA(2048), newRSA(1024), newRSA(2048), newRSA(2048)
	var err error
	if k.clientEC, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		panic(err)
	}
	// Cheaper than real ones: the tests sign in often.
	k.password, err = secret.ParsePasswordHash("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$" + passwordSum)
	if err != nil {
		panic(err)
	}
	year := startOfTime.AddDate(1, 0, 0)
	k.cert = newCertificate(k.client, 1, year)
	k.certEC = newCertificate(k.clientEC, 2, year)
	k.certStale = newCertificate(k.client, 3, startOfTime.Add(-time.Hour))
	return k
})

func newRSA(bits int) *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return k
}

func newCertificate(key crypto.Signer, serial int64, until time.Time) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "client"},
		NotBefore: startOfTime.AddDate(-1, 0, 0), NotAfter: until,
	}, &x509.Certificate{Subject: pkix.Name{CommonName: "client"}}, key.Public(), key)
	if err != nil {
		panic(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return c
}

// A server is an issuer behind real TLS, with a clock that moves when told.
type server struct {
	*httptest.Server
	issuer  *issuer.Issuer
	options issuer.Options
	secret  string // of the client withSecret
	log     *lockedBuffer

	mu  sync.Mutex
	now time.Time
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (s *server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *server) Move(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func newServer(t testing.TB) *server {
	t.Helper()
	k := testKeys()
	s := &server{now: startOfTime, log: &lockedBuffer{}}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.issuer.ServeHTTP(w, r) }))
	s.StartTLS()
	t.Cleanup(s.Close)

	plain := issuer.NewSecret()
	s.secret = string(plain.Reveal())
	hashes := []issuer.SecretHash{issuer.HashSecret(issuer.NewSecret()), issuer.HashSecret(plain)}
	var err error
	s.options = issuer.Options{
		SealKey: bytes.Repeat([]byte{1}, 32),
		Origin:  s.URL,
		Tenants: []string{tenant, otherTenant},
		Clients: []issuer.Client{
			{ID: withSecret, Tenant: tenant, Name: "Pipeline", SecretHashes: hashes, Roles: []string{auth.ScopeReadWrite}},
			{ID: withCert, Tenant: tenant, Certificates: []*x509.Certificate{k.certEC, k.certStale, k.cert}, Roles: []string{auth.ScopeRead}},
			{ID: elsewhere, Tenant: otherTenant, SecretHashes: hashes},
			{ID: loops, Tenant: tenant, SecretHashes: hashes, RequestsPerMinute: 3},
			{ID: public, Tenant: tenant, Name: "Tool", Public: true, RedirectURIs: []string{"http://localhost", "http://127.0.0.1/done"}},
			{ID: webApp, Tenant: tenant, Name: "Console", SecretHashes: hashes, RedirectURIs: []string{webURI}},
		},
		Users: []issuer.User{
			{Name: "ada", Tenant: tenant, DisplayName: "Ada Lovelace", Password: k.password, Scopes: []string{auth.ScopeReadWrite}},
			{Name: "reader", Tenant: tenant, Password: k.password, Scopes: []string{auth.ScopeRead}},
			{Name: "nobody", Tenant: tenant, Password: k.password},
			{Name: "ada", Tenant: otherTenant, Password: k.password, Scopes: []string{auth.ScopeReadWrite}},
		},
		Keys:      []crypto.Signer{k.signing, k.retired},
		Audiences: []string{graph},
		Now:       s.Now,
		Log:       slog.New(slog.NewJSONHandler(s.log, nil)),
	}
	if s.issuer, err = issuer.New(s.options); err != nil {
		t.Fatalf("New: %v", err)
	}
	return s
}

// get returns the status and JSON of a document.
func (s *server) get(t testing.TB, path string) (*http.Response, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s.do(t, req)
}

// postForm sends a form and returns the answer's JSON.
func (s *server) postForm(t testing.TB, path string, form url.Values) (*http.Response, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.do(t, req)
}

// token asks for a token; change may alter the request.
func (s *server) token(t testing.TB, in string, form url.Values, change ...func(*http.Request)) (*http.Response, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/"+in+"/oauth2/v2.0/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range change {
		c(req)
	}
	return s.do(t, req)
}

func (s *server) do(t testing.TB, req *http.Request) (*http.Response, map[string]any) {
	t.Helper()
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var body map[string]any
	if err := json.Unmarshal(raw, &body); err != nil {
		t.Fatalf("%s: body %q is no JSON object: %v", resp.Status, raw, err)
	}
	return resp, body
}

// form is a good request with a secret, with changes given as name and value;
// an empty value takes the parameter out.
func (s *server) form(changes ...string) url.Values {
	f := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {withSecret}, "client_secret": {s.secret},
		"scope": {s.URL + "/.default"},
	}
	for i := 0; i < len(changes); i += 2 {
		f.Del(changes[i])
		if changes[i+1] != "" {
			f.Set(changes[i], changes[i+1])
		}
	}
	return f
}

// golden compares an answer with testdata/name.json. What differs from run to
// run is replaced: the server's address, ids, secrets and keys.
func (s *server) golden(t *testing.T, name string, resp *http.Response, body map[string]any) {
	t.Helper()
	text, err := json.MarshalIndent(map[string]any{
		"status": resp.StatusCode, "body": body,
		"headers": map[string]string{
			"Content-Type":     resp.Header.Get("Content-Type"),
			"Cache-Control":    resp.Header.Get("Cache-Control"),
			"WWW-Authenticate": resp.Header.Get("WWW-Authenticate"),
			"Retry-After":      resp.Header.Get("Retry-After"),
			"Allow":            resp.Header.Get("Allow"),
		},
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got := strings.ReplaceAll(string(text), strings.TrimPrefix(s.URL, "https://"), "pki.example.com:8443")
	for _, r := range []struct{ pattern, with string }{
		{`(Trace ID: |"trace_id": ")[0-9a-f-]{36}`, "${1}TRACE"},
		{`(Correlation ID: |"correlation_id": ")[0-9a-f-]{36}`, "${1}CORRELATION"},
		{`"(access_token|kid|n)": "[^"]+"`, `"$1": "..."`},
	} {
		got = regexp.MustCompile(r.pattern).ReplaceAllString(got, r.with)
	}
	got += "\n"
	path := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestDocuments(t *testing.T) {
	s := newServer(t)
	for name, path := range map[string]string{
		"discovery":           "/" + tenant + "/v2.0/.well-known/openid-configuration",
		"discovery_capitals":  "/" + strings.ToUpper(tenant) + "/v2.0/.well-known/openid-configuration?",
		"discovery_unknown":   "/fabrikam/v2.0/.well-known/openid-configuration",
		"discovery_adfs":      "/adfs/.well-known/openid-configuration",
		"keys":                "/" + tenant + "/discovery/v2.0/keys",
		"keys_unknown":        "/fabrikam/discovery/v2.0/keys",
		"instance":            "/common/discovery/instance?api-version=1.1&authorization_endpoint=" + url.QueryEscape(s.URL+"/"+otherTenant+"/oauth2/v2.0/authorize"),
		"instance_bare":       "/common/discovery/instance",
		"token_get":           "/" + tenant + "/oauth2/v2.0/token",
		"discovery_odd_names": "/a%2Fb%00/v2.0/.well-known/openid-configuration",
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := s.get(t, path)
			s.golden(t, name, resp, body)
		})
	}
}

func TestServes(t *testing.T) {
	s := newServer(t)
	for path, want := range map[string]bool{
		"/" + tenant + "/oauth2/v2.0/token":             true,
		"/adfs/.well-known/openid-configuration":        true,
		"/common/discovery/instance":                    true,
		"/nobody/v2.0/.well-known/openid-configuration": true, // answers AADSTS90002
		"/":                                      false,
		"/beta/cloudPkiSubscriptions":            false,
		"/" + tenant:                             false,
		"/" + tenant + "/oauth2/v2.0/token/more": false,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, nil)
		if got := s.issuer.Serves(r); got != want {
			t.Errorf("Serves(%s) = %v, want %v", path, got, want)
		}
	}
}

func TestTokenAnswersAndErrors(t *testing.T) {
	s := newServer(t)
	tests := []struct {
		name   string
		in     string
		form   url.Values
		change func(*http.Request)
	}{
		{"token", tenant, s.form(), nil},
		{"wrong_secret", tenant, s.form("client_secret", "wrong"), nil},
		{"empty_secret", tenant, s.form("client_secret", ""), nil},
		{"wrong_secret_basic", tenant, s.form("client_id", "", "client_secret", ""), basic(withSecret, "wrong")},
		{"unknown_client", tenant, s.form("client_id", "nobody"), nil},
		{"client_of_another_tenant", tenant, s.form("client_id", elsewhere), nil},
		{"unknown_tenant", "fabrikam", s.form(), nil},
		{"no_grant", tenant, s.form("grant_type", ""), nil},
		{"unsupported_grant", tenant, s.form("grant_type", "password"), nil},
		{"no_client", tenant, s.form("client_id", "", "client_secret", ""), nil},
		{"secret_without_client", tenant, s.form("client_id", ""), nil},
		{"no_scope", tenant, s.form("scope", ""), nil},
		{"scope_without_default", tenant, s.form("scope", graph+"/User.Read"), nil},
		{"only_oidc_scopes", tenant, s.form("scope", "openid offline_access profile"), nil},
		{"two_resources", tenant, s.form("scope", s.URL+"/.default "+graph+"/.default"), nil},
		{"unknown_resource", tenant, s.form("scope", "https://vault.azure.net/.default"), nil},
		{"bad_assertion", tenant, s.form("client_secret", "", "client_assertion_type", assertionType, "client_assertion", "a.b.c"), nil},
		{"assertion_of_unknown_type", tenant, s.form("client_secret", "", "client_assertion_type", "saml", "client_assertion", "a.b.c"), nil},
		{"secret_and_assertion", tenant, s.form("client_assertion_type", assertionType, "client_assertion", "a.b.c"), nil},
		{"secret_and_basic", tenant, s.form(), basic(withSecret, s.secret)},
		{"basic_of_another_client", tenant, s.form("client_secret", ""), basic(elsewhere, s.secret)},
		{"basic_not_escaped", tenant, s.form("client_id", "", "client_secret", ""), basicRaw(withSecret, "%zz")},
		{"parameter_twice", tenant, url.Values{"grant_type": {"client_credentials", "client_credentials"}}, nil},
		{"json_body", tenant, s.form(), header("Content-Type", "application/json")},
		{"too_long", tenant, s.form("pad", strings.Repeat("x", 64<<10)), nil},
		{"client_id_with_markup", tenant, s.form("client_id", "<script>\x00\n"+strings.Repeat("é", 100)), nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var changes []func(*http.Request)
			if test.change != nil {
				changes = append(changes, test.change)
			}
			resp, body := s.token(t, test.in, test.form, changes...)
			s.golden(t, test.name, resp, body)
		})
	}
	for _, plain := range []string{s.secret, url.QueryEscape(s.secret)} {
		if strings.Contains(s.log.String(), plain) {
			t.Errorf("the log holds the secret")
		}
	}
}

func basic(id, secret string) func(*http.Request) {
	return basicRaw(url.QueryEscape(id), url.QueryEscape(secret))
}

func basicRaw(id, secret string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(id, secret) }
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// TestTokensOfRealClients replays what the libraries send, as far as it
// differs, and has the tokens verified with the keys at hand and over TLS.
func TestTokensOfRealClients(t *testing.T) {
	s := newServer(t)
	local := s.issuer.Trusted()
	remote := local
	remote.Keys, remote.KeysURL = nil, s.URL+"/"+tenant+"/discovery/v2.0/keys"
	tests := []struct {
		name   string
		form   url.Values
		change func(*http.Request)
		aud    string
	}{
		{"secret in the body", s.form(), nil, s.URL},
		{"MSAL Go: scopes of OpenID Connect", s.form("scope", s.URL+"/.default openid offline_access profile"), nil, s.URL},
		{"MSAL JS: client_info, claims and telemetry", s.form("client_info", "1", "x-client-SKU", "msal.js.node",
			"claims", `{"access_token":{"xms_cc":{"values":["CP1"]}}}`), nil, s.URL},
		{"MSAL JS: query on the endpoint", s.form(), func(r *http.Request) {
			r.URL.RawQuery = "client-request-id=0f0c1e5a-1f4b-4b8c-9d4b-1f0c1e5a1f4b"
		}, s.URL},
		{"Terraform: Microsoft Graph as the resource", s.form("scope", graph+"/.default"), nil, graph},
		{"a resource that ends in a slash", s.form("scope", graph+"//.default"), nil, graph + "/"},
		{"x/oauth2: Basic", s.form("client_id", "", "client_secret", ""), basic(withSecret, s.secret), s.URL},
		{"oauth4webapi: Basic, and client_id in the body", s.form("client_secret", ""), basic(withSecret, s.secret), s.URL},
		{"client id in capitals", s.form("client_id", strings.ToUpper(withSecret)), nil, s.URL},
		{"content type with charset", s.form(), header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"), s.URL},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var changes []func(*http.Request)
			if test.change != nil {
				changes = append(changes, test.change)
			}
			resp, body := s.token(t, tenant, test.form, changes...)
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("%s: %v", resp.Status, body)
			}
			text, _ := body["access_token"].(string)
			for _, trust := range []auth.Issuer{local, remote} {
				p := s.verify(t, trust, text)
				want := auth.Principal{
					Tenant: tenant, Issuer: "embedded", Client: withSecret, Subject: p.Subject, Name: "Pipeline",
					Scopes: []string{auth.ScopeReadWrite}, AppOnly: true, TokenID: p.TokenID,
				}
				if diff := cmp.Diff(want, p); diff != "" {
					t.Errorf("principal (-want +got):\n%s", diff)
				}
			}
			if claims := payload(t, text); claims["aud"] != test.aud {
				t.Errorf("aud %v, want %s", claims["aud"], test.aud)
			}
		})
	}
}

func (s *server) verify(t testing.TB, trust auth.Issuer, text string) auth.Principal {
	t.Helper()
	v, err := auth.NewVerifier(t.Context(), auth.Options{
		Issuers: []auth.Issuer{trust}, Fetch: auth.Fetch{Client: s.Client()}, Now: s.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = v.Close() }()
	p, err := v.Verify(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func payload(t testing.TB, text string) map[string]any {
	t.Helper()
	j, err := auth.ParseJWS(text, 8<<10)
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := j.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestClaims(t *testing.T) {
	s := newServer(t)
	_, body := s.token(t, tenant, s.form())
	text, _ := body["access_token"].(string)
	got := payload(t, text)
	now := float64(startOfTime.Unix())
	want := map[string]any{
		"aud": s.URL, "iss": s.URL + "/" + tenant + "/v2.0", "iat": now, "nbf": now, "exp": now + 3599,
		"app_displayname": "Pipeline", "appid": withSecret, "azp": withSecret, "azpacr": "1", "idtyp": "app",
		"oid": got["oid"], "sub": got["oid"], "roles": []any{auth.ScopeReadWrite}, "tid": tenant, "uti": got["uti"], "ver": "2.0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	_, body = s.token(t, tenant, s.form())
	again := payload(t, body["access_token"].(string))
	if again["uti"] == got["uti"] || again["oid"] != got["oid"] {
		t.Errorf("uti must differ (%v, %v), oid must not (%v, %v)", got["uti"], again["uti"], got["oid"], again["oid"])
	}
}

func TestCorrelationIDIsTheClients(t *testing.T) {
	s := newServer(t)
	const id = "0f0c1e5a-1f4b-4b8c-9d4b-1f0c1e5a1f4b"
	for name, change := range map[string]func(*http.Request){
		"header": header("client-request-id", id),
		"query":  func(r *http.Request) { r.URL.RawQuery = "client-request-id=" + id },
	} {
		_, body := s.token(t, tenant, s.form("grant_type", ""), change)
		if body["correlation_id"] != id {
			t.Errorf("%s: correlation_id %v", name, body["correlation_id"])
		}
	}
	_, body := s.token(t, tenant, s.form("grant_type", ""), header("client-request-id", "<b>"))
	if body["correlation_id"] == "<b>" {
		t.Error("a correlation id that is no GUID was taken")
	}
}

func TestFailedAttemptsAreThrottled(t *testing.T) {
	s := newServer(t)
	for n := range 10 {
		if resp, _ := s.token(t, tenant, s.form("client_secret", fmt.Sprint("guess", n))); resp.StatusCode != http.StatusUnauthorized {
			t.Fatalf("guess %d: %s", n, resp.Status)
		}
	}
	resp, body := s.token(t, tenant, s.form("client_secret", "one more guess"))
	s.golden(t, "throttled", resp, body)
	if resp, _ := s.token(t, tenant, s.form()); resp.StatusCode != http.StatusOK {
		t.Errorf("the client itself suffers: %s", resp.Status)
	}
	if resp, _ := s.token(t, otherTenant, s.form("client_id", elsewhere, "client_secret", "guess")); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("another client suffers: %s", resp.Status)
	}
	s.Move(time.Minute)
	if resp, _ := s.token(t, tenant, s.form("client_secret", "guess")); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a minute later: %s", resp.Status)
	}
}

func TestTokenLoopIsThrottled(t *testing.T) {
	s := newServer(t)
	for n := range 4 {
		want := http.StatusOK
		if n == 3 {
			want = http.StatusTooManyRequests
		}
		if resp, _ := s.token(t, tenant, s.form("client_id", loops)); resp.StatusCode != want {
			t.Errorf("request %d: %s, want %d", n+1, resp.Status, want)
		}
	}
	s.Move(time.Minute)
	if resp, _ := s.token(t, tenant, s.form("client_id", loops)); resp.StatusCode != http.StatusOK {
		t.Errorf("a minute later: %s", resp.Status)
	}
}

func TestNewRefuses(t *testing.T) {
	k := testKeys()
	hash := []issuer.SecretHash{issuer.HashSecret(issuer.NewSecret())}
	good := issuer.Options{
		Origin: "https://pki.example.com", Tenants: []string{tenant}, Keys: []crypto.Signer{k.signing},
		Clients: []issuer.Client{{ID: "client", Tenant: tenant, SecretHashes: hash}},
		Now:     time.Now, Log: slog.New(slog.DiscardHandler),
	}
	if _, err := issuer.New(good); err != nil {
		t.Fatalf("good options: %v", err)
	}
	tests := []struct {
		want   string
		change func(*issuer.Options)
	}{
		{`Origin "http://pki.example.com"`, func(o *issuer.Options) { o.Origin = "http://pki.example.com" }},
		{"Origin", func(o *issuer.Options) { o.Origin = "https://pki.example.com/" }},
		{"Origin", func(o *issuer.Options) { o.Origin = "https://user@pki.example.com" }},
		{"Tenants is empty", func(o *issuer.Options) { o.Tenants = nil }},
		{`tenant "a/b"`, func(o *issuer.Options) { o.Tenants = append(o.Tenants, "a/b") }},
		{`tenant "Common"`, func(o *issuer.Options) { o.Tenants = append(o.Tenants, "Common") }},
		{"Keys is empty", func(o *issuer.Options) { o.Keys = nil }},
		{"not an RSA key", func(o *issuer.Options) { o.Keys = []crypto.Signer{k.clientEC} }},
		{"at least 2048 bits", func(o *issuer.Options) { o.Keys = []crypto.Signer{k.weak} }},
		{"listed twice", func(o *issuer.Options) {
			o.Clients = append(o.Clients, issuer.Client{ID: "CLIENT", Tenant: tenant, SecretHashes: hash})
		}},
		{"not one of the tenants", func(o *issuer.Options) {
			o.Clients = []issuer.Client{{ID: "c", Tenant: otherTenant, SecretHashes: hash}}
		}},
		{"neither secret nor certificate", func(o *issuer.Options) { o.Clients = []issuer.Client{{ID: "c", Tenant: tenant}} }},
		{"printable", func(o *issuer.Options) { o.Clients = []issuer.Client{{Tenant: tenant, SecretHashes: hash}} }},
		{"Lifetime", func(o *issuer.Options) { o.Lifetime = 25 * time.Hour }},
		{"Now and Log", func(o *issuer.Options) { o.Now = nil }},
	}
	for _, test := range tests {
		opts := good
		test.change(&opts)
		if _, err := issuer.New(opts); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want one with %q", err, test.want)
		}
	}
}

// A brokenKey is a key in hardware that has been unplugged.
type brokenKey struct{ crypto.Signer }

func (brokenKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("device gone from slot 7")
}

func TestInternalFaultsAreNotTold(t *testing.T) {
	plain := issuer.NewSecret()
	var log lockedBuffer
	i, err := issuer.New(issuer.Options{
		Origin: "https://pki.example.com", Tenants: []string{tenant}, Keys: []crypto.Signer{brokenKey{testKeys().signing}},
		Clients: []issuer.Client{{ID: "client", Tenant: tenant, SecretHashes: []issuer.SecretHash{issuer.HashSecret(plain)}}},
		Now:     func() time.Time { return startOfTime }, Log: slog.New(slog.NewJSONHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"client"}, "client_secret": {string(plain.Reveal())},
		"scope": {"https://pki.example.com/.default"},
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/"+tenant+"/oauth2/v2.0/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	i.ServeHTTP(w, r)
	if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "AADSTS90033") || strings.Contains(w.Body.String(), "slot") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "device gone from slot 7") {
		t.Errorf("the log %s does not say why", &log)
	}
}

func TestFailedLoginsAreLogged(t *testing.T) {
	s := newServer(t)
	s.token(t, tenant, s.form("client_secret", "guess"))
	if log := s.log.String(); !strings.Contains(log, `"client":"`+withSecret+`","from":"127.0.0.1"`) || strings.Contains(log, "guess") {
		t.Errorf("log: %s", log)
	}
}

func TestKeySet(t *testing.T) {
	s := newServer(t)
	_, body := s.get(t, "/"+tenant+"/discovery/v2.0/keys")
	published, _ := body["keys"].([]any)
	if len(published) != 2 {
		t.Fatalf("%d keys published, want 2", len(published))
	}
	for n, want := range []*rsa.PrivateKey{testKeys().signing, testKeys().retired} {
		id, _ := published[n].(map[string]any)["kid"].(string)
		key, err := s.issuer.KeySet().Key(t.Context(), id)
		if err != nil || !want.PublicKey.Equal(key.Public) {
			t.Errorf("key %d: %v", n, err)
		}
	}
	if _, err := s.issuer.KeySet().Key(t.Context(), "other"); !errors.Is(err, auth.ErrUnknownKey) {
		t.Errorf("another key: %v", err)
	}
}
