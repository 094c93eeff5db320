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
	"strings"
	"testing"
	"time"

	"cloudpki/internal/trust"
)

// opaque is a key of which nothing is known but how to sign with it, as that of
// a key store is.
type opaque struct{ crypto.Signer }

func TestSignerIsChecked(t *testing.T) {
	good := signers(t)
	for name, signer := range good {
		if err := signer.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	wrong := func(change func(*trust.Signer)) *trust.Signer {
		s := *good["ES256"]
		change(&s)
		return &s
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for want, signer := range map[string]*trust.Signer{
		"the key does not belong":            wrong(func(s *trust.Signer) { s.Key = good["ES384"].Key }),
		"allows no digital signature":        newSignerFor(t, good["ES256"].Key, x509.KeyUsageCertSign),
		"certificate 2 of the chain did not": wrong(func(s *trust.Signer) { s.Chain = []*x509.Certificate{s.Chain[0], good["RS256"].Chain[1]} }),
		"RSA of 2048 bits or more":           newSigner(t, weak),
	} {
		if err := signer.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// newSigner makes a signer with a chain of two, of which the second is the
// root.
func newSigner(t testing.TB, key crypto.Signer) *trust.Signer {
	t.Helper()
	return newSignerFor(t, key, x509.KeyUsageDigitalSignature)
}

// newSignerFor makes a signer whose certificate has the key usage.
func newSignerFor(t testing.TB, key crypto.Signer, usage x509.KeyUsage) *trust.Signer {
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
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: usage,
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
	wide, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]*trust.Signer{"ES256": newSigner(t, short), "ES384": newSigner(t, wide), "RS256": newSigner(t, long)}
}
