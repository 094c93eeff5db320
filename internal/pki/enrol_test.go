package pki_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/casim"
	"cloudpki/internal/casim/vault"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/secret"
)

// startVault brings up a simulated Vault and subscribes to it.
func (w *world) startVault() pki.Subscription {
	w.t.Helper()
	ca, err := casim.New(casim.Options{Now: w.clock})
	w.must(err)
	server, err := ca.StartAs(w.t.Context(), "127.0.0.1:0", vault.Dialect())
	w.must(err)
	w.t.Cleanup(func() { _ = server.Close() })
	w.ca, w.uri = ca, server.URL
	return w.create(pki.Draft{
		Provider: pki.Given("vault"), ServiceURI: pki.Given(w.uri), ServerCAs: pki.Given(ca.ServerCAs()),
		Settings:    pki.Given([]pki.Setting{{Name: "role", Value: "device"}}),
		Credentials: pki.Given(pki.DraftCredentials{Password: pki.Given(secret.NewString(ca.Login().APIKey))}),
	})
}

func (w *world) csr() []byte {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "printer"}}, key)
	w.must(err)
	return der
}

func (w *world) issue(id pki.ID, csr []byte, key string) (pki.IssuedCertificate, error) {
	return w.service.IssueCertificate(w.t.Context(), tenant, pki.Actor{Client: "test", Name: "Ada"}, id, pki.IssueDraft{CSR: csr},
		&pki.ReplayKey{Client: "test", Key: key, Body: csr})
}

func (w *world) revoke(id, certificate pki.ID, reason int) error {
	return w.service.RevokeCertificate(w.t.Context(), tenant, pki.Actor{Client: "test", Name: "Ada"}, id, certificate, reason)
}

// told returns the audit trail of an activity.
func (w *world) told(activity string) []pki.AuditEvent {
	w.t.Helper()
	page, err := w.service.AuditEvents(w.t.Context(), tenant, odata.Query{Top: 100})
	w.must(err)
	var list []pki.AuditEvent
	for _, e := range page.Items {
		if e.Activity == activity {
			list = append(list, e)
		}
	}
	return list
}

// What is issued is in the inventory at once, stays there through syncs, and is
// asked for once, however often the request comes.
func TestCertificateIsIssuedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.startVault()
	csr := w.csr()
	first, err := w.issue(sub.ID, csr, "one")
	w.must(err)
	leaf, err := x509.ParseCertificate(first.Certificate.DER)
	w.must(err)
	if len(first.Chain) != 2 || !bytes.Equal(first.Chain[1], w.ca.Root().Raw) || leaf.Subject.CommonName != "printer" {
		t.Errorf("%s with %d above it, want printer below an issuer and the root", leaf.Subject, len(first.Chain))
	}
	cert, err := w.service.Certificate(t.Context(), tenant, sub.ID, first.Certificate.ID)
	w.must(err)
	if cert.Status != pki.CertificateValid || cert.FirstProvider == 0 {
		t.Errorf("the inventory has %+v", cert)
	}
	for range 2 {
		w.now = w.now.Add(7 * time.Hour)
		for _, run := range w.syncDue() {
			if run.Error != "" || run.Counts.New != 0 || run.Counts.Missing != 0 {
				t.Errorf("the sync: %s, %+v; want nothing new and nothing missing", run.Error, run.Counts)
			}
		}
	}
	again, err := w.issue(sub.ID, csr, "one")
	w.must(err)
	if !bytes.Equal(again.Certificate.DER, first.Certificate.DER) || len(again.Chain) != 2 || !bytes.Equal(again.Chain[1], first.Chain[1]) || len(w.ca.Certificates()) != 1 {
		t.Errorf("the repetition: %s with %d above it, and %d issued; want the first answer", again.Certificate.Serial, len(again.Chain), len(w.ca.Certificates()))
	}
	if _, err := w.issue(sub.ID, w.csr(), "one"); pki.CodeOf(err) != pki.CodeReplayMismatch {
		t.Errorf("another request with the same key: %v", err)
	}
	if asked, issued := w.told(pki.ActivityRequest), w.told(pki.ActivityIssue); len(asked) != 1 || len(issued) != 1 ||
		issued[0].Actor.Name != "Ada" || !strings.Contains(issued[0].Reason, cert.Serial) || issued[0].Object != sub.ID {
		t.Errorf("the audit trail: %+v and %+v", asked, issued)
	}
}

