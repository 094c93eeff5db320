// Package esttest starts a real EST server in the test's own process.
package esttest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/globalsign/est"
)

// The login of the server.
const (
	User     = "operator"
	Password = "canary-of-the-EST-password"
)

// A CA is an EST server with the CA behind it: a root, and one that issues.
type CA struct {
	Root, Issuing *x509.Certificate
	Server        tls.Certificate // for 127.0.0.1, signed by the issuing CA
	Handler       http.Handler    // the EST server, and the CA's list at /issuing.crl

	key     *ecdsa.PrivateKey // of the issuing CA
	revoked []x509.RevocationListEntry
}

// New makes a CA.
func New(tb testing.TB) *CA {
	tb.Helper()
	c := &CA{}
	var rootKey *ecdsa.PrivateKey
	c.Root, rootKey = authority(tb, "EST Root", nil, nil)
	c.Issuing, c.key = authority(tb, "EST Issuing", c.Root, rootKey)
	serverKey := newKey(tb)
	server, err := c.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "EST server"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, serverKey.Public())
	if err != nil {
		tb.Fatal(err)
	}
	c.Server = tls.Certificate{Certificate: [][]byte{server.Raw, c.Issuing.Raw}, PrivateKey: serverKey}
	router, err := est.NewRouter(&est.ServerConfig{CA: backend{c}, CheckBasicAuth: func(_ context.Context, _ *http.Request, _, user, password string) error {
		if user != User || password != Password {
			return errors.New("wrong password")
		}
		return nil
	}})
	if err != nil {
		tb.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", router)
	mux.HandleFunc("GET /issuing.crl", c.crl)
	c.Handler = mux
	return c
}

// Listen serves the CA until the test ends and returns host and port.
func (c *CA) Listen(tb testing.TB) string {
	tb.Helper()
	srv := httptest.NewUnstartedServer(c.Handler)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{c.Server}, ClientAuth: tls.RequestClientCert}
	srv.StartTLS()
	tb.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

// Enroll gets a certificate with the client of the same library.
func (c *CA) Enroll(tb testing.TB, address, name string) *x509.Certificate {
	tb.Helper()
	trusted := x509.NewCertPool()
	trusted.AddCert(c.Root)
	client := &est.Client{Host: address, ExplicitAnchor: trusted, Username: User, Password: Password}
	key := newKey(tb)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}}, key)
	if err != nil {
		tb.Fatal(err)
	}
	request, err := x509.ParseCertificateRequest(der)
	if err != nil {
		tb.Fatal(err)
	}
	cert, err := client.Enroll(tb.Context(), request)
	if err != nil {
		tb.Fatalf("enrol: %v", err)
	}
	return cert
}

// Revoke puts a certificate on the CA's list. It is called before the server is
// asked for it.
func (c *CA) Revoke(cert *x509.Certificate) {
	const superseded = 4 // RFC 5280, 5.3.1
	c.revoked = append(c.revoked, x509.RevocationListEntry{SerialNumber: cert.SerialNumber, RevocationTime: time.Now(), ReasonCode: superseded})
}

func (c *CA) crl(w http.ResponseWriter, _ *http.Request) {
	now := time.Now()
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: now.Add(-time.Minute), NextUpdate: now.Add(time.Hour), RevokedCertificateEntries: c.revoked,
	}, c.Issuing, c.key)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(der) // the client sees a cut answer
}

// sign issues a certificate of an hour.
func (c *CA) sign(template *x509.Certificate, public any) (*x509.Certificate, error) {
	return sign(template, public, c.Issuing, c.key)
}

func authority(tb testing.TB, name string, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	tb.Helper()
	key := newKey(tb)
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	if parent == nil {
		parent, parentKey = template, key
	}
	cert, err := sign(template, key.Public(), parent, parentKey)
	if err != nil {
		tb.Fatal(err)
	}
	return cert, key
}

func sign(template *x509.Certificate, public any, parent *x509.Certificate, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial.Add(serial, big.NewInt(1))
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}
