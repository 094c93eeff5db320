package ejbca_test

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
	"cloudpki/internal/provider"
)

// A request that EJBCA puts before a person is told as that, and as one that it
// cannot be asked for.
func TestApproval(t *testing.T) {
	w, _ := newWorld(t, 1, casim.Options{})
	c := serve(t, w)
	c.Credentials = w.credentials(t)
	c.Settings = map[string]string{"issueCa": "CA", "issueEndEntityProfile": "DEVICES", "issueCertificateProfile": "ENDUSER"}
	s := open(t, c)
	f := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusAccepted)
		_, _ = rw.Write([]byte(`{"error_code":202,"error_message":"The request waits for approval"}`))
	})
	w.answer.Store(&f)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "printer"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	_, err = provider.Issue(t.Context(), s.(provider.Issuer), provider.Request{CSR: csr})
	wantFault(t, err, provider.CodeApprovalPending, provider.RetryNever, "approved it there")
	if p := new(provider.Pending); errors.As(err, &p) {
		t.Errorf("it can be asked for as %+v", p)
	}
}
