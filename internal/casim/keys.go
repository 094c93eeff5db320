package casim

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"strconv"
	"time"

	pkcs12 "software.sslmate.com/src/go-pkcs12"
)

// A signer is a CA certificate with its key.
type signer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// authorities are all CAs of an account: the hierarchy that signs end
// entities, and the infrastructure that signs servers and RA certificates.
type authorities struct {
	Root, Intermediate, User, Device signer
	Server, RA                       signer

	Login Login // of the dialects that want a name and a password
}

// A Login is the account of a dialect that takes a name and a password, or an
// API key.
type Login struct {
	User     string
	Password string
	APIKey   string
}

// Login returns the CA's account.
func (c *CA) Login() Login {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.auth.Login
}

func newAuthorities(now time.Time) (*authorities, error) {
	a := &authorities{Login: Login{User: "operator", Password: rand.Text(), APIKey: rand.Text()}}
	if err := a.newHierarchy(now); err != nil {
		return nil, err
	}
	for _, n := range []struct {
		s    *signer
		name string
	}{{&a.Server, "Simulated Server CA"}, {&a.RA, "Simulated RA Intermediate CA"}} {
		var err error
		if *n.s, err = newSigner(n.name, now, signer{}); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (a *authorities) newHierarchy(now time.Time) error {
	var err error
	make := func(s *signer, name string, parent signer) {
		if err == nil {
			*s, err = newSigner(name, now, parent)
		}
	}
	make(&a.Root, "Simulated Root CA", signer{})
	make(&a.Intermediate, "Simulated Intermediate CA", a.Root)
	make(&a.User, "Simulated User CA", a.Intermediate)
	make(&a.Device, "Simulated Device CA", a.Root)
	return err
}

// newSigner makes a CA of 20 years under parent, or a root for the zero parent.
func newSigner(name string, now time.Time, parent signer) (signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return signer{}, fmt.Errorf("make key: %w", err)
	}
	tmpl, err := template(name, now.Add(-time.Hour), now.AddDate(20, 0, 0))
	if err != nil {
		return signer{}, err
	}
	tmpl.IsCA, tmpl.BasicConstraintsValid = true, true
	tmpl.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	if parent.cert == nil {
		parent = signer{tmpl, key}
	}
	cert, err := sign(tmpl, parent, key.Public())
	return signer{cert, key}, err
}

func template(cn string, notBefore, notAfter time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return nil, fmt.Errorf("make serial: %w", err)
	}
	return &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)),
		Subject:      pkix.Name{CommonName: cn, Organization: []string{"Simulated PKI"}},
		NotBefore:    notBefore,
		NotAfter:     notAfter,
	}, nil
}

func sign(tmpl *x509.Certificate, by signer, key crypto.PublicKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, tmpl, by.cert, key, by.key)
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", tmpl.Subject.CommonName, err)
	}
	return x509.ParseCertificate(der)
}

func (s signer) issueServer(hosts []string, now time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make key: %w", err)
	}
	tmpl, err := template(hosts[0], now.Add(-time.Hour), now.AddDate(1, 0, 0))
	if err != nil {
		return tls.Certificate{}, err
	}
	tmpl.KeyUsage, tmpl.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
		} else {
			tmpl.DNSNames = append(tmpl.DNSNames, h)
		}
	}
	cert, err := sign(tmpl, s, key.Public())
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}, nil
}

// IssueRA issues a client certificate of the RA CA and returns it, with its
// key and chain, as PKCS#12 under a random password. A negative validity makes
// one that has expired.
func (c *CA) IssueRA(cn string, validity time.Duration) (pfx []byte, password string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", fmt.Errorf("make key: %w", err)
	}
	return c.IssueRAFor(key, cn, validity)
}

// IssueRAFor is IssueRA for a given key, such as the RSA keys that the real
// service issues for.
func (c *CA) IssueRAFor(key crypto.Signer, cn string, validity time.Duration) (pfx []byte, password string, err error) {
	now := c.opts.Now()
	tmpl, err := template(cn, now.Add(min(validity, 0)-time.Hour), now.Add(validity))
	if err != nil {
		return nil, "", err
	}
	tmpl.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment // 0xa0, as the real ones
	tmpl.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	ra := c.auth.RA
	cert, err := sign(tmpl, ra, key.Public())
	if err != nil {
		return nil, "", err
	}
	password = rand.Text()
	pfx, err = pkcs12.Modern.Encode(key, cert, []*x509.Certificate{ra.cert}, password)
	if err != nil {
		return nil, "", fmt.Errorf("encode PKCS#12: %w", err)
	}
	return pfx, password, nil
}

func seatName(n int) string { return "seat-" + strconv.Itoa(n) + "@example.org" }
