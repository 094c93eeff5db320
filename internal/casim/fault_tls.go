package casim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"time"
)

func refuseClient(tls.ConnectionState) error {
	return errors.New("no client certificate is good enough")
}

// versions speaks one version of TLS alone.
func versions(v uint16) func(*CA, *tls.Config) (*tls.Config, error) {
	return func(_ *CA, conf *tls.Config) (*tls.Config, error) {
		conf.MinVersion, conf.MaxVersion = v, v
		return conf, nil
	}
}

// A serverCert says what is wrong with a server's certificate.
type serverCert struct {
	host                            string        // "" is the CA's own
	from, to                        time.Duration // from now; zero is an hour ago and a day
	selfSigned, otherCA, forClients bool
}

// presents shows a server's certificate that is wrong.
func presents(wrong serverCert) func(*CA, *tls.Config) (*tls.Config, error) {
	return func(c *CA, conf *tls.Config) (*tls.Config, error) {
		cert, err := wrong.make(c)
		if err != nil {
			return nil, err
		}
		conf.Certificates = []tls.Certificate{cert}
		return conf, nil
	}
}

func (wrong serverCert) make(c *CA) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	if wrong.to == 0 {
		wrong.from, wrong.to = -time.Hour, 24*time.Hour
	}
	tmpl, err := template("localhost", c.opts.Now().Add(wrong.from), c.opts.Now().Add(wrong.to))
	if err != nil {
		return tls.Certificate{}, err
	}
	tmpl.KeyUsage, tmpl.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if wrong.forClients {
		tmpl.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	tmpl.DNSNames, tmpl.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	if wrong.host != "" {
		tmpl.DNSNames, tmpl.IPAddresses = []string{wrong.host}, nil
	}
	by, err := wrong.signer(c, tmpl, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	cert, err := sign(tmpl, by, key.Public())
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}, nil
}

// signer returns who signs. The CA that signs servers never changes, so no lock
// is needed, which the handshake has not.
func (wrong serverCert) signer(c *CA, tmpl *x509.Certificate, key *ecdsa.PrivateKey) (signer, error) {
	switch {
	case wrong.selfSigned:
		return signer{tmpl, key}, nil
	case wrong.otherCA:
		return newSigner("Unknown Server CA", c.opts.Now(), signer{})
	default:
		return c.serverCA, nil
	}
}
