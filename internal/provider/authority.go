package provider

import (
	"crypto/x509"
	"errors"
	"slices"
)

// maxAuthorityCertificates bounds the certificates among which a chain is
// looked for: checking signatures is work.
const maxAuthorityCertificates = 64

// NewAuthority returns the authority that issues with issuing, its chain found
// by name and signature among others: CA certificates in any order, which may
// repeat and may hold issuing itself. Root stays nil where others hold no root
// at all. That there are roots and none of them is issuing's is an error.
func NewAuthority(issuing *x509.Certificate, others []*x509.Certificate) (Authority, error) {
	a := Authority{Issuing: issuing}
	var roots, between []*x509.Certificate
	if !issuing.IsCA {
		return a, errors.New("the issuing certificate is not one of a CA")
	}
	if len(others) > maxAuthorityCertificates {
		return a, errors.New("too many certificates for one chain")
	}
	for _, c := range append(slices.Clone(others), issuing) {
		if IsRoot(c) {
			roots = append(roots, c)
		} else if c.IsCA {
			between = append(between, c)
		}
	}
	if len(roots) == 0 {
		return a, nil
	}
	path := PathToRoot(issuing, roots, between)
	if path == nil {
		return a, errors.New("the issuing certificate does not chain to any of the roots")
	}
	a.Chain, a.Root = path[:len(path)-1], path[len(path)-1]
	return a, nil
}
