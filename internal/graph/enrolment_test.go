package graph_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"testing"
	"time"

	"cloudpki/internal/provider"
)

// issuing is a kind of CA that issues and revokes, and knows nothing else.
func issuing(now func() time.Time) provider.Kind {
	return provider.Kind{
		Name: "vault", Title: "A CA of the tests", Can: provider.Capabilities{Issue: true, Revoke: true},
		Validate: func(provider.Config) []provider.Problem { return nil },
		Open:     func(context.Context, provider.Config) (provider.Session, error) { return fakeSession{now}, nil },
	}
}

type fakeSession struct{ now func() time.Time }

func (fakeSession) Probe(context.Context) (provider.Probe, error)     { return provider.Probe{}, nil }
func (fakeSession) Close() error                                      { return nil }
func (fakeSession) Revoke(context.Context, provider.Revocation) error { return nil }
func (i fakeSession) Issue(_ context.Context, r provider.Request) (provider.Issued, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return provider.Issued{}, err
	}
	csr, err := x509.ParseCertificateRequest(r.CSR)
	if err != nil {
		return provider.Issued{}, err
	}
	if csr.Subject.CommonName == "waits" {
		return provider.Issued{}, provider.ApprovalPending(&provider.Pending{Reference: "7"}, 90*time.Second)
	}
	template := func(name string, ca bool) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: i.now(), NotAfter: i.now().AddDate(1, 0, 0), IsCA: ca, BasicConstraintsValid: ca}
	}
	root := template("root", true)
	var chain []*x509.Certificate
	for _, c := range []struct {
		template *x509.Certificate
		key      any
	}{{template(csr.Subject.CommonName, false), csr.PublicKey}, {root, key.Public()}} {
		der, err := x509.CreateCertificate(rand.Reader, c.template, root, c.key, key)
		if err != nil {
			return provider.Issued{}, err
		}
		parsed, err := x509.ParseCertificate(der)
		if err != nil {
			return provider.Issued{}, err
		}
		chain = append(chain, parsed)
	}
	return provider.Issued{Chain: chain}, nil
}

// A certificate is issued and revoked through the wire; both can be repeated,
// and both answers are as the document describes them.
func TestIssueAndRevoke(t *testing.T) {
	w := newWorld(t)
	w.create(`{"id":"ca","cloudPkiProvider":"vault","paused":true}`)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "device"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	j := newJudge(t, w)
	body := `{"certificateSigningRequest":"` + base64.StdEncoding.EncodeToString(csr) + `"}`
	var first string
	for range 2 {
		got := w.do("POST", set+"/ca/issueCertificate", body, "Idempotency-Key: one")
		if fault := j.check("POST", w.server.RouteOf(got.Request), got); got.StatusCode != http.StatusOK || fault != "" {
			t.Fatalf("%s: %s\n%s", got.Status, fault, got.body)
		}
		var issued struct {
			ID          string `json:"certificateId"`
			Certificate []byte
			Chain       [][]byte
		}
		if err := json.Unmarshal([]byte(got.body), &issued); err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(issued.Certificate)
		if err != nil || !key.PublicKey.Equal(leaf.PublicKey) || first == "" && len(issued.Chain) != 1 || first != "" && issued.ID != first {
			t.Errorf("%v, %d above it, id %s after %s", err, len(issued.Chain), issued.ID, first)
		}
		first = issued.ID
	}
	for range 2 {
		if got := w.do("POST", set+"/ca/certificates/"+first+"/revoke", `{"reason":"superseded"}`); got.StatusCode != http.StatusNoContent {
			t.Errorf("revoke: %s\n%s", got.Status, got.body)
		}
	}
	got := w.do("GET", set+"/ca/certificates/"+first, "").object(t)
	if got["status"] != "revoked" || got["revocationReason"] != float64(4) {
		t.Errorf("the certificate is %v for the reason %v, want revoked, 4", got["status"], got["revocationReason"])
	}
}

// A request that waits for approval is accepted, and the answer says when to ask
// again.
func TestIssueWaits(t *testing.T) {
	w := newWorld(t)
	w.create(`{"id":"ca","cloudPkiProvider":"vault","paused":true}`)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "waits"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	j := newJudge(t, w)
	body := `{"certificateSigningRequest":"` + base64.StdEncoding.EncodeToString(csr) + `"}`
	for range 2 {
		got := w.do("POST", set+"/ca/issueCertificate", body, "Idempotency-Key: one")
		if fault := j.check("POST", w.server.RouteOf(got.Request), got); got.StatusCode != http.StatusAccepted || got.Header.Get("Retry-After") != "90" || got.body != "" || fault != "" {
			t.Errorf("%s, Retry-After %q, %s\n%s", got.Status, got.Header.Get("Retry-After"), fault, got.body)
		}
	}
	if got := w.do("POST", set+"/ca/issueCertificate", body); got.StatusCode != http.StatusConflict {
		t.Errorf("without a key: %s\n%s", got.Status, got.body)
	}
}
