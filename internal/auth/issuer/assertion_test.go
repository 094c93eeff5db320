package issuer_test

import (
	"crypto"
	"crypto/elliptic"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/auth"

	"github.com/golang-jwt/jwt/v5"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

type object map[string]any

// with returns a copy with changes; nil takes a member out.
func (o object) with(more object) object {
	out := maps.Clone(o)
	maps.Copy(out, more)
	maps.DeleteFunc(out, func(_ string, v any) bool { return v == nil })
	return out
}

func (o object) encode() string {
	b, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func signed(method jwt.SigningMethod, key crypto.Signer, header, claims object) string {
	text := header.with(object{"alg": method.Alg()}).encode() + "." + claims.encode()
	sig, err := method.Sign(text, key)
	if err != nil {
		panic(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// goodAssertion are claims that are accepted; each call has its own jti.
func (s *server) goodAssertion(id string) object {
	now := startOfTime.Unix()
	return object{
		"iss": withCert, "sub": withCert, "aud": s.URL + "/" + tenant + "/oauth2/v2.0/token",
		"iat": now, "nbf": now, "exp": now + 600, "jti": id,
	}
}

func (s *server) assertionForm(assertion string, changes ...string) url.Values {
	return s.form(append([]string{
		"client_id", withCert, "client_secret", "", "client_assertion_type", assertionType, "client_assertion", assertion,
	}, changes...)...)
}

func TestAssertionsOfRealClients(t *testing.T) {
	s, k := newServer(t), testKeys()
	one, two := sha1.Sum(k.cert.Raw), sha256.Sum256(k.cert.Raw)
	ec := sha256.Sum256(k.certEC.Raw)
	fraction := float64(startOfTime.Unix()) + 0.7132626
	tests := []struct {
		name   string
		method jwt.SigningMethod
		key    crypto.Signer
		header object
		claims object
	}{
		{"MSAL JS: PS256, x5t#S256 in base64url", jwt.SigningMethodPS256, k.client, object{"x5t#S256": base64.RawURLEncoding.EncodeToString(two[:])}, nil},
		{"MSAL Go: PS256, x5t#S256 in padded standard base64, x5c", jwt.SigningMethodPS256, k.client, object{
			"x5t#S256": base64.StdEncoding.EncodeToString(two[:]), "x5c": []string{base64.StdEncoding.EncodeToString(k.cert.Raw)}, "typ": "JWT",
		}, nil},
		{"MSAL Python: RS256, x5t in padded base64url, fractional times", jwt.SigningMethodRS256, k.client, object{
			"x5t": base64.URLEncoding.EncodeToString(one[:]),
		}, object{"iat": fraction, "exp": fraction + 600, "nbf": nil}},
		{"both thumbprints", jwt.SigningMethodRS256, k.client, object{
			"x5t": base64.RawURLEncoding.EncodeToString(one[:]), "x5t#S256": base64.RawURLEncoding.EncodeToString(two[:]),
		}, nil},
		{"x5t in hex", jwt.SigningMethodRS256, k.client, object{"x5t": hex.EncodeToString(one[:])}, nil},
		{"x5t#S256 in capital hex", jwt.SigningMethodRS256, k.client, object{"x5t#S256": strings.ToUpper(hex.EncodeToString(two[:]))}, nil},
		{"ES256", jwt.SigningMethodES256, k.clientEC, object{"x5t#S256": base64.RawURLEncoding.EncodeToString(ec[:])}, nil},
		{
			"oauth4webapi: no thumbprint, a kid of its own, the issuer as audience in an array", jwt.SigningMethodRS256, k.client,
			object{"kid": "my key"},
			object{"aud": []string{s.URL + "/" + tenant + "/v2.0"}},
		},
		{"no jti", jwt.SigningMethodRS256, k.client, nil, object{"jti": nil}},
		{"an hour", jwt.SigningMethodRS256, k.client, nil, object{"exp": startOfTime.Add(time.Hour).Unix()}},
		{"expired, within the skew", jwt.SigningMethodRS256, k.client, nil, object{"exp": startOfTime.Unix() - 60}},
		{"issued in the future, within the skew", jwt.SigningMethodRS256, k.client, nil, object{"iat": startOfTime.Unix() + 60}},
	}
	for n, test := range tests {
		for _, named := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, client_id %v", test.name, named), func(t *testing.T) {
				claims := s.goodAssertion(fmt.Sprint(n, named)).with(test.claims).with(object{"extra": fmt.Sprint(named)})
				form := s.assertionForm(signed(test.method, test.key, object{}.with(test.header), claims))
				if !named {
					form.Del("client_id")
				}
				resp, body := s.token(t, tenant, form)
				if resp.StatusCode != http.StatusOK {
					t.Fatalf("%s: %v", resp.Status, body["error_description"])
				}
				text, _ := body["access_token"].(string)
				if p := s.verify(t, s.issuer.Trusted(), text); p.Client != withCert {
					t.Errorf("client %q", p.Client)
				}
				if got := payload(t, text)["azpacr"]; got != "2" {
					t.Errorf("azpacr %v, want 2", got)
				}
			})
		}
	}
}

func TestBadAssertions(t *testing.T) {
	k := testKeys()
	stale, unknown := sha256.Sum256(k.certStale.Raw), sha256.Sum256([]byte("unknown"))
	thumb := func(sum [32]byte) object {
		return object{"x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])}
	}
	now := startOfTime.Unix()
	rs := jwt.SigningMethodRS256
	tests := []struct {
		name   string
		method jwt.SigningMethod
		key    crypto.Signer
		header object
		claims object
		number float64
		reason string
	}{
		{"a stranger's key", rs, k.stranger, nil, nil, 700027, "signature is invalid"},
		{"an unregistered certificate", rs, k.client, thumb(unknown), nil, 700027, "key was not found"},
		{"a thumbprint that is none", rs, k.client, object{"x5t": "???"}, nil, 700027, "key was not found"},
		{"thumbprints of two certificates", rs, k.client, thumb(stale).with(object{"x5t": hex.EncodeToString(make([]byte, 20))}), nil, 700027, "key was not found"},
		{"an expired certificate", rs, k.client, thumb(stale), nil, 700027, "expired or not yet valid"},
		{"RS512", jwt.SigningMethodRS512, k.client, nil, nil, 700027, "algorithm is not"},
		{"jwk", rs, k.client, object{"jwk": object{}}, nil, 700027, "brings its own key"},
		{"crit", rs, k.client, object{"crit": []string{"exp"}}, nil, 700027, "not a JWT"},
		{"aud missing", rs, k.client, nil, object{"aud": nil}, 700023, "audience"},
		{"aud of another tenant's endpoint", rs, k.client, nil, object{"aud": "https://pki.example.com/" + otherTenant + "/oauth2/v2.0/token"}, 700023, "audience"},
		{"exp missing", rs, k.client, nil, object{"exp": nil}, 700024, "no exp"},
		{"exp is text", rs, k.client, nil, object{"exp": "soon"}, 700027, "claims cannot be read"},
		{"exp beyond all years", rs, k.client, nil, object{"exp": 1e300}, 700024, "more than an hour"},
		{"exp in a day", rs, k.client, nil, object{"exp": now + 86400}, 700024, "more than an hour"},
		{"exp 61 s ago", rs, k.client, nil, object{"exp": now - 61}, 700024, "expired"},
		{"nbf in 61 s", rs, k.client, nil, object{"nbf": now + 61}, 700024, "not yet valid"},
		{"iat in 61 s", rs, k.client, nil, object{"iat": now + 61}, 700024, "not yet valid"},
		{"sub of another client", rs, k.client, nil, object{"sub": withSecret}, 700021, "identifier"},
		{"iss of another client", rs, k.client, nil, object{"iss": withSecret}, 700021, "identifier"},
		{"sub missing", rs, k.client, nil, object{"sub": nil}, 700021, "identifier"},
	}
	for n, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t)
			text := signed(test.method, test.key, object{}.with(test.header), s.goodAssertion(fmt.Sprint(n)).with(test.claims))
			resp, body := s.token(t, tenant, s.assertionForm(text))
			codes, _ := body["error_codes"].([]any)
			description, _ := body["error_description"].(string)
			if resp.StatusCode != http.StatusUnauthorized || body["error"] != "invalid_client" || len(codes) != 1 || codes[0] != test.number {
				t.Errorf("%s: %v", resp.Status, body)
			}
			if !strings.Contains(description, test.reason) {
				t.Errorf("%q does not say %q", description, test.reason)
			}
			if strings.Contains(s.log.String(), text) {
				t.Error("the log holds the assertion")
			}
		})
	}
	t.Run("alg none", func(t *testing.T) {
		s := newServer(t)
		text := object{"alg": "none"}.encode() + "." + s.goodAssertion("n").encode() + "."
		if resp, body := s.token(t, tenant, s.assertionForm(text)); resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %v", resp.Status, body)
		}
	})
	t.Run("a client that has no certificate", func(t *testing.T) {
		s := newServer(t)
		text := signed(rs, k.client, object{}, s.goodAssertion("n").with(object{"iss": withSecret, "sub": withSecret}))
		if resp, body := s.token(t, tenant, s.assertionForm(text, "client_id", withSecret)); resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %v", resp.Status, body)
		}
	})
}

