package trust_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"testing"

	"cloudpki/internal/trust"

	"github.com/MicahParks/jwkset"
)

// Each root is a key that agrees with its certificate, which jwkset checks.
func TestSPIFFE(t *testing.T) {
	b := sample(t)
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	wide, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b.Roots = append(b.Roots, newRootOf(t, "Ed25519", edwards), newRootOf(t, "P-521", wide))
	var file struct {
		Sequence int64               `json:"spiffe_sequence"`
		Hint     int                 `json:"spiffe_refresh_hint"`
		Keys     []jwkset.JWKMarshal `json:"keys"`
	}
	if err := json.Unmarshal(write(t, "spiffe.json", b, trust.Options{}), &file); err != nil {
		t.Fatal(err)
	}
	if file.Sequence != b.Version || file.Hint != 300 {
		t.Errorf("sequence %d, hint %d", file.Sequence, file.Hint)
	}
	var got []*x509.Certificate
	for _, key := range file.Keys {
		if key.USE != "x509-svid" || len(key.X5C) != 1 {
			t.Errorf("use %q, %d certificates", key.USE, len(key.X5C))
		}
		if key.KTY == jwkset.KtyOKP {
			key.ALG = jwkset.AlgEdDSA // which jwkset wants, and RFC 7517 does not
		}
		parsed, err := jwkset.NewJWKFromMarshal(key, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{SkipUse: true})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, parsed.X509().X5C[0])
	}
	equal(t, got, b.Roots...)
}

// A root that has no form is told of; the bundle is not written without it.
func TestSPIFFEHasNoFormForEveryKey(t *testing.T) {
	b := sample(t)
	short, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b.Roots = append(b.Roots, newRootOf(t, "P-224", short))
	format, _ := trust.Lookup("spiffe.json")
	if out, err := format.Write(b, trust.Options{}); err == nil {
		t.Errorf("wrote\n%s", out)
	}
}
