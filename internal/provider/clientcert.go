package provider

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"cloudpki/internal/secret"
)

// Where the admin finds what a message speaks of.
const (
	memberCertificate = "credentials/authenticationCertificate"
	memberPassword    = "credentials/authenticationCertificatePassword"
)

// maxRSABits is the largest RSA key taken; beyond it one signature takes seconds.
const maxRSABits = 8192

// ClientCertificate opens a PKCS#12 file (RFC 7292) and returns what TLS
// client authentication needs: the key, its certificate and those above it in
// the file, see chain. The work a hostile file can cause is bounded before it is
// done, see openPKCS12.
//
// Errors are *Error with CodeCredentialInvalid, or CodeCredentialExpired for a
// certificate whose time is over at now; their messages name the member to
// correct. A certificate that is not yet valid is mended by time alone: its
// Error has another Retry than its code, see notYetValid.
func ClientCertificate(pfx, password secret.Text, now time.Time) (tls.Certificate, error) {
	key, leaf, rest, err := openPKCS12(pfx, password)
	if err != nil {
		return tls.Certificate{}, err
	}
	if err := checkClientLeaf(leaf, now); err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{PrivateKey: key, Leaf: leaf, Certificate: chain(leaf, rest)}, nil
}

// CertificateInfo is what may be shown of a client certificate.
type CertificateInfo struct {
	Subject    string // RFC 4514
	Issuer     string // RFC 4514
	Thumbprint string // SHA-256 of the DER, lower-case hex
	NotBefore  time.Time
	NotAfter   time.Time
}

// Inspect opens a PKCS#12 file like ClientCertificate and tells whose
// certificate it holds, also where that has expired or is not for TLS clients.
// Errors are *Error with CodeCredentialInvalid.
func Inspect(pfx, password secret.Text) (CertificateInfo, error) {
	_, leaf, _, err := openPKCS12(pfx, password)
	if err != nil {
		return CertificateInfo{}, err
	}
	sum := sha256.Sum256(leaf.Raw)
	return CertificateInfo{
		Subject:    leaf.Subject.String(),
		Issuer:     leaf.Issuer.String(),
		Thumbprint: hex.EncodeToString(sum[:]),
		NotBefore:  leaf.NotBefore.UTC(),
		NotAfter:   leaf.NotAfter.UTC(),
	}, nil
}

func checkClientLeaf(leaf *x509.Certificate, now time.Time) error {
	eku := len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) > 0
	switch {
	case now.After(leaf.NotAfter):
		return &Error{Code: CodeCredentialExpired, Msg: fmt.Sprintf("the client certificate in %s expired on %s; replace it", memberCertificate, leaf.NotAfter.UTC().Format(time.DateOnly))}
	case now.Before(leaf.NotBefore):
		return notYetValid(leaf.NotBefore, now)
	case eku && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth) && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny):
		return badCertificate("is not for TLS clients: its extended key usage lacks clientAuth", nil)
	case leaf.KeyUsage != 0 && leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return badCertificate("is not for TLS clients: its key usage lacks digitalSignature", nil)
	}
	return nil
}

// notYetValid returns the fault of a certificate that is valid from then on. It
// is tried again when that time has come, where it is near, and else at the
// regular interval.
func notYetValid(then, now time.Time) *Error {
	e := badCertificate(fmt.Sprintf("is valid only from %s on; wait, or check the clock of this service", then.UTC().Format(time.RFC3339)), nil)
	e.Retry = RetryNever
	if wait := then.Sub(now); wait <= MaxRetryAfter {
		e.Retry, e.RetryAfter = RetryBackOff, wait
	}
	return e
}

// pickLeaf returns the certificate that belongs to key, and the others. Files
// of some tools put the CA first.
func pickLeaf(key crypto.PrivateKey, certs []*x509.Certificate) (*x509.Certificate, []*x509.Certificate, error) {
	var public interface{ Equal(crypto.PublicKey) bool }
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if k.N.BitLen() > maxRSABits {
			return nil, nil, badCertificate(fmt.Sprintf("holds an RSA key of %d bits; %d is the most", k.N.BitLen(), maxRSABits), nil)
		}
		public = &k.PublicKey
	case *ecdsa.PrivateKey:
		public = &k.PublicKey
	case ed25519.PrivateKey:
		public, _ = k.Public().(ed25519.PublicKey)
	default:
		return nil, nil, badCertificate("holds a key that TLS clients cannot use; use RSA or ECDSA", nil)
	}
	i := slices.IndexFunc(certs, func(c *x509.Certificate) bool { return public.Equal(c.PublicKey) })
	if i < 0 {
		return nil, nil, badCertificate("holds a private key and certificates, but none of them belongs to the key", nil)
	}
	return certs[i], slices.Delete(slices.Clone(certs), i, i+1), nil
}

// badCertificate returns the fault of a file whose predicate is what.
func badCertificate(what string, cause error) *Error {
	return &Error{Code: CodeCredentialInvalid, Msg: memberCertificate + " " + what, Err: cause}
}
