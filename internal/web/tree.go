package web

import (
	"crypto/x509"

	"cloudpki/internal/pki"
)

// maxVerified bounds the signatures that the making of one tree verifies: a CA
// may give all that it has the same name.
const maxVerified = 200

// An authorityNode is a CA certificate with those that it has issued.
type authorityNode struct {
	Authority pki.Authority
	Name      string
	Kind      string
	State     health
	Issued    []authorityNode
}

// A tree is being made of authorities.
type tree struct {
	list   []pki.Authority
	placed map[pki.ID]bool
	issuer map[pki.ID]pki.ID // by whose key an authority is signed, where several have the name of its issuer
}

// treeOf puts authorities below their issuers, as their names say, each once.
// Where several have the name of an issuer, as an old root and the new one may,
// the signature decides. Those whose issuer was not met stand at the top.
func treeOf(list []pki.Authority) []authorityNode {
	met := make(map[string]bool, len(list))
	for _, a := range list {
		met[a.SubjectDN] = true
	}
	t := tree{list: list, placed: make(map[pki.ID]bool, len(list)), issuer: issuersOf(list)}
	var tops []authorityNode
	top := func(stands func(*pki.Authority) bool) {
		for i := range list {
			if a := &list[i]; !t.placed[a.ID] && stands(a) {
				tops = append(tops, t.grow(a))
			}
		}
	}
	top(func(a *pki.Authority) bool {
		return a.Kind == pki.AuthorityRoot || a.IssuerDN == a.SubjectDN || !met[a.IssuerDN]
	})
	top(func(*pki.Authority) bool { return true }) // those that have issued each other
	return tops
}

// grow returns a with what it has issued and is not placed yet.
func (t *tree) grow(a *pki.Authority) authorityNode {
	t.placed[a.ID] = true
	n := authorityNode{Authority: *a, Name: clip(a.SubjectDN, maxShownName), Kind: kindWords(a.Kind), State: stateHealth(a)}
	for i := range t.list {
		b := &t.list[i]
		if b.Kind == pki.AuthorityRoot || b.IssuerDN != a.SubjectDN || t.placed[b.ID] {
			continue
		}
		if by, known := t.issuer[b.ID]; !known || by == a.ID {
			n.Issued = append(n.Issued, t.grow(b))
		}
	}
	return n
}

// issuersOf returns whose key has signed what several may have issued by their
// names. What cannot be read or verified is left out.
func issuersOf(list []pki.Authority) map[pki.ID]pki.ID {
	named := make(map[string][]pki.ID, len(list))
	read := make(map[pki.ID]*x509.Certificate, len(list))
	for i := range list {
		a := &list[i]
		if c, err := x509.ParseCertificate(a.DER); err == nil {
			named[a.SubjectDN], read[a.ID] = append(named[a.SubjectDN], a.ID), c
		}
	}
	found := make(map[pki.ID]pki.ID)
	left := maxVerified
	for i := range list {
		b := &list[i]
		c, candidates := read[b.ID], named[b.IssuerDN]
		if c == nil || len(candidates) < 2 {
			continue
		}
		for _, id := range candidates[:min(len(candidates), left)] {
			left--
			if read[id].CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil {
				found[b.ID] = id
				break
			}
		}
	}
	return found
}
