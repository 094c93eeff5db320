package provider

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/secret"
)

// pemBlocks returns a key in two forms and its certificate.
func pemBlocks(t testing.TB) (pkcs8, sec1, cert string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "client"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	a, errA := x509.MarshalPKCS8PrivateKey(key)
	b, errB := x509.MarshalECPrivateKey(key)
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	text := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return text("PRIVATE KEY", a), text("EC PRIVATE KEY", b), text("CERTIFICATE", der)
}

// A PEM file with a key and its certificate, in any order, is as good as a
// PKCS#12 file under the password.
func TestPKCS12FromPEM(t *testing.T) {
	pkcs8, sec1, cert := pemBlocks(t)
	_, _, stranger := pemBlocks(t)
	for name, file := range map[string]string{
		"PKCS #8": pkcs8 + cert, "SEC 1": "a comment\n" + sec1 + cert, "certificate first": cert + pkcs8, "with a stranger": stranger + pkcs8 + cert,
	} {
		pfx, err := PKCS12FromPEM(secret.NewString(file), secret.NewString("open sesame"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := ClientCertificate(pfx, secret.NewString("open sesame"), time.Now())
		if err != nil || got.Leaf.Subject.CommonName != "client" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, file := range map[string]string{
		"no key": cert, "no certificate": pkcs8, "nothing": "-----BEGIN nothing", "another's certificate": pkcs8 + stranger, "two keys": pkcs8 + sec1 + cert,
		"a key that is too large": string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: make([]byte, 8<<10)})) + cert,
		"an encrypted key":        strings.ReplaceAll(pkcs8, "PRIVATE", "ENCRYPTED PRIVATE") + cert, "a broken certificate": pkcs8 + strings.ReplaceAll(pkcs8, "PRIVATE KEY", "CERTIFICATE"),
	} {
		_, err := PKCS12FromPEM(secret.NewString(file), secret.NewString("open sesame"))
		var fault *Error
		if !errors.As(err, &fault) || fault.Code != CodeCredentialInvalid || !strings.HasPrefix(fault.Msg, memberCertificate) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzPKCS12FromPEM(f *testing.F) {
	pkcs8, sec1, cert := pemBlocks(f)
	f.Add([]byte(pkcs8 + cert))
	f.Add([]byte(sec1 + cert))
	f.Fuzz(func(t *testing.T, file []byte) {
		pfx, err := PKCS12FromPEM(secret.New(file), secret.Text{})
		if err == nil && pfx.IsEmpty() {
			t.Error("nothing was made")
		}
	})
}
