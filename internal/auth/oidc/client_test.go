package oidc_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/auth"
	"cloudpki/internal/auth/oidc"
	"cloudpki/internal/secret"
)

const clientSecret = "s3cret+ /:%" // which must be encoded for client_secret_basic

// TestSignIn: a person signs in, whatever way the client proves itself.
func TestSignIn(t *testing.T) {
	for name, prepare := range map[string]func(*testing.T, *provider) oidc.Credential{
		"a public client": func(*testing.T, *provider) oidc.Credential { return oidc.Credential{} },
		"client_secret_basic, which is the default": func(_ *testing.T, p *provider) oidc.Credential {
			p.prove = basic
			return oidc.Credential{Secret: secret.NewString(clientSecret)}
		},
		"client_secret_basic, among others": func(_ *testing.T, p *provider) oidc.Credential {
			p.document = func(o object) {
				o["token_endpoint_auth_methods_supported"] = []string{"client_secret_post", "client_secret_basic"}
			}
			p.prove = basic
			return oidc.Credential{Secret: secret.NewString(clientSecret)}
		},
		"client_secret_post": func(_ *testing.T, p *provider) oidc.Credential {
			p.document = func(o object) { o["token_endpoint_auth_methods_supported"] = []string{"client_secret_post"} }
			p.prove = func(r *http.Request) bool {
				return r.PostForm.Get("client_id") == clientID && r.PostForm.Get("client_secret") == clientSecret && r.Header.Get("Authorization") == ""
			}
			return oidc.Credential{Secret: secret.NewString(clientSecret)}
		},
		"private_key_jwt by ECDSA": func(t *testing.T, p *provider) oidc.Credential {
			return p.knows("ES256", certified(t, newKey(t)))
		},
		"private_key_jwt by RSA": func(t *testing.T, p *provider) oidc.Credential {
			key, err := rsa.GenerateKey(rand.Reader, 2048)
			if err != nil {
				t.Fatal(err)
			}
			return p.knows("PS256", certified(t, key))
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			c := p.client(prepare(t, p))
			for range 2 { // a second time the provider is known
				attempt, answer := p.begin(c)
				got, lifetime, err := c.Finish(t.Context(), attempt, answer)
				if err != nil {
					t.Fatal(err)
				}
				want := auth.Principal{Tenant: "contoso", Issuer: "outside", Client: clientID, Subject: "ada", Name: "Ada", Scopes: []string{auth.ScopeRead}}
				if diff := cmp.Diff(want, got); diff != "" || lifetime != 5*time.Minute {
					t.Errorf("for %v (-want +got):\n%s", lifetime, diff)
				}
			}
			if n := p.wasAsked("/realm/.well-known/openid-configuration"); n != 2 { // the verifier asks for the keys
				t.Errorf("the provider was asked %d times about itself", n)
			}
			wantOut := p.URL + "/logout?" + url.Values{"client_id": {clientID}, "post_logout_redirect_uri": {signedOut}}.Encode()
			if got := c.SignOut(t.Context()); got != wantOut {
				t.Errorf("out at %s, want %s", got, wantOut)
			}
		})
	}
}

// basic is who proves itself by RFC 6749 section 2.3.1 alone.
func basic(r *http.Request) bool {
	id, password, ok := r.BasicAuth()
	id, errID := url.QueryUnescape(id)
	password, errPassword := url.QueryUnescape(password)
	return ok && errors.Join(errID, errPassword) == nil && id == clientID && password == clientSecret && !r.PostForm.Has("client_secret")
}

// certified returns a key with a certificate of its own.
func certified(t *testing.T, key crypto.Signer) oidc.Credential {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return oidc.Credential{Certificate: cert, Key: key}
}

// knows has the provider want a client that has this key.
func (p *provider) knows(method string, c oidc.Credential) oidc.Credential {
	sum := sha256.Sum256(c.Certificate.Raw)
	p.byAssertion(method, c.Key.Public(), base64.RawURLEncoding.EncodeToString(sum[:]))
	return c
}

