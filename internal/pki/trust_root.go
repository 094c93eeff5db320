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

// Least strength of a root's key, as of NIST SP 800-57, and the most that
// provider.IsCheap takes.
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
		} else if !provider.IsCheap(c) {
			return fmt.Sprintf("its RSA key has %d bits, more than can be checked", bits)
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
		provider.Signed(trusted, next) && isWithin(next, trusted)
}

// crossCertificates returns the distinct certificates in the chains of list by
// which trusted vouches for another CA at now: signed by it, and valid.
func crossCertificates(trusted *x509.Certificate, list []provider.Authority, now time.Time) []*x509.Certificate {
	roots := x509.NewCertPool()
	roots.AddCert(trusted)
	var found []*x509.Certificate
	seen := make(map[string]bool)
	for _, a := range list {
		for _, c := range a.Chain {
			if seen[string(c.Raw)] || !mayVouch(trusted, c) {
				continue
			}
			seen[string(c.Raw)] = true
			if _, err := c.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err == nil {
				found = append(found, c)
			}
		}
	}
	return found
}

// mayVouch reports whether cross can be a certificate of trusted for another
// CA, before its signature is checked.
func mayVouch(trusted, cross *x509.Certificate) bool {
	return cross.IsCA && cross.BasicConstraintsValid && (cross.KeyUsage == 0 || cross.KeyUsage&x509.KeyUsageCertSign != 0) &&
		bytes.Equal(cross.RawIssuer, trusted.RawSubject) && !sameKey(cross, trusted) && weakKey(trusted) == ""
}

// isCrossSigned reports whether trusted vouches for next: one of its
// crossCertificates has the name and the key of next, and next takes no power
// that this one, or trusted itself, does not have. A CA of list that issues
// certificates itself is a subordinate, no successor, so its own certificate
// does not count.
func isCrossSigned(trusted, next *x509.Certificate, crosses []*x509.Certificate, list []provider.Authority) bool {
	vouches := func(c *x509.Certificate) bool { return sameName(c, next) && sameKey(c, next) && isWithin(next, c) }
	// That the other is a CA below trusted costs one of the length of its paths.
	within := isWithin(next, trusted) && (pathLimit(trusted) == unlimited || pathLimit(next) < pathLimit(trusted))
	return within && slices.ContainsFunc(crosses, vouches) &&
		!slices.ContainsFunc(list, func(a provider.Authority) bool { return a.Issuing != nil && sameKey(a.Issuing, next) })
}

func sameName(a, b *x509.Certificate) bool { return bytes.Equal(a.RawSubject, b.RawSubject) }

func sameKey(a, b *x509.Certificate) bool {
	return bytes.Equal(a.RawSubjectPublicKeyInfo, b.RawSubjectPublicKeyInfo)
}

// isWithin reports whether c has no power over certificates that by lacks:
// length of paths, names, purposes and policies.
func isWithin(c, by *x509.Certificate) bool {
	for _, oid := range limits() {
		if has(by, oid) && !bytes.Equal(extension(c, oid), extension(by, oid)) {
			return false
		}
	}
	return pathLimit(c) <= pathLimit(by)
}

const unlimited = 1 << 20

// pathLimit is how many CAs may follow c, unlimited for no limit.
func pathLimit(c *x509.Certificate) int {
	if c.MaxPathLen < 0 || c.MaxPathLen == 0 && !c.MaxPathLenZero {
		return unlimited
	}
	return c.MaxPathLen
}

// limits are the extensions that take powers from a CA (RFC 5280, 4.2.1.10 to
// 4.2.1.12 and 4.2.1.14).
func limits() []asn1.ObjectIdentifier {
	return []asn1.ObjectIdentifier{
		{2, 5, 29, 30}, // nameConstraints
		{2, 5, 29, 36}, // policyConstraints
		{2, 5, 29, 37}, // extKeyUsage
		{2, 5, 29, 54}, // inhibitAnyPolicy
	}
}

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
