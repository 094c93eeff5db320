package symantec

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/provider"

	"github.com/smallstep/pkcs7"
)

// A maker signs certificates for tests.
type maker struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func (m maker) make(t testing.TB, cn string, ca bool, change func(*x509.Certificate)) maker {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(0xabc), Subject: pkix.Name{CommonName: cn}, IsCA: ca, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	if change != nil {
		change(tmpl)
	}
	by := m
	if by.key == nil {
		by = maker{tmpl, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, by.cert, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return maker{cert, key}
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func certsOnly(t testing.TB, certs ...*x509.Certificate) []byte {
	t.Helper()
	var der []byte
	for _, c := range certs {
		der = append(der, c.Raw...)
	}
	p7, err := pkcs7.DegenerateCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return p7
}

func TestDecodeCertificate(t *testing.T) {
	ca := maker{}.make(t, "CA", true, nil)
	leaf, other := ca.make(t, "leaf", false, nil), ca.make(t, "other", false, nil)
	der := leaf.cert.Raw
	asPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	tests := []struct {
		name, text string
		ok         bool
	}{
		{"DER", b64(der), true},
		{"DER in lines", strings.Join(strings.SplitAfter(b64(der), "A"), "\r\n "), true},
		{"PKCS#7", b64(certsOnly(t, leaf.cert)), true},
		{"PKCS#7 with its CA first", b64(certsOnly(t, ca.cert, leaf.cert)), true},
		{"PEM", string(asPEM), true},
		{"PEM in base64", b64(asPEM), true},
		{"base64 in base64", b64([]byte(b64(der))), true},
		{"PEM of PKCS#7", string(pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: certsOnly(t, leaf.cert)})), true},
		{"PKCS#7 of a CA", b64(certsOnly(t, ca.cert)), false},
		{"PKCS#7 of two", b64(certsOnly(t, leaf.cert, other.cert)), false},
		{"nothing", "", false},
		{"text", "not a certificate", false},
		{"base64 four times", b64([]byte(b64([]byte(b64([]byte(b64(der))))))), false},
		{"DER and more", b64(append(bytes.Clone(der), 0)), false},
		{"truncated", b64(der[:len(der)-1]), false},
		{"too large", strings.Repeat("A", 256<<10+1), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, raw, err := provider.DecodeCertificate(tt.text)
			if (err == nil) != tt.ok || (tt.ok && !got.Equal(leaf.cert)) {
				t.Errorf("got %v, %v", got, err)
			}
			if tt.text != "" && len(raw) == 0 {
				t.Error("what was sent is lost")
			}
		})
	}
}

func FuzzDecodeCertificate(f *testing.F) {
	ca := maker{}.make(f, "CA", true, nil)
	f.Add(b64(ca.make(f, "leaf", false, nil).cert.Raw))
	f.Add(b64(certsOnly(f, ca.cert)))
	f.Add(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw})))
	f.Fuzz(func(t *testing.T, text string) {
		cert, raw, err := provider.DecodeCertificate(text)
		if (cert == nil) == (err == nil) || (text != "" && raw == nil) {
			t.Errorf("certificate %v, raw %q, error %v", cert, raw, err)
		}
	})
}

func TestRevocationReasons(t *testing.T) {
	for name, want := range map[string]int{
		"Unspecified": 0, "KeyCompromise": 1, "CACompromise": 2, "AffiliationChanged": 3, "Superseded": 4,
		"CessationOfOperation": 5, "CertificateHold": 6, "RemoveFromCRL": 8, "PrivilegeWithdrawn": 9, "AACompromise": 10,
		"": -1, "SomethingNew": -1, "keycompromise": -1,
	} {
		if got := reason(name); got != want {
			t.Errorf("reason(%q) = %d, want %d", name, got, want)
		}
	}
}

func TestMoments(t *testing.T) {
	for in, want := range map[string]string{
		"1760000000":          "2025-10-09T08:53:20Z",
		"1760000000000":       "2025-10-09T08:53:20Z",
		"99999999999":         "5138-11-16T09:46:39Z",
		"4102444800":          "2100-01-01T00:00:00Z",
		"0":                   "0001-01-01T00:00:00Z",
		"-1":                  "0001-01-01T00:00:00Z",
		"":                    "0001-01-01T00:00:00Z",
		"soon":                "0001-01-01T00:00:00Z",
		"9223372036854775807": "0001-01-01T00:00:00Z",
	} {
		if got := moment(in).Format(time.RFC3339); got != want {
			t.Errorf("moment(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestChains(t *testing.T) {
	past := func(from, to time.Duration) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now().Add(-from), time.Now().Add(-to) }
	}
	root := maker{}.make(t, "Root", true, nil)
	middle := root.make(t, "Middle", true, nil)
	issuing := middle.make(t, "Issuing", true, nil)
	oldRoot := maker{}.make(t, "Old", true, past(100*time.Hour, 50*time.Hour))
	oldIssuing := oldRoot.make(t, "Old issuing", true, past(90*time.Hour, 60*time.Hour))
	stranger := maker{}.make(t, "Root", true, nil)
	tests := []struct {
		name    string
		issuing maker
		between []*x509.Certificate
		root    maker
		length  int // -1 is an error
	}{
		{"with an intermediate", issuing, []*x509.Certificate{middle.cert}, root, 1},
		{"with more than needed", issuing, []*x509.Certificate{stranger.cert, root.cert, middle.cert}, root, 1},
		{"directly", middle, nil, root, 0},
		{"the root itself", root, nil, root, 0},
		{"expired", oldIssuing, nil, oldRoot, 0},
		{"without its intermediate", issuing, nil, root, -1},
		{"root of the same name", middle, nil, stranger, -1},
		{"not a CA", root.make(t, "leaf", false, nil), nil, root, -1},
		{"too many", issuing, make([]*x509.Certificate, maxChain+1), root, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			chain, err := link(tt.issuing.cert, tt.between, tt.root.cert)
			if (err != nil) != (tt.length < 0) || (err == nil && len(chain) != tt.length) {
				t.Errorf("%d certificates between, %v", len(chain), err)
			}
		})
	}
	for name, c := range map[string]maker{"an intermediate": middle, "a leaf": maker{}.make(t, "x", false, nil)} {
		if err := checkRoot(c.cert); err == nil {
			t.Errorf("%s passes as a root", name)
		}
	}
	if err := checkRoot(root.cert); err != nil {
		t.Errorf("a root is refused: %v", err)
	}
	forged := *root.cert
	forged.Signature = stranger.cert.Signature
	if err := checkRoot(&forged); err == nil {
		t.Error("a root with a forged signature is accepted")
	}
}
