package formats

import (
	"crypto/x509"
	"encoding/json"
	"slices"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// Python reads the certificates of both kinds.
func opensManifest(t *testing.T, w *world) {
	w.lists(t, w.fetch(t, whole, "manifest.json"))
}

// go-jose verifies the signature by the chain in the header; what is signed is
// the manifest.
func opensSignedManifest(t *testing.T, w *world) {
	signed, err := jose.ParseSignedCompact(string(w.fetch(t, whole, "manifest.jws")), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(w.above.cert)
	chains, err := signed.Signatures[0].Protected.Certificates(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := signed.Verify(chains[0][0].PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	w.lists(t, payload)
	if plain := w.fetch(t, whole, "manifest.json"); !json.Valid(payload) || !slices.Equal(payload, plain) {
		t.Errorf("signed is\n%s\nand published is\n%s", payload, plain)
	}
}

// lists compares a manifest with what the bundle holds.
func (w *world) lists(t *testing.T, manifest []byte) {
	t.Helper()
	found := map[string][]string{}
	for words := python(t, "manifest.py", saved(t, manifest)); len(words) > 1; words = words[2:] {
		found[words[0]] = append(found[words[0]], words[1])
	}
	same(t, "roots", found["root"], w.roots()...)
	same(t, "intermediates", found["intermediate"], w.intermediate.cert)
}
