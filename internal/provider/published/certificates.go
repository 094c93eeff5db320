package published

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/smallstep/pkcs7"

	"cloudpki/internal/provider"
)

// ParseCertificates reads a file of certificates: PEM (RFC 7468) with
// CERTIFICATE or PKCS7 blocks, DER, certs-only PKCS#7 (RFC 5652, 5.2), or either
// of the last two in base64, broken into lines or not. The file must hold at
// least one certificate and at most 64, and all must be readable.
func ParseCertificates(b []byte) ([]*x509.Certificate, error) {
	switch {
	case len(b) > maxFile:
		return nil, fmt.Errorf("read certificates: more than %d bytes", maxFile)
	case provider.IsDER(b):
		return parseDER(b)
	case bytes.Contains(b, []byte("-----BEGIN PKCS7-----")):
		block, _ := pem.Decode(b)
		if block == nil || block.Type != "PKCS7" {
			return nil, errors.New("read certificates: broken PEM")
		}
		return parseDER(block.Bytes)
	case bytes.Contains(b, []byte("-----BEGIN")):
		return bounded(provider.ParseCertificates(b))
	}
	der, err := base64.StdEncoding.DecodeString(string(bytes.Join(bytes.Fields(b), nil)))
	if err != nil {
		return nil, errors.New("read certificates: neither PEM, DER nor base64")
	}
	return parseDER(der)
}

// parseDER reads certificates one after the other, or PKCS#7.
func parseDER(der []byte) ([]*x509.Certificate, error) {
	if certs, err := x509.ParseCertificates(der); err == nil {
		return bounded(certs, nil)
	}
	p7, err := pkcs7.Parse(der)
	if err != nil {
		return nil, fmt.Errorf("read certificates: neither X.509 nor PKCS#7: %w", err)
	}
	return bounded(p7.Certificates, nil)
}

func bounded(certs []*x509.Certificate, err error) ([]*x509.Certificate, error) {
	switch {
	case err != nil:
		return nil, err
	case len(certs) == 0:
		return nil, errors.New("read certificates: none there")
	case len(certs) > maxCertificates:
		return nil, fmt.Errorf("read certificates: more than %d", maxCertificates)
	}
	return certs, nil
}

// Distinct returns certs without those that come again.
func Distinct(certs []*x509.Certificate) []*x509.Certificate {
	seen := make(map[string]bool, len(certs))
	return slices.DeleteFunc(slices.Clone(certs), func(c *x509.Certificate) bool {
		again := seen[string(c.Raw)]
		seen[string(c.Raw)] = true
		return again
	})
}
