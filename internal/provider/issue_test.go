package provider_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/provider"
)

func requestFor(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "device"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func ecKey(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// What is asked for is signed with its own key, and the key is worth it.
func TestParseCSR(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := requestFor(t, ecKey(t, elliptic.P256()))
	forged := bytes.Clone(good)
	forged[len(forged)-1] ^= 1
	for name, c := range map[string]struct {
		csr   []byte
		fault string
	}{
		"DER":             {good, ""},
		"PEM":             {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: good}), ""},
		"PEM, older name": {pem.EncodeToMemory(&pem.Block{Type: "NEW CERTIFICATE REQUEST", Bytes: good}), ""},
		"base64":          {[]byte(base64.StdEncoding.EncodeToString(good)), ""},
		"Ed25519":         {requestFor(t, ed), ""},
		"nothing":         {nil, "not PKCS#10"},
		"a certificate":   {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: good}), "not PKCS#10"},
		"too large":       {make([]byte, 65<<10), "larger than"},
		"forged":          {forged, "not signed with the key"},
		"weak RSA":        {requestFor(t, weak), "RSA key of 1024 bits"},
		"weak EC":         {requestFor(t, ecKey(t, elliptic.P224())), "EC key of 224 bits"},
	} {
		csr, err := provider.ParseCSR(c.csr)
		if c.fault == "" && (err != nil || csr == nil) || c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)) {
			t.Errorf("%s: %v, want %q", name, err, c.fault)
		}
	}
}

// A fakeCA answers with what it is told to.
type fakeCA struct {
	chain   []*x509.Certificate
	revoked []provider.Revocation
}

func (f *fakeCA) Issue(context.Context, provider.Request) (provider.Issued, error) {
	return provider.Issued{Chain: f.chain}, nil
}

func (f *fakeCA) Revoke(_ context.Context, r provider.Revocation) error {
	f.revoked = append(f.revoked, r)
	return nil
}

func certificateFor(t testing.TB, name string, isCA bool, key crypto.Signer, by *x509.Certificate, byKey crypto.Signer) *x509.Certificate {
	t.Helper()
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, IsCA: isCA, BasicConstraintsValid: isCA,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	if by == nil {
		by = tmpl
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, by, key.Public(), byKey)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A CA that answers with something else than was asked for is not believed.
func TestIssueChecksTheAnswer(t *testing.T) {
	rootKey, betweenKey, key := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	root := certificateFor(t, "root", true, rootKey, nil, rootKey)
	between := certificateFor(t, "between", true, betweenKey, root, rootKey)
	leaf := certificateFor(t, "device", false, key, between, betweenKey)
	for name, c := range map[string]struct {
		chain []*x509.Certificate
		want  int // certificates
	}{
		"in order":            {[]*x509.Certificate{leaf, between, root}, 3},
		"in another order":    {[]*x509.Certificate{leaf, root, between}, 3},
		"with strangers":      {[]*x509.Certificate{leaf, certificateFor(t, "stranger", true, key, nil, key), between}, 2},
		"alone":               {[]*x509.Certificate{leaf}, 1},
		"another key":         {[]*x509.Certificate{certificateFor(t, "device", false, rootKey, between, betweenKey)}, 0},
		"certificate of a CA": {[]*x509.Certificate{certificateFor(t, "device", true, key, between, betweenKey)}, 0},
		"nothing":             {nil, 0},
	} {
		got, err := provider.Issue(t.Context(), &fakeCA{chain: c.chain}, provider.Request{CSR: requestFor(t, key)})
		var e *provider.Error
		if c.want == 0 && (!errors.As(err, &e) || e.Code != provider.CodeProtocol) || c.want > 0 && (err != nil || len(got.Chain) != c.want || got.Chain[0] != leaf) {
			t.Errorf("%s: %d certificates, %v; want %d", name, len(got.Chain), err, c.want)
		}
	}
}

// What cannot be a revocation is not asked for.
func TestRevokeChecksWhatIsAsked(t *testing.T) {
	ca := new(fakeCA)
	for _, r := range []provider.Revocation{{Serial: "zz"}, {Serial: "1", Reason: 6}, {Serial: "1", Reason: 8}, {Serial: "1", Reason: 11}, {Serial: "1", Reason: -1}} {
		var e *provider.Error
		if err := provider.Revoke(t.Context(), ca, r); !errors.As(err, &e) || e.Code != provider.CodeParse || e.RetryClass() != provider.RetryNever {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if err := provider.Revoke(t.Context(), ca, provider.Revocation{Serial: "00:AB", Reason: 4}); err != nil || len(ca.revoked) != 1 || ca.revoked[0].Serial != "ab" {
		t.Errorf("%+v, %v; want ab", ca.revoked, err)
	}
}

func FuzzParseCSR(f *testing.F) {
	der := requestFor(f, ecKey(f, elliptic.P256()))
	f.Add(der)
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
	f.Fuzz(func(t *testing.T, b []byte) {
		csr, err := provider.ParseCSR(b)
		if (csr == nil) == (err == nil) {
			t.Fatalf("%v and %v", csr, err)
		}
		if err == nil {
			if again, err := provider.ParseCSR(csr.Raw); err != nil || !bytes.Equal(again.Raw, csr.Raw) {
				t.Fatalf("not read again: %v", err)
			}
		}
	})
}
