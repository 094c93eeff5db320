package trust_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"cloudpki/internal/trust"
)

// opaque is a key of which nothing is known but how to sign with it, as that of
// a key store is.
type opaque struct{ crypto.Signer }

// newSigner makes a signer with a chain of two, of which the second is the
// root.
func newSigner(t testing.TB, key crypto.Signer) *trust.Signer {
	t.Helper()
	above, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Root of signers"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, above.Public(), above)
	if err != nil {
		t.Fatal(err)
	}
	root := parse(t, der)
	template = &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Signer"}, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err = x509.CreateCertificate(rand.Reader, template, root, key.Public(), above)
	if err != nil {
		t.Fatal(err)
	}
	return &trust.Signer{Key: opaque{key}, Chain: []*x509.Certificate{parse(t, der), root}}
}

// signers returns a signer for each kind of key.
func signers(t testing.TB) map[string]*trust.Signer {
	t.Helper()
	short, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]*trust.Signer{"ES256": newSigner(t, short), "RS256": newSigner(t, long)}
}
