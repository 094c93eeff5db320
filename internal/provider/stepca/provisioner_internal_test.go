package stepca

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// jwe returns a compact JWE with a header and nothing true behind it.
func jwe(header string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode(make([]byte, 40)) + "." + encode(make([]byte, 12)) + "." + encode([]byte("x")) + "." + encode(make([]byte, 16))
}

// Whatever a CA lists as a key, what opens is a private key that can be used;
// and no header makes the service work without end.
func FuzzOpenKey(f *testing.F) {
	for _, text := range []string{
		"", "a.b.c.d.e", jwe(`{}`), jwe(`{"alg":"none","enc":"none"}`), jwe(`{"alg":"dir","enc":"A256GCM"}`),
		jwe(`{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2s":"c2FsdA","p2c":1000}`),
		jwe(`{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2s":"c2FsdA","p2c":2147483647}`),
		jwe(`{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2s":"c2FsdA","p2c":-1}`),
		jwe(`{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","zip":"DEF","p2s":"","p2c":1000}`),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key, err := openKey(text, []byte("password"))
		if err == nil && (key.IsPublic() || !key.Valid()) {
			t.Errorf("opened %q, which is no private key", text)
		}
	})
}

// What a key of a hostile CA holds is no part of an error.
func TestOpenKeyTellsNothing(t *testing.T) {
	for _, plain := range []any{"SECRET", map[string]string{"kty": "SECRET"}, jose.JSONWebKey{Key: []byte("SECRET")}} {
		content, err := json.Marshal(plain)
		if err != nil {
			t.Fatal(err)
		}
		to := jose.Recipient{Algorithm: jose.PBES2_HS256_A128KW, Key: []byte("password"), PBES2Count: 1000}
		encrypter, err := jose.NewEncrypter(jose.A256GCM, to, nil)
		if err != nil {
			t.Fatal(err)
		}
		object, err := encrypter.Encrypt(content)
		if err != nil {
			t.Fatal(err)
		}
		text, err := object.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		key, err := openKey(text, []byte("password"))
		if err == nil {
			_, err = algorithmOf(key.Key)
		}
		if err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%v: %v", plain, err)
		}
	}
}