func TestAssertionsWorkOnce(t *testing.T) {
	s, k := newServer(t), testKeys()
	status := func(claims object) int {
		t.Helper()
		resp, _ := s.token(t, tenant, s.assertionForm(signed(jwt.SigningMethodRS256, k.client, object{}, claims)))
		return resp.StatusCode
	}
	good := s.goodAssertion("once")
	if got := status(good); got != http.StatusOK {
		t.Fatalf("first use: %d", got)
	}
	if got := status(good); got != http.StatusUnauthorized {
		t.Errorf("second use: %d", got)
	}
	if got := status(good.with(object{"exp": startOfTime.Unix() + 500})); got != http.StatusUnauthorized {
		t.Errorf("another assertion with its jti: %d", got)
	}
	unnamed := good.with(object{"jti": nil})
	if got := status(unnamed); got != http.StatusOK {
		t.Errorf("without jti: %d", got)
	}
	if got := status(unnamed); got != http.StatusUnauthorized {
		t.Errorf("without jti, again: %d", got)
	}
	// (r, n-s) is a signature wherever (r, s) is.
	text := signed(jwt.SigningMethodES256, k.clientEC, object{}, unnamed.with(object{"exp": startOfTime.Unix() + 400}))
	for n, want := range []int{http.StatusOK, http.StatusUnauthorized} {
		resp, body := s.token(t, tenant, s.assertionForm(text))
		if resp.StatusCode != want {
			t.Errorf("ECDSA spelling %d: %d %v", n+1, resp.StatusCode, body)
		}
		at := strings.LastIndexByte(text, '.') + 1
		raw, err := base64.RawURLEncoding.DecodeString(text[at:])
		if err != nil {
			t.Fatal(err)
		}
		other := new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(raw[32:]))
		text = text[:at] + base64.RawURLEncoding.EncodeToString(append(raw[:32:32], other.FillBytes(make([]byte, 32))...))
	}
	s.Move(600*time.Second + auth.MaxSkew)
	if got := status(good); got != http.StatusUnauthorized {
		t.Errorf("at the end of its validity: %d", got)
	}
}

