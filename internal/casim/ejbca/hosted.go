package ejbca

import (
	"crypto/x509"
	"hash/fnv"

	"cloudpki/internal/casim"
)

// A hostedCA is one CA of the installation, whoever signed it.
type hostedCA struct {
	id     int32
	name   string
	cert   *x509.Certificate
	above  []*x509.Certificate // leaf to root
	issuer string              // casim's name for it; "" for those that sign CAs alone
}

// chain returns the certificate and those above it; a root once.
func (c hostedCA) chain() []*x509.Certificate { return append([]*x509.Certificate{c.cert}, c.above...) }

// hosted returns the CAs, roots first.
func hosted(ca *casim.CA) []hostedCA {
	var out []hostedCA
	seen := map[string]bool{}
	add := func(cert *x509.Certificate, above []*x509.Certificate, issuer string) {
		if seen[string(cert.Raw)] {
			return
		}
		seen[string(cert.Raw)] = true
		out = append(out, hostedCA{idOf(cert.Subject.String()), cert.Subject.CommonName, cert, above, issuer})
	}
	for _, i := range ca.Issuers() {
		up := append(append([]*x509.Certificate{}, i.Chain...), i.Root)
		add(i.Root, nil, "")
		for k, c := range i.Chain {
			add(c, up[k+1:], "")
		}
		add(i.Issuing, up, i.ID)
	}
	return out
}

func byDN(ca *casim.CA, dn string) (hostedCA, bool) {
	for _, c := range hosted(ca) {
		if c.cert.Subject.String() == dn {
			return c, true
		}
	}
	return hostedCA{}, false
}

// idOf makes a number of a name, as EJBCA does with the hash of a CA's DN:
// negative ones are ordinary.
func idOf(name string) int32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // a hash takes everything
	return int32(h.Sum32())
}
