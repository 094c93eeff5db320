package web_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"cloudpki/internal/casim"
	"cloudpki/internal/casim/vault"
	"cloudpki/internal/pki"
	"cloudpki/internal/secret"
)

// issue subscribes to a simulated Vault and has it issue a certificate. stop
// ends the Vault.
func (w *world) issue(id pki.ID) (cert pki.Certificate, stop func()) {
	w.t.Helper()
	ca, err := casim.New(casim.Options{Now: w.Now})
	must(w.t, err)
	server, err := ca.StartAs(w.t.Context(), "127.0.0.1:0", vault.Dialect())
	must(w.t, err)
	stop = func() { _ = server.Close() }
	w.t.Cleanup(stop)
	_, err = w.service.Create(w.t.Context(), tenantA, pki.Actor{Name: "setup"}, pki.Draft{
		ID: pki.Given(string(id)), Provider: pki.Given("vault"), ServiceURI: pki.Given(server.URL), ServerCAs: pki.Given(ca.ServerCAs()),
		Settings:    pki.Given([]pki.Setting{{Name: "role", Value: "device"}}),
		Credentials: pki.Given(pki.DraftCredentials{Password: pki.Given(secret.NewString(ca.Login().APIKey))}),
	}, nil)
	must(w.t, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(w.t, err)
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "printer"}}, key)
	must(w.t, err)
	issued, err := w.service.IssueCertificate(w.t.Context(), tenantA, pki.Actor{Name: "setup"}, id, pki.IssueDraft{CSR: csr}, nil)
	must(w.t, err)
	return issued.Certificate, stop
}

// A certificate has a page with all that is known of it and its PEM; who may
// write has its CA revoke it, with a reason and after a question.
func TestCertificate(t *testing.T) {
	w := newWorld(t)
	cert, _ := w.issue("vault")
	admin, reader, other := w.browser(), w.browser(), w.browser()
	admin.enter("admin", tenantA)
	may, foreign := reader.enter("reader", tenantA).field(t, "form_token"), other.enter("other", tenantB).field(t, "form_token")
	path := "/console/subscriptions/vault/certificates/" + string(cert.ID)
	if list := admin.get("/console/subscriptions/vault/certificates"); !strings.Contains(list.body, `<a href="`+path+`">`) {
		t.Errorf("the inventory has no link:\n%s", list.body)
	}
	p := admin.get(path)
	p.check(t)
	for _, want := range []string{"<h1>printer</h1>", ">valid<", cert.Serial, cert.SHA256, "ECDSA, P-256", "at vault", path + "/revoke", path + "/pem"} {
		if !strings.Contains(p.body, want) {
			t.Errorf("the page lacks %q:\n%s", want, p.body)
		}
	}
	file := reader.get(path + "/pem")
	if block, _ := pem.Decode([]byte(file.body)); block == nil || string(block.Bytes) != string(cert.DER) || !strings.HasPrefix(file.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("the PEM: %v\n%s", file.Header, file.body)
	}
	if p := reader.get(path); strings.Contains(p.body, "/revoke") {
		t.Error("the reader is offered the revocation")
	}
	if p := reader.do(http.MethodPost, path+"/revoke", url.Values{"form_token": {may}, "reason": {"superseded"}}); p.StatusCode != http.StatusForbidden {
		t.Errorf("the reader revokes: %s", p.Status)
	}
	if p := other.do(http.MethodPost, path+"/revoke", url.Values{"form_token": {foreign}, "reason": {"superseded"}}); p.StatusCode != http.StatusNotFound {
		t.Errorf("another tenant revokes: %s", p.Status)
	}
	if p := other.get(path + "/pem"); p.StatusCode != http.StatusNotFound {
		t.Errorf("another tenant reads: %s", p.Status)
	}
	asked := admin.get(path + "/revoke")
	asked.check(t)
	form := url.Values{"form_token": {asked.field(t, "form_token")}}
	if p := admin.do(http.MethodPost, path+"/revoke", form); p.StatusCode != http.StatusBadRequest {
		t.Errorf("no reason: %s", p.Status)
	}
	form.Set("reason", "keyCompromise")
	done := admin.do(http.MethodPost, path+"/revoke", form)
	if done.Request.URL.Path != path || !strings.Contains(done.body, ">revoked<") || !strings.Contains(done.body, "<dd>keyCompromise</dd>") || strings.Contains(done.body, "/revoke") {
		t.Errorf("after the revocation: %s\n%s", done.Request.URL, done.body)
	}
	got, err := w.service.Certificate(t.Context(), tenantA, "vault", cert.ID)
	must(t, err)
	if got.Status != pki.CertificateRevoked || got.Reason != 1 {
		t.Errorf("the inventory has %+v", got)
	}
	if p := admin.get(path + "/revoke"); p.StatusCode != http.StatusConflict {
		t.Errorf("revoking again is offered: %s", p.Status)
	}
}

// Where this service cannot ask the CA, nothing is offered; of a certificate
// that the CA has not given the page has what it told, and of the longest
// texts what there is room for.
func TestCertificateTold(t *testing.T) {
	w := newWorld(t)
	w.subscribeTo("alpha", "generic") // which publishes, and does nothing else
	w.stock(1)
	b := w.browser()
	token := b.enter("admin", tenantA).field(t, "form_token")
	path := alpha + "/certificates/" + string(pki.CertificateID(nil, "CN=issuing", "0000"))
	p := b.get(path)
	p.check(t)
	if !strings.Contains(p.body, "has not given it") || strings.Contains(p.body, "/revoke") || !strings.Contains(p.body, "Device-0000") {
		t.Errorf("the page:\n%s", p.body)
	}
	for name, status := range map[string]int{
		path + "/pem": http.StatusConflict, path + "/revoke": http.StatusConflict, alpha + "/certificates/none": http.StatusNotFound,
	} {
		if p := b.get(name); p.StatusCode != status {
			t.Errorf("%s: %s", name, p.Status)
		}
	}
	if p := b.do(http.MethodPost, path+"/revoke", url.Values{"form_token": {token}, "reason": {"superseded"}}); p.StatusCode != http.StatusConflict {
		t.Errorf("revoked all the same: %s", p.Status)
	}
}

// Where the CA does not answer, that is told, and the certificate stays as it was.
func TestRevocationFails(t *testing.T) {
	w := newWorld(t)
	cert, stop := w.issue("vault")
	stop()
	b := w.browser()
	token := b.enter("admin", tenantA).field(t, "form_token")
	path := "/console/subscriptions/vault/certificates/" + string(cert.ID)
	p := b.do(http.MethodPost, path+"/revoke", url.Values{"form_token": {token}, "reason": {"superseded"}})
	p.check(t)
	if p.StatusCode != http.StatusBadGateway || !strings.Contains(p.body, "The CA did not do it") {
		t.Errorf("%s\n%s", p.Status, p.body)
	}
	if p := b.get(path); !strings.Contains(p.body, ">valid<") {
		t.Errorf("the certificate:\n%s", p.body)
	}
}
