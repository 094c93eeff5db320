package auth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	"cloudpki/internal/auth"

	"github.com/golang-jwt/jwt/v5"
)

const (
	tenantID  = "7c9d6a4e-0a53-4b9d-8f0e-0c1d2e3f4a5b"
	otherID   = "11111111-2222-3333-4444-555555555555"
	audience  = "https://pki.example.com:8443"
	issuerURL = "https://login.example.com/" + tenantID + "/v2.0"
	template  = "https://login.example.com/{tenantid}/v2.0"
)

// testKeys are made once: RSA keys take long.
var testKeys = sync.OnceValue(func() (k struct {
	rsa, rsaOther, rsaWeak *rsa.PrivateKey
	p256, p384             *ecdsa.PrivateKey
},
) {
	k.rsa, k.rsaOther, k.rsaWeak = newRSA(2048), newRSA(2048), newRSA(1024)
	k.p256, k.p384 = newEC(elliptic.P256()), newEC(elliptic.P384())
	return k
})

func newRSA(bits int) *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return k
}

func newEC(c elliptic.Curve) *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

// startOfTime is when the tests' clock begins.
var startOfTime = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// A clock stands still until it is told to move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: startOfTime} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// localKeys are auth.Keys in memory.
type localKeys struct {
	mu      sync.Mutex
	keys    map[string]auth.Key
	version uint64
}

func (l *localKeys) Key(_ context.Context, id string) (auth.Key, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k, ok := l.keys[id]; ok {
		return k, nil
	}
	return auth.Key{}, auth.ErrUnknownKey
}

func (l *localKeys) Version() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.version
}

func (l *localKeys) remove(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.keys, id)
	l.version++
}

// issuerKeys are the keys of the tests' issuer.
func issuerKeys() *localKeys {
	k := testKeys()
	set := &localKeys{keys: map[string]auth.Key{}}
	for id, key := range map[string]auth.Key{
		"rsa":   {Public: k.rsa.Public()},
		"rs256": {Public: k.rsa.Public(), Algorithm: "RS256"},
		"weak":  {Public: k.rsaWeak.Public()},
		"p256":  {Public: k.p256.Public()},
		"p384":  {Public: k.p384.Public()},
	} {
		key.ID = id
		set.keys[id] = key
	}
	return set
}

func newVerifier(t testing.TB, clock *clock, issuers ...auth.Issuer) *auth.Verifier {
	t.Helper()
	return newVerifierWith(t, auth.Options{Issuers: issuers, Now: clock.Now})
}

func newVerifierWith(t testing.TB, opts auth.Options) *auth.Verifier {
	t.Helper()
	if opts.Log == nil {
		opts.Log = discard()
	}
	v, err := auth.NewVerifier(t.Context(), opts)
	if err != nil {
		t.Fatalf("NewVerifier: %v", err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return v
}

// An object is a JSON object under construction; nil members are left out.
type object map[string]any

func (o object) with(more object) object {
	out := maps.Clone(o)
	maps.Copy(out, more)
	maps.DeleteFunc(out, func(_ string, v any) bool { return v == nil })
	return out
}

func (o object) bytes() []byte {
	b, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return b
}

// goodHeader and goodClaims make a token that is accepted.
func goodHeader() object { return object{"alg": "RS256", "typ": "JWT", "kid": "rsa"} }

func goodClaims() object {
	now := startOfTime.Unix()
	return object{
		"iss": issuerURL, "aud": audience, "iat": now, "nbf": now, "exp": now + 3599,
		"sub": "subject", "tid": tenantID, "azp": "client", "oid": "object", "uti": "token-1",
		"roles": []string{auth.ScopeReadWrite}, "ver": "2.0", "idtyp": "app", "app_displayname": "Pipeline",
	}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// compact signs header and payload, whatever they are, with key under method.
func compact(method jwt.SigningMethod, key crypto.Signer, header, payload []byte) string {
	text := b64(header) + "." + b64(payload)
	sig, err := method.Sign(text, key)
	if err != nil {
		panic(err)
	}
	return text + "." + b64(sig)
}

// token signs a token with the issuer's RSA key under RS256.
func token(header, claims object) string {
	return compact(jwt.SigningMethodRS256, testKeys().rsa, header.bytes(), claims.bytes())
}

// hmacToken signs with HMAC-SHA256 under a key that everybody knows.
func hmacToken(header, claims object, key []byte) string {
	text := b64(header.bytes()) + "." + b64(claims.bytes())
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return text + "." + b64(mac.Sum(nil))
}

func discard() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
