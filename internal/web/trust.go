package web

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"

	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

func kindWords(k pki.AuthorityKind) string {
	switch k {
	case pki.AuthorityRoot:
		return "Root"
	case pki.AuthorityIntermediate:
		return "Intermediate CA"
	case pki.AuthorityIssuing:
	}
	return "Issuing CA"
}

// stateHealth says how a root is trusted; other authorities are not decided on.
func stateHealth(a *pki.Authority) health {
	if a.Kind != pki.AuthorityRoot {
		return health{}
	}
	switch a.State {
	case pki.TrustTrusted:
		return health{"trusted", "good"}
	case pki.TrustQuarantined:
		return health{"waits for a decision", "warn"}
	case pki.TrustRetiring:
		return health{"retiring, still distributed", "idle"}
	case pki.TrustRemoved:
		return health{"removed", "idle"}
	case pki.TrustDiscovered:
	}
	return health{"seen at the CA", "idle"}
}

func rootsOf(list []pki.Authority) []pki.Authority {
	return slices.DeleteFunc(slices.Clone(list), func(a pki.Authority) bool { return a.Kind != pki.AuthorityRoot })
}

// A trustChange is a root that waits for a decision, held against the one in force.
type trustChange struct {
	Offered pki.Authority
	Rows    []comparison
	First   bool // there is no root in force
}

// A comparison is a line of what differs.
type comparison struct {
	What      string
	Now, Then string
	Differs   bool
}

// changesOf returns the roots that wait for a decision: those that are
// quarantined and, where a sync has failed for the CA's going back to a retiring
// root, those that retire.
func changesOf(sub *pki.Subscription, list []pki.Authority, code provider.Code) []trustChange {
	waits := func(s pki.TrustState) bool {
		return s == pki.TrustQuarantined || s == pki.TrustRetiring && code == provider.CodeTrustChangePending
	}
	var current []string
	if root, err := x509.ParseCertificate(sub.TrustedRoot); err == nil {
		current = describe(root)
	}
	var changes []trustChange
	for _, a := range list {
		if a.Kind != pki.AuthorityRoot || !waits(a.State) {
			continue
		}
		root, err := x509.ParseCertificate(a.DER)
		if err != nil {
			continue // none of those that a sync has met: they were read before they were kept
		}
		c := trustChange{Offered: a, First: current == nil}
		for i, then := range describe(root) {
			row := comparison{What: described()[i], Then: clip(then, maxFullName)}
			if current != nil {
				row.Now, row.Differs = clip(current[i], maxFullName), current[i] != then
			}
			c.Rows = append(c.Rows, row)
		}
		changes = append(changes, c)
	}
	return changes
}

// described names what describe tells.
func described() []string {
	return []string{"Subject", "Issuer", "Serial number", "Valid from", "Valid until", "Key", "Signature", "SHA-256"}
}

func describe(c *x509.Certificate) []string {
	return []string{
		c.Subject.String(), c.Issuer.String(), c.SerialNumber.Text(16), showDate(c.NotBefore), showDate(c.NotAfter),
		keyWords(c), c.SignatureAlgorithm.String(), pki.Thumbprint(c.Raw),
	}
}

func keyWords(c *x509.Certificate) string {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA, %d bits", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA, " + k.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return c.PublicKeyAlgorithm.String()
}
