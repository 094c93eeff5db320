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

// chooseRoot decides which of the CA's roots is the trusted one. Where an admin
// has named one, or an earlier sync took one, another is never taken in its
// stead: that is trust_change_pending until an admin sets
// trustedRootCertificate. Several roots without a choice are root_ambiguous.
func chooseRoot(list []provider.Authority, current []byte) (*x509.Certificate, error) {
	candidates := distinctRoots(list)
	if len(current) > 0 {
		trusted, err := parseRoot(current)
		if err != nil {
			return nil, checkTrustedRoot(current)
		}
		for _, c := range candidates {
			if bytes.Equal(c.Raw, trusted.Raw) {
				return c, nil
			}
		}
		return trusted, &provider.Error{
			Code: provider.CodeTrustChangePending,
			Msg: "the CA no longer offers the trusted root " + describe(trusted) + " but " + describeAll(candidates) +
				"; compare it with the CA's publication, then set trustedRootCertificate to the root to be trusted",
		}
	}
	switch len(candidates) {
	case 0:
		return nil, &provider.Error{Code: provider.CodeRootInvalid, Msg: "the CA gave no root certificate; set trustedRootCertificate"}
	case 1:
		return candidates[0], nil
	default:
		return nil, &provider.Error{
			Code: provider.CodeRootAmbiguous,
			Msg:  "the CA has several roots: " + describeAll(candidates) + "; set trustedRootCertificate to one of them",
		}
	}
}

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

// seenAuthorities lists each certificate of the CA's chains once. trusted is
// the root that is in force; roots beside it wait for an admin.
func seenAuthorities(list []provider.Authority, trusted *x509.Certificate, now odata.DateTimeOffset) []Authority {
	var out []Authority
	index := make(map[ID]int)
	add := func(c *x509.Certificate, kind AuthorityKind, profiles []string) {
		if c == nil {
			return
		}
		a := newAuthority(c, kind, profiles, now)
		a.SubjectDN, a.IssuerDN = printable(a.SubjectDN), printable(a.IssuerDN)
		if kind == AuthorityRoot {
			a.State = rootState(c, trusted)
		}
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

func rootState(root, trusted *x509.Certificate) TrustState {
	switch {
	case trusted == nil:
		return TrustQuarantined
	case bytes.Equal(root.Raw, trusted.Raw):
		return TrustTrusted
	default:
		return TrustQuarantined
	}
}
