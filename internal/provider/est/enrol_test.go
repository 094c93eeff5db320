package est_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"testing"
	"time"

	casimest "cloudpki/internal/casim/est"
	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
)

// A server that puts a request before a person knows the same one again (RFC
// 7030, 4.2.3), and says when.
func TestApproval(t *testing.T) {
	s := newServer(t, nil, nil)
	s.ca.Hold(true)
	c := s.config()
	c.Credentials = provider.Credentials{UserName: s.ca.Login().User, Password: secret.NewString(s.ca.Login().Password)}
	by := open(t, c).(provider.Issuer)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "printer"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err = provider.Issue(t.Context(), by, provider.Request{CSR: csr, Pending: &provider.Pending{}})
		var e *provider.Error
		var p *provider.Pending
		if !errors.As(err, &e) || !errors.As(err, &p) || e.Code != provider.CodeApprovalPending || e.RetryAfter != casimest.PendingSeconds*time.Second {
			t.Fatalf("got %v", err)
		}
	}
	s.ca.Decide(true)
	_, err = provider.Issue(t.Context(), by, provider.Request{CSR: csr, Pending: &provider.Pending{}})
	if err != nil {
		t.Fatal(err)
	}
}
