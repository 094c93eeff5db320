package provider

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/smallstep/pkcs7"
)

// maxPayload bounds one certificate as sent; real ones take 2 KiB, with their
// chain as PKCS#7 perhaps 10.
const maxPayload = 256 << 10

// MaxRaw bounds Skipped.Raw, in bytes.
const MaxRaw = 64 << 10

// DecodeCertificate reads the certificate of one record as CAs send it in XML
// and JSON: PEM, or base64 of DER, of certs-only PKCS#7 (RFC 5652, 5.2) or of
// PEM. Of PKCS#7 it takes the one certificate that is not a CA's. raw is what
// was sent, less its base64 where that could be read, for Skipped.Raw. The
// error's text is a sentence for a person.
func DecodeCertificate(text string) (cert *x509.Certificate, raw []byte, err error) {
	switch {
	case text == "":
		return nil, nil, errors.New("the record has no certificate")
	case len(text) > maxPayload:
		return nil, []byte(text), errors.New("the record's certificate is too large")
	}
	if raw, err = decodeBase64([]byte(text)); err != nil {
		raw = []byte(text)
	}
	cert, err = decodePayload(raw, 2)
	return cert, raw, err
}

// decodePayload tries the forms of a certificate; wraps is how many more
// layers of text may be taken off.
func decodePayload(b []byte, wraps int) (*x509.Certificate, error) {
	cert, err := x509.ParseCertificate(b)
	if err == nil {
		return cert, nil
	}
	if bytes.HasPrefix(b, []byte{0x30}) {
		if p7, err := pkcs7.Parse(b); err == nil {
			return endEntity(p7.Certificates)
		}
		return nil, fmt.Errorf("the record's certificate cannot be parsed: %w", err)
	}
	if wraps == 0 {
		return nil, errors.New("the record's certificate is neither DER nor PKCS#7")
	}
	if block, _ := pem.Decode(b); block != nil {
		return decodePayload(block.Bytes, wraps-1)
	}
	inner, err := decodeBase64(b)
	if err != nil {
		return nil, errors.New("the record's certificate is neither DER, PKCS#7, PEM nor base64")
	}
	return decodePayload(inner, wraps-1)
}

// endEntity returns the one certificate that is not a CA's.
func endEntity(certs []*x509.Certificate) (*x509.Certificate, error) {
	var out *x509.Certificate
	for _, c := range certs {
		if c.IsCA {
			continue
		}
		if out != nil && !out.Equal(c) {
			return nil, errors.New("the record's PKCS#7 holds several certificates that are not of CAs")
		}
		out = c
	}
	if out == nil {
		return nil, errors.New("the record's PKCS#7 holds no certificate that is not of a CA")
	}
	return out, nil
}

// decodeBase64 reads standard base64, broken into lines or not.
func decodeBase64(b []byte) ([]byte, error) {
	return base64.StdEncoding.DecodeString(string(bytes.Join(bytes.Fields(b), nil)))
}
