package casim

import (
	"bytes"
	"encoding/pem"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/smallstep/pkcs7"
)

// certificateFaults change the certificates themselves, or what they are
// wrapped in.
func certificateFaults() []Fault {
	return []Fault{
		{Name: "pkcs7", Doc: "certificates are PKCS#7", Search: Each(func(_ int, ci *CertificateInformation) { ci.Certificate = wrapped(ci.Certificate, asPKCS7) })},
		{Name: "pem", Doc: "certificates are PEM in base64", Search: Each(func(_ int, ci *CertificateInformation) { ci.Certificate = wrapped(ci.Certificate, asPEM) })},
		{Name: "base64-lines", Doc: "the base64 is broken into lines", Search: Each(func(_ int, ci *CertificateInformation) { ci.Certificate = lines(ci.Certificate) })},
		{Name: "base64-twice", Doc: "certificates are base64 in base64", Search: Each(func(_ int, ci *CertificateInformation) { ci.Certificate = encode([]byte(ci.Certificate)) })},
		{Name: "unparsable", Doc: "one record's certificate is not one", World: one(func(_ *World, c *Issued) { c.DER = []byte("not a certificate") })},
		{Name: "no-certificate", Doc: "one record has no certificate", World: one(func(_ *World, c *Issued) { c.DER = nil })},
		{Name: "all-unparsable", Doc: "no record's certificate is one", World: each(func(_ int, c *Issued) { c.DER = []byte("not a certificate") })},
		{Name: "trailing-bytes", Doc: "bytes behind a certificate", World: one(func(_ *World, c *Issued) { c.DER = append(bytes.Clone(c.DER), 0, 0) })},
		{Name: "truncated", Doc: "a certificate that breaks off", World: one(func(_ *World, c *Issued) { c.DER = c.DER[:len(c.DER)/2] })},
		{Name: "huge-certificate", Doc: "a record of 300 KB", World: one(func(_ *World, c *Issued) { c.DER = bytes.Repeat([]byte{0x30}, 300<<10) })},
		{Name: "ca-in-inventory", Doc: "a CA certificate among the issued ones", World: one(func(w *World, c *Issued) { c.DER = w.Issuers[0].Issuing.Raw })},
		{Name: "negative-serial", Doc: "a certificate with a negative serial number", World: forged(func(t *tbsCertificate) { t.SerialNumber.Neg(t.SerialNumber) })},
		{Name: "zero-serial", Doc: "a certificate with the serial number 0", World: forged(func(t *tbsCertificate) { t.SerialNumber.SetInt64(0) })},
		{Name: "long-serial", Doc: "a certificate with a serial number of 60 octets", World: forged(func(t *tbsCertificate) { t.SerialNumber.Lsh(t.SerialNumber, 8*44) })},
		{Name: "backwards-validity", Doc: "a certificate that ends before it begins", World: forged(func(t *tbsCertificate) {
			t.Validity.NotBefore, t.Validity.NotAfter = t.Validity.NotAfter, t.Validity.NotBefore
		})},
		{Name: "year-9999", Doc: "a certificate without an end (RFC 5280, 4.1.2.5)", World: forged(func(t *tbsCertificate) {
			t.Validity.NotAfter = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
		})},
		{Name: "year-1950", Doc: "a certificate that began in 1950", World: forged(func(t *tbsCertificate) {
			t.Validity.NotBefore = time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC)
		})},
		{Name: "many-names", Doc: "a certificate with 5,000 names", World: one(func(w *World, c *Issued) { c.DER = w.manyNames(c) })},
		{Name: "same-serial", Doc: "two issuers use one serial number", World: func(w *World) {
			if len(w.Issued) > 2 {
				serial, _ := new(big.Int).SetString(w.Issued[1].Serial, 16)
				w.forge(&w.Issued[2], func(t *tbsCertificate) { t.SerialNumber = serial })
				w.Issued[2].Serial = w.Issued[1].Serial
			}
		}},
	}
}

// wrapped changes the DER behind a base64 text.
func wrapped(text string, change func(der []byte) []byte) string {
	der, err := decode(text)
	if err != nil {
		return text
	}
	return encode(change(der))
}

func asPKCS7(der []byte) []byte {
	p7, err := pkcs7.DegenerateCertificate(der)
	if err != nil {
		return der
	}
	return p7
}

func asPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func lines(text string) string {
	var b strings.Builder
	for len(text) > 64 {
		b.WriteString(text[:64] + "\r\n")
		text = text[64:]
	}
	return b.String() + text
}

// manyNames returns c with 5,000 names, or as it is where that fails.
func (w *World) manyNames(c *Issued) []byte {
	tmpl, err := template(c.CommonName, c.NotBefore, c.NotAfter)
	if err != nil {
		return c.DER
	}
	for i := range 5000 {
		tmpl.DNSNames = append(tmpl.DNSNames, "host-"+strconv.Itoa(i)+".example.com")
	}
	tmpl.SerialNumber, _ = new(big.Int).SetString(c.Serial, 16)
	by := w.ca.signerOf(c)
	cert, err := sign(tmpl, by, &by.key.PublicKey)
	if err != nil {
		return c.DER
	}
	return cert.Raw
}