// FuzzToken looks for requests that get a token although they prove nothing,
// and for answers that are not in Entra ID's shape.
func FuzzToken(f *testing.F) {
	s, k := newServer(f), testKeys()
	good := s.goodAssertion("fuzz")
	f.Add(s.form("client_secret", "guess").Encode(), "")
	f.Add(s.assertionForm(signed(jwt.SigningMethodRS256, k.stranger, object{}, good)).Encode(), "")
	f.Add(s.assertionForm(object{"alg": "none"}.encode()+"."+good.encode()+".").Encode(), "Basic YTpi")
	f.Add("grant_type=client_credentials&client_id=%zz&;", "Basic %%%")
	f.Fuzz(func(t *testing.T, form, authorization string) {
		s.Move(time.Minute) // the throttle is another test's matter
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/"+tenant+"/oauth2/v2.0/token", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", authorization)
		w := httptest.NewRecorder()
		s.issuer.ServeHTTP(w, r)
		var body struct {
			Error string `json:"error"`
			Codes []int  `json:"error_codes"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || body.Error == "" || len(body.Codes) != 1 {
			t.Fatalf("%d %q", w.Code, w.Body)
		}
		if w.Code < 400 || w.Code >= 500 {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
	})
}

func BenchmarkToken(b *testing.B) {
	s := newServer(b)
	form := s.form().Encode()
	b.ReportAllocs()
	for b.Loop() {
		s.Move(time.Second)
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/"+tenant+"/oauth2/v2.0/token", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		s.issuer.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
}
