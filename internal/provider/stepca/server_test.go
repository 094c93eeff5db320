package stepca_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/stepca"
)

// An issuer is a CA certificate with its key.
type issuer struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// newIssuer returns a CA of the given name signed by parent, or by itself.
func newIssuer(t testing.TB, name string, parent *issuer) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	self := &issuer{template, key}
	if parent == nil {
		parent = self
	}
	self.cert = parent.sign(t, template, key.Public())
	return self
}

func (i *issuer) sign(t testing.TB, template *x509.Certificate, public crypto.PublicKey) *x509.Certificate {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = serial
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, i.cert, public, i.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// leaf returns a certificate for a server at 127.0.0.1.
func (i *issuer) leaf(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := i.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Step Online CA"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, KeyUsage: x509.KeyUsageDigitalSignature,
	}, key.Public())
	return tls.Certificate{Certificate: [][]byte{cert.Raw, i.cert.Raw}, PrivateKey: key}
}

// crl returns a list signed by i.
func (i *issuer) crl(t testing.TB, list x509.RevocationList) []byte {
	t.Helper()
	list.Number = big.NewInt(1)
	if list.ThisUpdate.IsZero() {
		list.ThisUpdate, list.NextUpdate = time.Now(), time.Now().Add(24*time.Hour)
	}
	der, err := x509.CreateRevocationList(rand.Reader, &list, i.cert, i.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// A simulator answers as step-ca v0.30.2 does: lists with 201, errors as
// {"status", "message"}, unknown paths in plain text.
type simulator struct {
	root, intermediate *issuer
	handler            http.Handler
	tls                *tls.Config

	provisioners []map[string]any // as /provisioners lists them
	keys         map[string]*ecdsa.PublicKey

	mu      sync.Mutex
	revoked []x509.RevocationListEntry
	used    map[string]bool // tokens, by their jti
}

// newSimulator returns a CA with one root, one intermediate and no CRL. answers
// replaces what it says at a path.
func newSimulator(t testing.TB, answers map[string]http.HandlerFunc) *simulator {
	t.Helper()
	root := newIssuer(t, "Root", nil)
	s := &simulator{root: root, intermediate: newIssuer(t, "Intermediate", root), used: map[string]bool{}, keys: map[string]*ecdsa.PublicKey{}}
	s.provision(t, "ops", password)
	s.provision(t, "devices", password)
	all := map[string]http.HandlerFunc{
		"/health":          answer(http.StatusOK, map[string]string{"status": "ok"}),
		"/roots":           certificates(s.root),
		"/intermediates":   certificates(s.intermediate),
		"/crl":             func(w http.ResponseWriter, r *http.Request) { s.giveCRL(t, w, r) },
		"/provisioners":    s.giveProvisioners,
		"POST /1.0/sign":   func(w http.ResponseWriter, r *http.Request) { s.signs(t, w, r) },
		"POST /1.0/revoke": s.revokes,
		"/root/{sha}":      fault(http.StatusNotFound, "root certificate with fingerprint was not found"),
	}
	all["/root/"+fingerprint(root.cert)] = answer(http.StatusOK, map[string]string{"ca": encode(root.cert)})
	maps.Copy(all, answers)
	mux := http.NewServeMux()
	for path, h := range all {
		if !strings.Contains(path, " ") {
			path = "GET " + path
		}
		mux.HandleFunc(path, h)
	}
	s.handler = mux
	s.tls = &tls.Config{Certificates: []tls.Certificate{s.intermediate.leaf(t)}}
	return s
}

// A server is a simulator that listens.
type server struct {
	*httptest.Server
	*simulator
}

func newServer(t testing.TB, answers map[string]http.HandlerFunc) *server {
	t.Helper()
	ca := newSimulator(t, answers)
	srv := httptest.NewUnstartedServer(ca.handler)
	srv.TLS = ca.tls
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are expected
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return &server{srv, ca}
}

func answer(status int, v any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Request-Id", "req-1")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v) // the client sees a cut answer
	}
}

func fault(status int, message string) http.HandlerFunc {
	return answer(status, map[string]any{"status": status, "message": message})
}

func certificates(issuers ...*issuer) http.HandlerFunc {
	list := []string{}
	for _, i := range issuers {
		list = append(list, encode(i.cert))
	}
	return answer(http.StatusCreated, map[string]any{"crts": list})
}

func raw(status int, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write(body) // the client sees a cut answer
	}
}

func encode(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// config returns a configuration that pins the server's root.
func (s *server) config() provider.Config {
	return provider.Config{
		ServiceURI: s.URL,
		Settings:   map[string]string{"rootFingerprint": fingerprint(s.root.cert)},
		Transport:  provider.NewTransport(provider.TransportOptions{Allow: loopback()}),
		Now:        time.Now,
	}
}

// A session is all that a session of step-ca can do.
type session interface {
	provider.Session
	provider.RootSource
	provider.RevocationSource
	provider.Issuer
	provider.Revoker
}

func (s *server) open(t testing.TB) session {
	t.Helper()
	opened, err := stepca.Kind().Open(t.Context(), s.config())
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	full, ok := opened.(session)
	if !ok {
		t.Fatalf("%T lacks a capability that its kind declares", opened)
	}
	return full
}

func loopback() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }
