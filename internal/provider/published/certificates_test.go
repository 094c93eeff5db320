package published_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/smallstep/pkcs7"

	"cloudpki/internal/provider/published"
)

// forms returns a root and an issuing certificate in each form of a file.
func forms(t testing.TB) (certs []*x509.Certificate, files map[string][]byte) {
	t.Helper()
	root := newIssuer(t, "Root", nil)
	certs = list(root.cert, newIssuer(t, "Issuing", root).cert)
	der := append(bytes.Clone(certs[0].Raw), certs[1].Raw...)
	p7, err := pkcs7.DegenerateCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	var text []byte
	for _, c := range certs {
		text = append(append(text, "subject=/CN=x\n"...), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return certs, map[string][]byte{
		"PEM with text between": text,
		"DER":                   der,
		"PKCS#7":                p7,
		"PKCS#7 as PEM":         pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: p7}),
		"base64 with CRLF":      []byte(strings.ReplaceAll(string(folded(p7)), "\n", "\r\n")),
		"base64 on one line":    []byte(base64.StdEncoding.EncodeToString(p7)),
		"base64 of DER":         folded(der),
	}
}

func folded(b []byte) []byte {
	block := pem.EncodeToMemory(&pem.Block{Type: "X", Bytes: b})
	lines := bytes.Split(bytes.TrimSpace(block), []byte("\n"))
	return append(bytes.Join(lines[1:len(lines)-1], []byte("\n")), '\n')
}

func TestParseCertificates(t *testing.T) {
	t.Parallel()
	certs, files := forms(t)
	for name, file := range files {
		got, err := published.ParseCertificates(file)
		if err != nil || len(got) != 2 || !got[0].Equal(certs[0]) || !got[1].Equal(certs[1]) {
			t.Errorf("%s: %d certificates, %v", name, len(got), err)
		}
	}
	hostile := newIssuer(t, string(files["PEM with text between"]), nil).cert
	if got, err := published.ParseCertificates(hostile.Raw); err != nil || len(got) != 1 || !got[0].Equal(hostile) {
		t.Errorf("DER with PEM in a name: %d certificates, %v", len(got), err)
	}
	empty, err := pkcs7.DegenerateCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{
		"nothing":           nil,
		"a page":            []byte("<html></html>"),
		"PKCS#7 of none":    empty,
		"broken PEM":        []byte("-----BEGIN PKCS7-----\nMAA=\n"),
		"PEM without any":   []byte("-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n"),
		"cut DER":           certs[0].Raw[:100],
		"too many":          bytes.Repeat(certs[0].Raw, 65),
		"too large":         bytes.Repeat([]byte{' '}, 1<<20+1),
		"base64 of nothing": []byte("AAAA"),
	} {
		if got, err := published.ParseCertificates(file); err == nil {
			t.Errorf("%s: %d certificates and no error", name, len(got))
		}
	}
}

func FuzzParseCertificates(f *testing.F) {
	_, files := forms(f)
	for _, file := range files {
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		certs, err := published.ParseCertificates(b)
		if (err == nil) == (len(certs) == 0) {
			t.Errorf("%d certificates with error %v", len(certs), err)
		}
	})
}
