package published

import (
	"bytes"
	"crypto/x509"
	"slices"

	"cloudpki/internal/provider"
)

// The bounds of the search for a path: hostile files hold many certificates of
// one name, and each may have signed the other.
const (
	maxDepth  = 8
	maxChecks = 2000 // of signatures
)

// Arrange puts the certificates of one CA in order: one authority for each CA
// certificate that a root signed, with the path between. A root that signed
// none of them has an authority of its own, as it may issue by itself.
//
// A certificate for a key that another certificate has too, under the same
// name, is a cross-certificate, such as the OldWithNew and NewWithOld of RFC
// 4210, 4.4: nothing is issued under it that is not issued under the other, and
// it stands in the chain of an authority without an issuer, so that a root's
// successor can be told by it.
//
// Where there are no roots at all, as when the CA leaves out what its clients
// must know already, the authorities are those without a root. Certificates of
// end entities are passed over. What leads to none of the roots is in stray.
func Arrange(certs []*x509.Certificate, isRoot func(*x509.Certificate) bool) (list []provider.Authority, stray []*x509.Certificate) {
	var roots, rest []*x509.Certificate
	for _, c := range Distinct(certs) {
		switch {
		case isRoot(c):
			roots = append(roots, c)
		case c.IsCA && !provider.IsRoot(c):
			rest = append(rest, c)
		}
	}
	used := make(map[*x509.Certificate]bool)
	up := climber{roots: roots, rest: rest, left: maxChecks}
	for _, c := range rest {
		chain, root := up.climb(c)
		cross := crosses(c, roots, rest)
		switch {
		case root == nil && len(roots) > 0 && !cross:
			stray = append(stray, c)
		case cross:
			list = append(list, provider.Authority{Chain: append([]*x509.Certificate{c}, chain...), Root: root})
		default:
			used[root] = true
			list = append(list, provider.Authority{Issuing: c, Chain: chain, Root: root})
		}
	}
	for _, r := range roots {
		if !used[r] {
			list = append(list, provider.Authority{Root: r})
		}
	}
	return list, stray
}

// crosses reports whether c is a cross-certificate beside a root, or beside an
// earlier one of rest.
func crosses(c *x509.Certificate, roots, rest []*x509.Certificate) bool {
	if bytes.Equal(c.RawIssuer, c.RawSubject) {
		return true // self-issued: the CA's own key rollover (RFC 5280, 3.2)
	}
	same := func(o *x509.Certificate) bool {
		return o != c && bytes.Equal(o.RawSubject, c.RawSubject) && bytes.Equal(o.RawSubjectPublicKeyInfo, c.RawSubjectPublicKeyInfo)
	}
	return slices.ContainsFunc(roots, same) || slices.ContainsFunc(rest[:slices.Index(rest, c)], same)
}

// A climber looks for the paths above certificates.
type climber struct {
	roots, rest []*x509.Certificate
	left        int // checks of signatures
}

// climb returns the certificates above c, and the root above those; nil where
// no root is reached within the bounds.
func (u *climber) climb(c *x509.Certificate) (chain []*x509.Certificate, root *x509.Certificate) {
	path := []*x509.Certificate{c}
	for range maxDepth {
		if root = u.signer(path, u.roots); root != nil {
			break
		}
		next := u.signer(path, u.rest)
		if next == nil {
			break
		}
		path = append(path, next)
	}
	return path[1:], root
}

// signer returns the first of candidates that signed the last certificate of
// path and is not in it already.
func (u *climber) signer(path, candidates []*x509.Certificate) *x509.Certificate {
	last := path[len(path)-1]
	for _, p := range candidates {
		if !bytes.Equal(last.RawIssuer, p.RawSubject) || slices.Contains(path, p) || !provider.IsCheap(p) || u.left == 0 {
			continue
		}
		if u.left--; last.CheckSignatureFrom(p) == nil {
			return p
		}
	}
	return nil
}
