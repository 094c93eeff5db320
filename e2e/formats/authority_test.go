package formats

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

// hostile is a common name that breaks what does not escape it.
const hostile = "Evil <&\"'>]]> %s key: {} # \\ -----BEGIN CERTIFICATE----- déjà 日本"

// A signer is a certificate with its key.
type signer struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// authorities are what the bundles hold, and a server below them.
type authorities struct {
	plain, rsa, hostile signer // roots, each with a key of another kind
	intermediate        signer // below plain
	server              signer // of localhost, below intermediate
	above, publisher    signer // what signs files, and the root above it
}

func newAuthorities(t *testing.T) authorities {
	t.Helper()
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ca := func(name string, key crypto.Signer, parent *signer) signer {
		return newSigner(t, &x509.Certificate{
			Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		}, key, parent)
	}
	var a authorities
	a.plain = ca("Plain Root", newKey(t, elliptic.P256()), nil)
	a.rsa = ca("RSA Root", long, nil)
	a.hostile = ca(hostile, newKey(t, elliptic.P384()), nil)
	a.intermediate = ca("Intermediate", newKey(t, elliptic.P256()), &a.plain)
	a.server = newSigner(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, newKey(t, elliptic.P256()), &a.intermediate)
	a.above = ca("Root of publishers", newKey(t, elliptic.P256()), nil)
	a.publisher = newSigner(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Publisher"}, KeyUsage: x509.KeyUsageDigitalSignature,
	}, newKey(t, elliptic.P256()), &a.above)
	return a
}

// roots returns what a bundle of all subscriptions holds as roots.
func (a authorities) roots() []*x509.Certificate {
	return []*x509.Certificate{a.plain.cert, a.rsa.cert, a.hostile.cert}
}

// all returns the roots and the intermediate.
func (a authorities) all() []*x509.Certificate { return append(a.roots(), a.intermediate.cert) }

func newKey(t *testing.T, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// newSigner issues a certificate of a day by the parent, or by itself for nil.
func newSigner(t *testing.T, template *x509.Certificate, key crypto.Signer, parent *signer) signer {
	t.Helper()
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = serial
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	by := signer{template, key}
	if parent != nil {
		by = *parent
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return signer{cert, key}
}

// inPEM returns certificates one after the other.
func inPEM(list ...*x509.Certificate) []byte {
	var out []byte
	for _, c := range list {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return out
}

// keyInPEM returns the key in PKCS #8.
func keyInPEM(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
