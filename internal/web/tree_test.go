package web

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"cloudpki/internal/pki"
)

// Of two roots with one name, an issuer stands below the one that has signed it.
func TestTreeOfSameNames(t *testing.T) {
	var list []pki.Authority
	issue := func(kind pki.AuthorityKind, name string, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		t.Helper()
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: noon.Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
		if parent == nil {
			parent, by = template, key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, pki.Authority{ID: pki.ID(pki.Thumbprint(der)), Kind: kind, DER: der, SubjectDN: c.Subject.String(), IssuerDN: c.Issuer.String()})
		return c, key
	}
	issue(pki.AuthorityRoot, "root", nil, nil)
	second, key := issue(pki.AuthorityRoot, "root", nil, nil)
	middle, middleKey := issue(pki.AuthorityIntermediate, "middle", second, key)
	issue(pki.AuthorityIssuing, "issuing", middle, middleKey)
	tops := treeOf(list)
	if len(tops) != 2 || len(tops[0].Issued) != 0 || len(tops[1].Issued) != 1 || len(tops[1].Issued[0].Issued) != 1 {
		t.Errorf("the tree is %+v", tops)
	}
}
