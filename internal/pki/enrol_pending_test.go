package pki_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/casim"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

// startHolding brings up a CA that wants every request approved.
func (w *world) startHolding() pki.Subscription {
	w.t.Helper()
	w.startCA(0)
	w.ca.Hold(true)
	var err error
	w.pfx, w.pass, err = w.ca.IssueRA("test", 30*24*time.Hour)
	w.must(err)
	d := w.draft()
	d.Settings = pki.Given([]pki.Setting{{Name: "profileOIDs", Value: casim.ProfileDevice}})
	return w.create(d)
}

func (w *world) wantPending(err error, wait time.Duration) {
	w.t.Helper()
	var e *pki.Error
	if !errors.As(err, &e) || e.Code != pki.CodePending || e.RetryAfter != wait {
		w.t.Errorf("got %v, want %s for %v", err, pki.CodePending, wait)
	}
}

// What waits for approval is asked for again under its key, no more often than
// is worth it, by one at a time, until it is there: the CA has one request.
func TestRequestThatWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.startHolding()
	csr := w.csr()
	_, err := w.issue(sub.ID, csr, "one")
	w.wantPending(err, provider.DefaultPatience)
	w.now = w.now.Add(time.Minute)
	_, err = w.issue(sub.ID, csr, "one")
	w.wantPending(err, provider.DefaultPatience-time.Minute)
	if _, err := w.issue(sub.ID, w.csr(), "one"); pki.CodeOf(err) != pki.CodeReplayMismatch {
		t.Errorf("another request with the same key: %v", err)
	}
	if n := w.ca.Calls("requestSecurityToken"); n != 1 {
		t.Errorf("the CA was asked %d times, want once", n)
	}
	for range 3 { // days pass, for which no receipt would last
		w.now = w.now.Add(20 * time.Hour)
		_, err = w.issue(sub.ID, csr, "one")
		w.wantPending(err, provider.DefaultPatience)
	}
	w.misbehave("unavailable")
	w.now = w.now.Add(time.Hour)
	if _, err := w.issue(sub.ID, csr, "one"); pki.CodeOf(err) != pki.CodeUpstream {
		t.Errorf("a CA that fails: %v", err)
	}
	w.ca.Misbehave(casim.Fault{})
	w.ca.Decide(true)
	w.now = w.now.Add(time.Hour)
	first, err := w.issue(sub.ID, csr, "one")
	w.must(err)
	again, err := w.issue(sub.ID, csr, "one")
	w.must(err)
	if n := len(w.ca.Certificates()); n != 1 || !bytes.Equal(first.Certificate.DER, again.Certificate.DER) || len(w.told(pki.ActivityIssue)) != 1 {
		t.Errorf("%d certificates, %d told; want one", n, len(w.told(pki.ActivityIssue)))
	}
}

// A request that is refused in the end is told so, and may be sent anew; one
// without a key cannot be followed, and one to a provider that is no more the
// subscription's is not asked for at another.
func TestRequestThatIsNotApproved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.startHolding()
	csr := w.csr()
	_, err := w.issue(sub.ID, csr, "one")
	w.wantPending(err, provider.DefaultPatience)
	w.ca.Decide(false)
	w.now = w.now.Add(time.Hour)
	if _, err := w.issue(sub.ID, csr, "one"); pki.CodeOf(err) != pki.CodeInvalid || !strings.Contains(err.Error(), "rejected") {
		t.Errorf("a request that is refused: %v", err)
	}
	w.ca.Hold(false)
	_, err = w.issue(sub.ID, w.csr(), "two")
	w.must(err)

	w.ca.Hold(true)
	_, err = w.service.IssueCertificate(t.Context(), tenant, pki.Actor{}, sub.ID, pki.IssueDraft{CSR: w.csr()}, nil)
	if pki.CodeOf(err) != pki.CodeConflict || !strings.Contains(err.Error(), "Idempotency-Key") {
		t.Errorf("a request without a key: %v", err)
	}
	late := w.csr()
	_, err = w.issue(sub.ID, late, "late")
	w.wantPending(err, provider.DefaultPatience)
	w.now = w.now.Add(time.Hour)
	w.update(sub.ID, pki.Draft{Provider: pki.Given("vault"), Settings: pki.Given([]pki.Setting{{Name: "role", Value: "device"}})})
	if _, err := w.issue(sub.ID, late, "late"); pki.CodeOf(err) != pki.CodeConflict || !strings.Contains(err.Error(), "symantec") {
		t.Errorf("after a change of the provider: %v", err)
	}
}
