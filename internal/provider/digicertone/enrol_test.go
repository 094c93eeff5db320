package digicertone_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net/http"
	"testing"

	"cloudpki/internal/casim"
	sim "cloudpki/internal/casim/digicertone"
	"cloudpki/internal/provider"
)

// A request that the API accepts without a certificate waits for a person, and
// cannot be asked for.
func TestApproval(t *testing.T) {
	ca, err := casim.New(casim.Options{})
	must(t, err)
	honest, waits := keyless(ca), says(http.StatusAccepted, `{}`)
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			waits.ServeHTTP(w, r)
			return
		}
		honest.ServeHTTP(w, r)
	}), map[string]string{"profileIds": sim.ProfileUser})
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "printer"}}, key)
	must(t, err)
	_, err = provider.Issue(t.Context(), s.(provider.Issuer), provider.Request{CSR: csr})
	var e *provider.Error
	if p := new(provider.Pending); !errors.As(err, &e) || e.Code != provider.CodeApprovalPending || errors.As(err, &p) {
		t.Errorf("got %v, want %s", err, provider.CodeApprovalPending)
	}
}
