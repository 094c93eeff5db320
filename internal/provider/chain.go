package provider

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"
)

// maxChainChecks bounds the signatures that are checked to find a chain: a
// hostile file can hold thousands of certificates of one name.
const maxChainChecks = 32

// chain returns the DER of leaf and of the certificates that lead up from it,
// each followed by the one that signed it, as TLS wants them (RFC 5246, 7.4.2).
// The self-signed root is left out, as the server has its own, and so is
// everything in others that does not belong to the chain.
func chain(leaf *x509.Certificate, others []*x509.Certificate) [][]byte {
	der := [][]byte{leaf.Raw}
	checks := 0
	signed := func(parent, child *x509.Certificate) bool {
		if checks >= maxChainChecks || !bytes.Equal(parent.RawSubject, child.RawIssuer) {
			return false
		}
		checks++
		return hasSigned(parent, child)
	}
	others = slices.Clone(others)
	for c := leaf; !signed(c, c); {
		i := slices.IndexFunc(others, func(p *x509.Certificate) bool { return signed(p, c) })
		if i < 0 || signed(others[i], others[i]) {
			break
		}
		c = others[i]
		others = slices.Delete(others, i, i+1) // so that none comes twice
		der = append(der, c.Raw)
	}
	return der
}

// hasSigned reports whether parent signed child. A signature over SHA-1, which
// is not checked any more, counts: the server judges it.
func hasSigned(parent, child *x509.Certificate) bool {
	if !IsCheap(parent) {
		return false
	}
	err := child.CheckSignatureFrom(parent)
	var insecure x509.InsecureAlgorithmError
	return err == nil || errors.As(err, &insecure)
}
