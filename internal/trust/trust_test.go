package trust_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"testing"
	"time"

	"cloudpki/internal/trust"
)

// newRoot makes a root certificate with the name.
func newRoot(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// No format writes an empty bundle.
func TestEmptyBundleIsNeverWritten(t *testing.T) {
	for _, f := range trust.Formats() {
		if out, err := f.Write(trust.Bundle{Tenant: "t", Name: "empty", Version: 1}, trust.Options{}); !errors.Is(err, trust.ErrEmpty) {
			t.Errorf("%s: %d bytes, %v", f.Ext, len(out), err)
		}
	}
}

func TestPEM(t *testing.T) {
	a, b := newRoot(t, "A"), newRoot(t, "B")
	format, ok := trust.Lookup("pem")
	if !ok {
		t.Fatal("there is no PEM")
	}
	out, err := format.Write(trust.Bundle{Tenant: "t", Name: "all", Version: 1, Roots: []*x509.Certificate{a, b, a}}, trust.Options{})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for block, rest := pem.Decode(out); block != nil; block, rest = pem.Decode(rest) {
		found[string(block.Bytes)]++
	}
	if len(found) != 2 || found[string(a.Raw)] != 1 || found[string(b.Raw)] != 1 {
		t.Errorf("%d certificates in\n%s", len(found), out)
	}
}
