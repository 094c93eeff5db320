package trust_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/trust"
)

// newRoot makes a root certificate with the name.
func newRoot(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return newRootOf(t, name, key)
}

// newRootOf makes a root certificate with the name for the key.
func newRootOf(t testing.TB, name string, key crypto.Signer) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, der)
}

// hostile is a common name that breaks what does not escape it.
const hostile = "Evil <&\"'>]]>\n  key: {}\r\n-----BEGIN CERTIFICATE-----\t\x00 déjà 日本 \U0001D11E"

// rsaRoot is a root with an RSA key, from a file: such keys are slow to make.
func rsaRoot(t testing.TB) *x509.Certificate {
	t.Helper()
	text, err := os.ReadFile("testdata/rsa-root.crt")
	if err != nil {
		t.Fatal(err)
	}
	list := parsePEM(t, text)
	if len(list) != 1 {
		t.Fatalf("%d certificates", len(list))
	}
	return list[0]
}

// sample is a bundle with three roots and an intermediate.
func sample(t testing.TB) trust.Bundle {
	t.Helper()
	return trust.Bundle{
		Tenant: "0d0c9a5e", Name: "All.roots_1", Version: 7, Changed: time.Date(2026, 5, 4, 3, 2, 1, 987654321, time.UTC),
		Roots:         []*x509.Certificate{newRoot(t, "Plain Root"), rsaRoot(t), newRoot(t, hostile)},
		Intermediates: []*x509.Certificate{newRoot(t, "Intermediate")},
	}
}

// write writes the bundle in the format with the extension.
func write(t testing.TB, ext string, b trust.Bundle, o trust.Options) []byte {
	t.Helper()
	format, ok := trust.Lookup(ext)
	if !ok {
		t.Fatalf("there is no %s", ext)
	}
	out, err := format.Write(b, o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// saved returns the path of a new file with the content.
func saved(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bundle")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// run returns what a program prints.
func run(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, args...)
	var errs strings.Builder
	command.Stderr = &errs
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, out, errs.String())
	}
	return out
}

// parsePEM returns the certificates between whatever else there is.
func parsePEM(t testing.TB, text []byte) []*x509.Certificate {
	t.Helper()
	var list []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		list = append(list, parse(t, block.Bytes))
	}
	return list
}

func parse(t testing.TB, der []byte) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// equal tells where two sets of certificates differ.
func equal(t testing.TB, got []*x509.Certificate, want ...*x509.Certificate) {
	t.Helper()
	if diff := cmp.Diff(thumbprints(want), thumbprints(got)); diff != "" {
		t.Errorf("certificates (-want +got):\n%s", diff)
	}
}

func thumbprints(list []*x509.Certificate) []string {
	sums := make([]string, len(list))
	for i, c := range list {
		sums[i] = fmt.Sprintf("%x", sha256.Sum256(c.Raw))
	}
	slices.Sort(sums)
	return sums
}

// No format writes an empty bundle.
func TestEmptyBundleIsNeverWritten(t *testing.T) {
	for _, f := range trust.Formats() {
		if out, err := f.Write(trust.Bundle{Tenant: "t", Name: "empty", Version: 1}, trust.Options{}); !errors.Is(err, trust.ErrEmpty) {
			t.Errorf("%s: %d bytes, %v", f.Ext, len(out), err)
		}
	}
}

// The same set gives the same bytes, in whatever order and how often it comes.
func TestTheSameSetGivesTheSameBytes(t *testing.T) {
	b := sample(t)
	again := b
	again.Roots = append(slices.Clone(b.Roots), b.Roots...)
	slices.Reverse(again.Roots)
	again.Intermediates = append(slices.Clone(b.Intermediates), b.Intermediates...)
	for name, signer := range signers(t) {
		o := trust.Options{Signer: signer}
		for _, f := range trust.Formats() {
			if f.Ext == "cer" || name != "ES256" && !f.Signable { // one root; written already
				continue
			}
			if first, second := write(t, f.Ext, b, o), write(t, f.Ext, again, o); !bytes.Equal(first, second) {
				t.Errorf("%s by %s: first\n%s\nand then\n%s", f.Ext, name, first, second)
			}
			unsigned, _ := f.Write(b, trust.Options{})
			if got := !bytes.Equal(write(t, f.Ext, b, o), unsigned); got != f.Signable {
				t.Errorf("%s: a signer is of consequence: %t, want %t", f.Ext, got, f.Signable)
			}
		}
	}
}

func TestFormatsAreListedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range trust.Formats() {
		if seen[f.Ext] || f.MediaType == "" || !strings.HasSuffix(f.Doc, ".") {
			t.Errorf("%q: seen %v, media type %q, doc %q", f.Ext, seen[f.Ext], f.MediaType, f.Doc)
		}
		seen[f.Ext] = true
	}
}