// A revocation is marked at once, told by the CA, and harmless to repeat.
func TestCertificateIsRevoked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.startVault()
	issued, err := w.issue(sub.ID, w.csr(), "one")
	w.must(err)
	for range 2 {
		w.must(w.revoke(sub.ID, issued.Certificate.ID, 1))
	}
	if c := w.ca.Certificates(); len(c) != 1 || c[0].Status != "REVOKED" {
		t.Errorf("the CA has %+v", c)
	}
	for range 2 {
		cert, err := w.service.Certificate(t.Context(), tenant, sub.ID, issued.Certificate.ID)
		w.must(err)
		if cert.Status != pki.CertificateRevoked || cert.RevokedAt.IsNever() {
			t.Errorf("the inventory has %+v", cert)
		}
		w.now = w.now.Add(7 * time.Hour)
		w.syncDue()
	}
	if events := w.told(pki.ActivityRevoke); len(events) != 1 || !strings.Contains(events[0].Reason, issued.Certificate.Serial) || !strings.Contains(events[0].Reason, "keyCompromise") {
		t.Errorf("the audit trail: %+v", events)
	}
}

// What cannot be done is told by whose it is to mend.
func TestEnrolmentIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.startVault()
	unknown := w.create(pki.Draft{})
	for name, c := range map[string]struct {
		id     pki.ID
		draft  pki.IssueDraft
		code   pki.Code
		target string
	}{
		"no request":      {sub.ID, pki.IssueDraft{CSR: []byte("none")}, pki.CodeInvalid, "certificateSigningRequest"},
		"unknown profile": {sub.ID, pki.IssueDraft{CSR: w.csr(), Profile: "no such role"}, pki.CodeInvalid, "profile"},
		"no subscription": {"none", pki.IssueDraft{CSR: w.csr()}, pki.CodeNotFound, ""},
		"no provider":     {unknown.ID, pki.IssueDraft{CSR: w.csr()}, pki.CodeNotSyncable, "cloudPkiProvider"},
	} {
		_, err := w.service.IssueCertificate(t.Context(), tenant, pki.Actor{}, c.id, c.draft, nil)
		var e *pki.Error
		if !errors.As(err, &e) || e.Code != c.code || e.Target != c.target {
			t.Errorf("%s: %v, want %s at %q", name, err, c.code, c.target)
		}
	}
	if err := w.revoke(sub.ID, "none", 0); pki.CodeOf(err) != pki.CodeNotFound {
		t.Errorf("a certificate that is not there: %v", err)
	}
}

// While it is not known whether the CA has issued, nobody asks it again; where
// it certainly has not, the request may be repeated.
func TestOutcomeThatIsNotKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.startVault()
	csr := w.csr()
	w.misbehave("unavailable")
	if _, err := w.issue(sub.ID, csr, "lost"); pki.CodeOf(err) != pki.CodeUpstream {
		t.Errorf("a CA that fails: %v", err)
	}
	w.ca.Misbehave(casim.Fault{})
	if _, err := w.issue(sub.ID, csr, "lost"); pki.CodeOf(err) != pki.CodeConflict {
		t.Errorf("the repetition: %v, want %s", err, pki.CodeConflict)
	}
	_, err := w.issue(sub.ID, csr, "another")
	w.must(err)
	wrong := w.update(sub.ID, pki.Draft{Settings: pki.Given([]pki.Setting{{Name: "role", Value: "none"}})})
	if _, err := w.issue(wrong.ID, csr, "refused"); pki.CodeOf(err) != pki.CodeInvalid {
		t.Errorf("a role that is not there: %v", err)
	}
	w.update(sub.ID, pki.Draft{Settings: pki.Given([]pki.Setting{{Name: "role", Value: "user"}})})
	_, err = w.issue(sub.ID, csr, "refused")
	w.must(err)
}

// Credentials that the CA refuses are shown once: accounts lock.
func TestEnrolmentNotesRefusal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.startVault()
	w.update(sub.ID, pki.Draft{Credentials: pki.Given(pki.DraftCredentials{UserName: pki.Given("nobody"), Password: pki.Given(secret.NewString("wrong"))})})
	for range 2 {
		if _, err := w.issue(sub.ID, w.csr(), "one"); pki.CodeOf(err) != pki.CodeConflict && pki.CodeOf(err) != pki.CodeReplayMismatch {
			t.Errorf("refused credentials: %v", err)
		}
	}
	if w.get(sub.ID).Refusal == nil || w.ca.Calls("login") != 1 {
		t.Errorf("refusal %+v after %d logins, want one after 1", w.get(sub.ID).Refusal, w.ca.Calls("login"))
	}
}