// TestSignInAtEntraID: one document for all tenants, whose issuer is a template;
// sub differs from application to application, oid does not; no at_hash, no iss
// in the answer.
func TestSignInAtEntraID(t *testing.T) {
	const tenant = "7c9d6a4e-0a53-4b9d-8f0e-0c1d2e3f4a5b"
	for name, test := range map[string]struct {
		object string
		tenant string
		good   bool
	}{
		"the same person":   {"o-1", tenant, true},
		"another person":    {"o-2", tenant, false},
		"nobody":            {"", tenant, false},
		"in another tenant": {"o-1", "11111111-2222-3333-4444-555555555555", false},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			discovery := p.URL + "/realm/.well-known/openid-configuration"
			p.issuer = p.URL + "/{tenantid}/v2.0"
			p.document = func(o object) { delete(o, "authorization_response_iss_parameter_supported") }
			p.access = func(o object) {
				o["iss"], o["tid"], o["oid"], o["sub"] = p.URL+"/"+tenant+"/v2.0", tenant, "o-1", "of the API"
			}
			p.id = func(o object) {
				o["iss"], o["tid"], o["oid"], o["sub"] = p.URL+"/"+test.tenant+"/v2.0", test.tenant, test.object, "of the console"
				delete(o, "at_hash")
			}
			c := p.client(oidc.Credential{}, func(o *oidc.Options, trusted *auth.Issuer) {
				o.DiscoveryURL, trusted.DiscoveryURL, trusted.Tenant = discovery, discovery, ""
			})
			attempt, answer := p.begin(c)
			got, _, err := c.Finish(t.Context(), attempt, answer)
			if test.good && (err != nil || got.Tenant != tenant || got.Subject != "of the API") {
				t.Errorf("%+v %v", got, err)
			}
			if !test.good && !errors.Is(err, auth.ErrIDToken) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestProviderAway: the service starts and goes on without the provider, asks
// it again before long, and lives for a day on what it knows of it.
func TestProviderAway(t *testing.T) {
	const document = "/realm/.well-known/openid-configuration"
	away := func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "away", http.StatusServiceUnavailable) }
	p := newProvider(t)
	p.instead[document] = away
	c := p.client(oidc.Credential{})
	begin := func(moment string, want error) {
		t.Helper()
		if _, _, err := c.Begin(t.Context()); !errors.Is(err, want) {
			t.Errorf("%s: error %v, want %v", moment, err, want)
		}
	}
	begin("away at first", oidc.ErrUnavailable)
	if out := c.SignOut(t.Context()); out != "" {
		t.Errorf("out at %s", out)
	}
	delete(p.instead, document)
	p.move(9 * time.Second)
	begin("back, but asked just now", oidc.ErrUnavailable)
	if n := p.wasAsked(document); n != 1 {
		t.Errorf("asked %d times within ten seconds", n)
	}
	p.move(time.Second)
	begin("back", nil)
	p.instead[document] = away
	p.move(23 * time.Hour)
	begin("away for less than a day", nil)
	p.move(time.Hour)
	begin("away for a day", oidc.ErrUnavailable)
	delete(p.instead, document)
	p.move(10 * time.Second)
	begin("back again", nil)
}

// TestOptions: what cannot work is refused at the start.
func TestOptions(t *testing.T) {
	p := newProvider(t)
	verifier, err := auth.NewVerifier(t.Context(), auth.Options{Issuers: []auth.Issuer{{URL: p.issuer, Audiences: []string{"a"}}}, Now: p.Now, Log: discard()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = verifier.Close() })
	good := certified(t, newKey(t))
	odd, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*oidc.Options)
		good   bool
	}{
		"as it should be":               {func(*oidc.Options) {}, true},
		"a certificate":                 {func(o *oidc.Options) { o.Credential = good }, true},
		"no issuer":                     {func(o *oidc.Options) { o.Issuer = "" }, false},
		"no client id":                  {func(o *oidc.Options) { o.ClientID = "" }, false},
		"no verifier":                   {func(o *oidc.Options) { o.Verifier = nil }, false},
		"a certificate without its key": {func(o *oidc.Options) { o.Credential.Certificate = good.Certificate }, false},
		"a certificate and a secret": {func(o *oidc.Options) {
			o.Credential = good
			o.Credential.Secret = secret.NewString(clientSecret)
		}, false},
		"a key of a curve that JWS has no common algorithm for": {func(o *oidc.Options) { o.Credential = certified(t, odd) }, false},
	} {
		o := oidc.Options{Issuer: p.issuer, ClientID: clientID, RedirectURI: redirectURI, Verifier: verifier, Now: p.Now, Log: discard()}
		test.change(&o)
		if _, err := oidc.NewClient(o); (err == nil) != test.good {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
