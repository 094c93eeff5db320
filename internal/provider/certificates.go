package provider

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// maxCertificates bounds a bundle in bytes.
const maxCertificates = 1 << 20

// IsDER reports whether a file is DER, as certificates, CRLs and PKCS#12 are: a
// SEQUENCE of more than 127 bytes (X.690, 8.1.3), which no ASCII text begins
// like. To look for the lines of PEM is not enough: a CA may put them into a
// name.
func IsDER(b []byte) bool { return len(b) > 1 && b[0] == 0x30 && b[1] >= 0x80 }

// ParseCertificates reads a bundle of certificates: PEM, where text between
// and other blocks are passed over, or DER, one after the other. It fails on an
// empty bundle, on more than 1 MiB, and on any certificate it cannot read.
func ParseCertificates(b []byte) ([]*x509.Certificate, error) {
	if len(b) > maxCertificates {
		return nil, fmt.Errorf("read certificates: more than %d bytes", maxCertificates)
	}
	if IsDER(b) || !bytes.Contains(b, []byte("-----BEGIN")) {
		certs, err := x509.ParseCertificates(b)
		if err != nil {
			return nil, fmt.Errorf("read DER certificates: %w", err)
		}
		if len(certs) == 0 {
			return nil, errors.New("read certificates: none there")
		}
		return certs, nil
	}
	var certs []*x509.Certificate
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" && block.Type != "X509 CERTIFICATE" && block.Type != "TRUSTED CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read PEM certificate %d: %w", len(certs)+1, err)
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, errors.New("read PEM certificates: none there")
	}
	return certs, nil
}
