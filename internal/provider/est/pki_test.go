package est_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"
)

// A rollover is a CA in the middle of the change of its root: the old and the
// new one have the same name, and each has signed the other (RFC 4210, 4.4).
type rollover struct {
	old, root, oldWithNew, newWithOld *x509.Certificate
	issuing, leaf                     *x509.Certificate
	server                            tls.Certificate // for 127.0.0.1, under the new root
}

func newPKI(t *testing.T) *rollover {
	t.Helper()
	oldKey, newKey, issuingKey, serverKey := makeKey(t), makeKey(t), makeKey(t), makeKey(t)
	p := &rollover{}
	p.old = sign(t, authority("Root"), nil, oldKey, oldKey)
	p.root = sign(t, authority("Root"), nil, newKey, newKey)
	p.oldWithNew = sign(t, authority("Root"), p.root, oldKey, newKey)
	p.newWithOld = sign(t, authority("Root"), p.old, newKey, oldKey)
	p.issuing = sign(t, authority("Issuing"), p.root, issuingKey, newKey)
	p.leaf = sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "EST server"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, p.issuing, serverKey, issuingKey)
	p.server = tls.Certificate{Certificate: [][]byte{p.leaf.Raw, p.issuing.Raw}, PrivateKey: serverKey}
	return p
}

// cacerts answers with all certificates of the CA.
func (p *rollover) cacerts(w http.ResponseWriter, r *http.Request) {
	p.answer(p.issuing, p.root, p.old, p.newWithOld, p.oldWithNew)(w, r)
}

func (p *rollover) answer(certs ...*x509.Certificate) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		var der []byte
		for _, c := range certs {
			der = append(der, c.Raw...)
		}
		if p7, err := pkcs7.DegenerateCertificate(der); err == nil {
			_, _ = w.Write([]byte(base64.StdEncoding.EncodeToString(p7)))
		}
	}
}

func authority(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

// sign makes a certificate of key, signed by parent's key by; nil signs itself.
func sign(t *testing.T, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.NotBefore, template.NotAfter = serial, time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func makeKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
