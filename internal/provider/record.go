package provider

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// NewRecord returns what c itself tells of an issued certificate: all but its
// state, profile and holder. The status is StatusUnknown, the reason -1.
func NewRecord(c *x509.Certificate) Record {
	return Record{
		DER: c.Raw, RawIssuer: c.RawIssuer, IssuerDN: c.Issuer.String(), Serial: c.SerialNumber.Text(16),
		SubjectDN: c.Subject.String(), CommonName: c.Subject.CommonName,
		NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(),
		Status: StatusUnknown, Reason: -1,
	}
}

// StatusAt is the status at now of a certificate that is neither revoked nor
// suspended: valid, or expired behind notAfter.
func StatusAt(notAfter, now time.Time) Status {
	if now.After(notAfter) {
		return StatusExpired
	}
	return StatusValid
}

// maxSerial bounds a serial number as written; RFC 5280 has 20 octets, and
// some CAs write more.
const maxSerial = 256

// ParseSerial reads a serial number as CAs write it in hex: either case, with
// colons, blanks, hyphens or 0x. The result is lower-case hex without leading
// zeros, "0" for zero.
func ParseSerial(s string) (string, error) {
	if len(s) > maxSerial {
		return "", fmt.Errorf("read serial number: more than %d characters", maxSerial)
	}
	s = strings.NewReplacer(":", "", " ", "", "-", "").Replace(strings.TrimSpace(s))
	s = strings.TrimPrefix(strings.ToLower(s), "0x")
	if s == "" || strings.Trim(s, "0123456789abcdef") != "" {
		return "", errors.New("read serial number: not in hex")
	}
	if s = strings.TrimLeft(s, "0"); s == "" {
		return "0", nil
	}
	return s, nil
}

// ParseDecimalSerial is ParseSerial for CAs that write decimal numbers.
func ParseDecimalSerial(s string) (string, error) {
	s = strings.TrimSpace(s)
	if n, ok := new(big.Int).SetString(s, 10); ok && len(s) <= maxSerial && allDigits(s) {
		return n.Text(16), nil
	}
	return "", errors.New("read serial number: not a decimal number")
}

// The bounds of the search for a path: checking signatures is work, and hostile
// certificates have all the same name.
const (
	maxPath       = 16 // certificates
	maxPathChecks = 256
)

// PathToRoot returns the certificates above c, from its signer to a root, by
// name and signature; roots are believed to be roots. It is nil where there is
// no such path, or none that 256 checks of signatures find. For a c that is
// itself among roots, it is c.
func PathToRoot(c *x509.Certificate, roots, intermediates []*x509.Certificate) []*x509.Certificate {
	var path []*x509.Certificate
	left := maxPathChecks
	for range min(len(intermediates), maxPath) + 1 { // a longer path goes in a circle
		if root := signer(c, roots, &left); root != nil {
			return append(path, root)
		}
		if c = signer(c, intermediates, &left); c == nil {
			return nil
		}
		path = append(path, c)
	}
	return nil
}

// signer returns the first of candidates that signed c, or nil. left is how
// many signatures may still be checked.
func signer(c *x509.Certificate, candidates []*x509.Certificate, left *int) *x509.Certificate {
	for _, p := range candidates {
		if *left == 0 {
			return nil
		}
		if !bytes.Equal(c.RawIssuer, p.RawSubject) {
			continue
		}
		if *left--; Signed(p, c) {
			return p
		}
	}
	return nil
}

// Signed reports whether parent signed child, by name and signature (RFC 5280,
// 6.1.3). A parent whose key is too large to be used (see IsCheap) signed
// nothing.
func Signed(parent, child *x509.Certificate) bool {
	return bytes.Equal(child.RawIssuer, parent.RawSubject) && IsCheap(parent) && child.CheckSignatureFrom(parent) == nil
}

// IsCheap reports whether signatures of c can be checked in little time: a
// check with an RSA key of a million bits, which a certificate can hold, takes
// a minute that nothing can interrupt. crypto/tls draws the line at 8192 bits
// too.
func IsCheap(c *x509.Certificate) bool {
	key, ok := c.PublicKey.(*rsa.PublicKey)
	return !ok || key.N.BitLen() <= maxRSABits
}

// IsRoot reports whether c is a root: a CA certificate that signed itself.
func IsRoot(c *x509.Certificate) bool { return c.IsCA && Signed(c, c) }
