package symantec

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // roots of the platform's time sign themselves with it
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"cloudpki/internal/provider"
)

// maxChain bounds the intermediates of one CA: verification is work.
const maxChain = 8

// checkRoot accepts a CA certificate that names itself as its issuer and bears
// its own signature. SHA-1 is good enough for that one signature: what anchors
// trust is the key, and the platform's old roots have no other.
func checkRoot(c *x509.Certificate) error {
	if !c.BasicConstraintsValid || !c.IsCA {
		return errors.New("not a CA certificate")
	}
	if !bytes.Equal(c.RawSubject, c.RawIssuer) {
		return errors.New("issuer and subject differ")
	}
	if !provider.IsCheap(c) {
		return errors.New("the RSA key is too large")
	}
	if key, ok := c.PublicKey.(*rsa.PublicKey); ok && c.SignatureAlgorithm == x509.SHA1WithRSA {
		sum := sha1.Sum(c.RawTBSCertificate) //nolint:gosec // see above
		return rsa.VerifyPKCS1v15(key, crypto.SHA1, sum[:], c.Signature)
	}
	if err := c.CheckSignatureFrom(c); err != nil {
		return fmt.Errorf("check own signature: %w", err)
	}
	return nil
}

// link returns the certificates between issuing and root in the order of the
// chain, neither of the two included. The chain is checked at a moment when all
// of its certificates were valid: an expired one still tells who issued what.
func link(issuing *x509.Certificate, between []*x509.Certificate, root *x509.Certificate) ([]*x509.Certificate, error) {
	if len(between) > maxChain {
		return nil, fmt.Errorf("more than %d intermediates", maxChain)
	}
	if issuing.Equal(root) {
		return nil, nil
	}
	if !issuing.BasicConstraintsValid || !issuing.IsCA {
		return nil, errors.New("not a CA certificate")
	}
	roots, middle := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(root)
	for _, c := range append(slices.Clone(between), root) {
		if !provider.IsCheap(c) {
			return nil, errors.New("an RSA key is too large")
		}
	}
	for _, c := range between {
		middle.AddCert(c)
	}
	chains, err := issuing.Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: middle,
		CurrentTime:   sharedMoment(append(slices.Clone(between), issuing, root)),
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, fmt.Errorf("verify chain: %w", err)
	}
	return chains[0][1 : len(chains[0])-1], nil
}

// sharedMoment returns the latest beginning of validity.
func sharedMoment(certs []*x509.Certificate) time.Time {
	var t time.Time
	for _, c := range certs {
		if c.NotBefore.After(t) {
			t = c.NotBefore
		}
	}
	return t
}
