// Package pebbletest starts a real Pebble, the ACME server of Let's Encrypt for
// tests, in the test's own process.
package pebbletest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"golang.org/x/crypto/acme"
)

// A Server is Pebble at two addresses, which stay the same when it is started
// anew.
type Server struct {
	ACME       *httptest.Server // RFC 8555
	Management *httptest.Server // the port that tells roots and intermediates

	acme, management atomic.Pointer[http.Handler]
}

// Start starts Pebble. It sets the environment that Pebble reads, so that
// challenges are not validated and nothing is delayed.
func Start(t *testing.T) *Server {
	t.Helper()
	t.Setenv("PEBBLE_VA_ALWAYS_VALID", "1")
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	s := &Server{}
	s.Restart()
	s.ACME = httptest.NewTLSServer(current(&s.acme))
	s.Management = httptest.NewTLSServer(current(&s.management))
	t.Cleanup(s.ACME.Close)
	t.Cleanup(s.Management.Close)
	return s
}

func current(h *atomic.Pointer[http.Handler]) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*h.Load()).ServeHTTP(w, r) })
}

// Restart starts Pebble anew. As always, it makes a new root and a new
// intermediate.
func (s *Server) Restart() {
	quiet := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	const noAlternates, oneIntermediate = 0, 1
	authority := ca.New(quiet, store, "", "ecdsa", noAlternates, oneIntermediate, map[string]ca.Profile{"default": {Description: "default", ValidityPeriod: 7_776_000}})
	front := wfe.New(quiet, store, va.New(quiet, 5002, 5001, false, "", store), authority, nil, false, false, 1, 1)
	acmeHandler, management := front.Handler(), front.ManagementHandler()
	s.acme.Store(&acmeHandler)
	s.management.Store(&management)
}

// Issue gets a certificate by ACME.
func (s *Server) Issue(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	ctx := t.Context()
	client := &acme.Client{Key: newKey(t), DirectoryURL: s.ACME.URL + "/dir", HTTPClient: s.ACME.Client()}
	if _, err := client.Register(ctx, &acme.Account{}, acme.AcceptTOS); err != nil {
		t.Fatalf("register: %v", err)
	}
	order, err := client.AuthorizeOrder(ctx, acme.DomainIDs(name))
	if err != nil {
		t.Fatalf("order: %v", err)
	}
	for _, address := range order.AuthzURLs {
		authorize(t, client, address)
	}
	uri := order.URI
	if order, err = client.WaitOrder(ctx, uri); err != nil {
		t.Fatalf("await the order: %v", err)
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}}, newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	chain, _, err := client.CreateOrderCert(ctx, order.FinalizeURL, request, true)
	if err != nil { // Pebble answers «processing» without a Location, so the order's own address is asked
		if order, err = client.WaitOrder(ctx, uri); err != nil {
			t.Fatalf("await the certificate: %v", err)
		}
		if chain, err = client.FetchCert(ctx, order.CertURL, true); err != nil {
			t.Fatalf("fetch the certificate: %v", err)
		}
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

func authorize(t *testing.T, client *acme.Client, address string) {
	t.Helper()
	authorization, err := client.GetAuthorization(t.Context(), address)
	if err != nil {
		t.Fatalf("read authorization: %v", err)
	}
	for _, c := range authorization.Challenges {
		if c.Type != "http-01" {
			continue
		}
		if _, err := client.Accept(t.Context(), c); err != nil {
			t.Fatalf("accept challenge: %v", err)
		}
	}
	if _, err := client.WaitAuthorization(t.Context(), address); err != nil {
		t.Fatalf("await authorization: %v", err)
	}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
