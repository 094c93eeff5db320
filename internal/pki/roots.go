package pki

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"strings"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// checkTrustedRoot reports whether the root that an admin gave can be compared
// with what the CA says. It is stored whatever it is, so here it is told.
func checkTrustedRoot(given []byte) error {
	if len(given) == 0 {
		return nil
	}
	if _, err := parseRoot(given); err != nil {
		return &provider.Error{
			Code: provider.CodeRootInvalid,
			Msg:  "trustedRootCertificate is not an X.509 certificate; send the root as DER or PEM, or null to take the CA's",
			Err:  err,
		}
	}
	return nil
}

// parseRoot reads the one certificate in given, DER or PEM.
func parseRoot(given []byte) (*x509.Certificate, error) {
	list, err := provider.ParseCertificates(given)
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		return nil, fmt.Errorf("%d certificates where one is expected", len(list))
	}
	return list[0], nil
}

// distinctRoots returns what a CA offers as its roots, each once.
func distinctRoots(list []provider.Authority) []*x509.Certificate {
	var roots []*x509.Certificate
	seen := make(map[string]bool)
	for _, a := range list {
		if a.Root != nil && !seen[string(a.Root.Raw)] {
			seen[string(a.Root.Raw)] = true
			roots = append(roots, a.Root)
		}
	}
	return roots
}

// linksTo reports whether every authority of a CA that offers no root chains to
// root, which an admin has set. An expired chain still links.
func linksTo(list []provider.Authority, root *x509.Certificate) bool {
	for _, a := range list {
		bottom := a.Issuing
		if bottom == nil && len(a.Chain) > 0 {
			bottom = a.Chain[0]
		}
		if bottom == nil || provider.PathToRoot(bottom, []*x509.Certificate{root}, a.Chain) == nil {
			return false
		}
	}
	return len(list) > 0
}

// maxNamed bounds how many roots an error text names.
const maxNamed = 4

func describeAll(roots []*x509.Certificate) string {
	if len(roots) == 0 {
		return "none"
	}
	var names []string
	for i, r := range roots {
		if i == maxNamed {
			names = append(names, fmt.Sprintf("and %d more", len(roots)-i))
			break
		}
		names = append(names, describe(r))
	}
	return strings.Join(names, ", ")
}

func describe(c *x509.Certificate) string {
	const maxSubject = 80
	return fmt.Sprintf("'%s' (SHA-256 %s)", provider.Clean(c.Subject.String(), maxSubject), Thumbprint(c.Raw)[:16])
}

func contains(list []*x509.Certificate, c *x509.Certificate) bool {
	for _, other := range list {
		if bytes.Equal(other.Raw, c.Raw) {
			return true
		}
	}
	return false
}

// seenAuthorities lists each certificate of the CA's chains once, as
// discovered: what it is to be is decided inside the transaction that stores
// it.
func seenAuthorities(list []provider.Authority, now odata.DateTimeOffset) []Authority {
	var out []Authority
	index := make(map[ID]int)
	add := func(c *x509.Certificate, kind AuthorityKind, profiles []string) {
		if c == nil {
			return
		}
		a := newAuthority(c, kind, profiles, now)
		if i, ok := index[a.ID]; ok {
			out[i].ProfileIDs = append(out[i].ProfileIDs, profiles...)
			return
		}
		index[a.ID] = len(out)
		out = append(out, a)
	}
	for _, a := range list {
		add(a.Root, AuthorityRoot, nil)
		for _, c := range a.Chain {
			add(c, AuthorityIntermediate, nil)
		}
		add(a.Issuing, AuthorityIssuing, a.ProfileIDs)
	}
	return out
}
