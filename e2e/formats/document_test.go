package formats

import (
	"crypto/x509"
	"encoding/json"
	"slices"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

// SPIFFE's own library reads the roots, with a sequence and a refresh hint.
func opensSPIFFE(t *testing.T, w *world) {
	got, err := spiffebundle.Parse(spiffeid.RequireTrustDomainFromString("example.org"), w.fetch(t, whole, "spiffe.json"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "authorities", thumbprints(got.X509Authorities()), w.roots()...)
	if sequence, ok := got.SequenceNumber(); !ok || sequence == 0 {
		t.Errorf("the sequence is %d", sequence)
	}
	if hint, ok := got.RefreshHint(); !ok || hint <= 0 {
		t.Errorf("the refresh hint is %s", hint)
	}
}

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
