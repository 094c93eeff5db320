package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"

	"cloudpki/internal/provider"
)

// Least strength of a root's key, as of NIST SP 800-57.
const (
	leastRSABits   = 2048
	leastECDSABits = 256
)

// rootFault says what keeps c from being trusted as a root at now; "" for
// nothing. The hash of a root's signature does not matter: nobody relies on it.
func rootFault(c *x509.Certificate, now time.Time) string {
	switch {
	case !c.BasicConstraintsValid:
		return "it has no basicConstraints"
	case !c.IsCA:
		return "it is no CA certificate"
	case !bytes.Equal(c.RawIssuer, c.RawSubject):
		return "it was issued by another: it is no root"
	case c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0:
		return "its key usage does not allow it to sign certificates"
	case c.SerialNumber.Sign() < 0:
		return "its serial number is negative"
	case len(c.UnhandledCriticalExtensions) > 0:
		return "it has a critical extension that is not understood: " + c.UnhandledCriticalExtensions[0].String()
	case now.Before(c.NotBefore):
		return "it is not valid before " + c.NotBefore.UTC().Format(time.RFC3339)
	case now.After(c.NotAfter):
		return "it expired at " + c.NotAfter.UTC().Format(time.RFC3339)
	}
	if weak := weakKey(c); weak != "" {
		return weak
	}
	var insecure x509.InsecureAlgorithmError
	if err := c.CheckSignatureFrom(c); err != nil && !errors.As(err, &insecure) {
		return "it is not signed by its own key"
	}
	return ""
}

func weakKey(c *x509.Certificate) string {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < leastRSABits {
			return fmt.Sprintf("its RSA key has %d bits, fewer than %d", bits, leastRSABits)
		}
	case *ecdsa.PublicKey:
		if bits := key.Curve.Params().BitSize; bits < leastECDSABits {
			return fmt.Sprintf("its ECDSA key has %d bits, fewer than %d", bits, leastECDSABits)
		}
	case nil:
		return "its key is of a kind that is not understood"
	}
	return ""
}

// isRenewal reports whether next is trusted again with a later end: same name,
// same key, no wider powers. Whoever signed it holds the trusted key.
func isRenewal(trusted, next *x509.Certificate) bool {
	return sameName(trusted, next) && sameKey(trusted, next) && next.NotAfter.After(trusted.NotAfter) &&
		next.CheckSignatureFrom(trusted) == nil && isWithin(next, trusted)
}

// isCrossSigned reports whether trusted vouches for next: above an issuer the
// CA shows a certificate with the name and the key of next that trusted signed,
// valid at now, and next takes no power that this one does not have. A CA that
// issues certificates itself is a subordinate, no successor, so its own
// certificate does not count.
func isCrossSigned(trusted, next *x509.Certificate, list []provider.Authority, now time.Time) bool {
	roots := x509.NewCertPool()
	roots.AddCert(trusted)
	vouches := func(cross *x509.Certificate) bool {
		if !sameName(cross, next) || !sameKey(cross, next) || sameKey(trusted, next) || !cross.IsCA || !cross.BasicConstraintsValid {
			return false
		}
		_, err := cross.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		return err == nil && isWithin(next, cross)
	}
	return slices.ContainsFunc(list, func(a provider.Authority) bool { return slices.ContainsFunc(a.Chain, vouches) }) &&
		!slices.ContainsFunc(list, func(a provider.Authority) bool { return a.Issuing != nil && sameKey(a.Issuing, next) })
}

func sameName(a, b *x509.Certificate) bool { return bytes.Equal(a.RawSubject, b.RawSubject) }

func sameKey(a, b *x509.Certificate) bool {
	return bytes.Equal(a.RawSubjectPublicKeyInfo, b.RawSubjectPublicKeyInfo)
}

// isWithin reports whether c has no power over certificates that by lacks:
// length of paths, names and purposes.
func isWithin(c, by *x509.Certificate) bool {
	return pathLimit(c) <= pathLimit(by) &&
		(!has(by, oidNameConstraints()) || bytes.Equal(extension(c, oidNameConstraints()), extension(by, oidNameConstraints()))) &&
		(!has(by, oidExtKeyUsage()) || bytes.Equal(extension(c, oidExtKeyUsage()), extension(by, oidExtKeyUsage())))
}

// pathLimit is how many CAs may follow c, with a large number for no limit.
func pathLimit(c *x509.Certificate) int {
	const unlimited = 1 << 20
	if c.MaxPathLen < 0 || c.MaxPathLen == 0 && !c.MaxPathLenZero {
		return unlimited
	}
	return c.MaxPathLen
}

// RFC 5280, 4.2.1.10 and 4.2.1.12.
func oidNameConstraints() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 29, 30} }
func oidExtKeyUsage() asn1.ObjectIdentifier     { return asn1.ObjectIdentifier{2, 5, 29, 37} }

func has(c *x509.Certificate, oid asn1.ObjectIdentifier) bool { return extension(c, oid) != nil }

func extension(c *x509.Certificate, oid asn1.ObjectIdentifier) []byte {
	for _, e := range c.Extensions {
		if e.Id.Equal(oid) {
			return e.Value
		}
	}
	return nil
}

// difference says how other differs from the trusted root.
func difference(trusted, other *x509.Certificate) string {
	switch {
	case sameName(trusted, other) && sameKey(trusted, other):
		return fmt.Sprintf("the trusted root's name and key with another validity, until %s", other.NotAfter.UTC().Format(time.RFC3339))
	case sameName(trusted, other):
		return "the trusted root's name, but another key"
	case sameKey(trusted, other):
		return "the trusted root's key under another name"
	default:
		return "another name and another key"
	}
}
