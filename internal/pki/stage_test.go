package pki_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/casim"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
)

// renewed returns further credentials of the CA.
func (w *world) renewed(validity time.Duration) pki.DraftCredentials {
	w.t.Helper()
	pfx, pass, err := w.ca.IssueRA("renewed", validity)
	w.must(err)
	return pki.DraftCredentials{Certificate: pki.Given(secret.New(pfx)), CertificatePassword: pki.Given(secret.NewString(pass))}
}

// A client certificate is replaced without a sync that fails: staged, proved,
// promoted, and rolled back while the old one is kept.
func TestCredentialsAreStagedAndPromoted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(1)
	sub := w.create(w.draft())
	w.syncOne()
	first := w.get(sub.ID)
	actor := pki.Actor{Client: "test"}

	for name, err := range map[string]error{
		"promote":   w.service.PromoteCredentials(t.Context(), tenant, actor, sub.ID, true, nil),
		"roll back": w.service.RollbackCredentials(t.Context(), tenant, actor, sub.ID, nil),
	} {
		if pki.CodeOf(err) != pki.CodeConflict {
			t.Errorf("%s without anything: %v", name, err)
		}
	}
	test, err := w.service.StageCredentials(t.Context(), tenant, actor, sub.ID, w.renewed(96*time.Hour))
	w.must(err)
	if test.Failed() != nil {
		t.Fatalf("got %s", outcome(test))
	}
	staged := w.get(sub.ID)
	if staged.Staged == nil || staged.Staged.Accepted.IsNever() || staged.Staged.Info == nil || staged.Staged.Info.Thumbprint == first.Credentials.Info.Thumbprint {
		t.Fatalf("staged: %+v", staged.Staged)
	}
	if d := cmp.Diff(first.Credentials, staged.Credentials); d != "" {
		t.Errorf("staging has changed the current credentials: %s", d)
	}
	if runs := w.syncDue(); len(runs) != 0 {
		t.Error("staging has started a sync")
	}

	w.must(w.service.PromoteCredentials(t.Context(), tenant, actor, sub.ID, false, nil))
	promoted := w.get(sub.ID)
	if promoted.Staged != nil || promoted.Previous == nil || promoted.Credentials.Info.Thumbprint != staged.Staged.Info.Thumbprint {
		t.Fatalf("promoted: %+v", promoted)
	}
	if bytes.Equal(promoted.Credentials.Certificate, staged.Staged.Certificate) || bytes.Equal(promoted.Previous.Certificate, first.Credentials.Certificate) {
		t.Error("a ciphertext has gone from one slot to another")
	}
	if promoted.Version != first.Version+2 {
		t.Errorf("version %d after %d", promoted.Version, first.Version)
	}
	if run := w.syncOne(); run.Status != pki.RunSucceeded {
		t.Errorf("the sync with the promoted credentials: %s", run.Message)
	}

	w.must(w.service.RollbackCredentials(t.Context(), tenant, actor, sub.ID, nil))
	if got := w.get(sub.ID).Credentials.Info.Thumbprint; got != first.Credentials.Info.Thumbprint {
		t.Errorf("rolled back to %s", got)
	}
	if run := w.syncOne(); run.Status != pki.RunSucceeded {
		t.Errorf("the sync after the rollback: %s", run.Message)
	}
	w.now = w.now.Add(7*24*time.Hour + time.Second)
	if err := w.service.RollbackCredentials(t.Context(), tenant, actor, sub.ID, nil); pki.CodeOf(err) != pki.CodeConflict {
		t.Errorf("rolled back to what is kept no longer: %v", err)
	}
	for more := true; more; {
		more, err = w.service.Tend(t.Context(), 1)
		w.must(err)
	}
	if left := w.get(sub.ID); left.Previous != nil {
		t.Error("the previous credentials are kept for ever")
	}
}

// What is staged can be given up; what is in use stays as it is.
func TestStagedCredentialsAreDiscarded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(1)
	sub := w.create(w.draft())
	actor := pki.Actor{Client: "test"}
	if err := w.service.DiscardCredentials(t.Context(), tenant, actor, sub.ID, nil); pki.CodeOf(err) != pki.CodeConflict {
		t.Errorf("discarded without anything: %v", err)
	}
	_, err := w.service.StageCredentials(t.Context(), tenant, actor, sub.ID, w.renewed(96*time.Hour))
	w.must(err)
	w.must(w.service.DiscardCredentials(t.Context(), tenant, actor, sub.ID, nil))
	if got := w.get(sub.ID); got.Staged != nil || cmp.Diff(sub.Credentials.Certificate, got.Credentials.Certificate) != "" {
		t.Errorf("after the discard: %+v", got)
	}
	if err := w.service.PromoteCredentials(t.Context(), tenant, actor, sub.ID, true, nil); pki.CodeOf(err) != pki.CodeConflict {
		t.Errorf("promoted what was discarded: %v", err)
	}
}

func TestStagedCredentialsMustBeAccepted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(1)
	sub := w.create(w.draft())
	w.syncOne()
	w.misbehave("client-rejected")
	test, err := w.service.StageCredentials(t.Context(), tenant, pki.Actor{}, sub.ID, w.renewed(96*time.Hour))
	w.must(err)
	if test.Failed() == nil || test.Failed().Name != pki.StepClientCertificate {
		t.Fatalf("got %s", outcome(test))
	}
	if got := w.get(sub.ID); got.Refusal != nil || got.Credentials.Status != pki.CredentialsAccepted || got.Staged.Status != pki.CredentialsRefused {
		t.Errorf("the refusal of the staged set concerns the current one: %+v", got)
	}
	err = w.service.PromoteCredentials(t.Context(), tenant, pki.Actor{}, sub.ID, false, nil)
	if pki.CodeOf(err) != pki.CodeConflict || !strings.Contains(err.Error(), "force") {
		t.Errorf("promoted what was refused: %v", err)
	}
	w.ca.Misbehave(casim.Fault{})
	if test := w.test(sub.ID, pki.ConnectionDraft{Staged: true}); test.Failed() != nil {
		t.Fatalf("got %s", outcome(test))
	}
	w.must(w.service.PromoteCredentials(t.Context(), tenant, pki.Actor{}, sub.ID, false, nil))
}

// A ciphertext opens in its slot alone.
func TestSlotsAreBound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(1)
	sub := w.create(w.draft())
	_, err := w.service.StageCredentials(t.Context(), tenant, pki.Actor{}, sub.ID, w.renewed(96*time.Hour))
	w.must(err)
	_, err = w.store.UpdateSubscription(t.Context(), tenant, sub.ID, func(s *pki.Subscription) (pki.Effects, error) {
		moved := s.Staged.Credentials
		s.Credentials = &moved
		return pki.Effects{}, nil
	})
	w.must(err)
	if run := w.syncOne(); run.Error != provider.CodeInternal {
		t.Errorf("a moved ciphertext gave %q", run.Error)
	}
}

// Each rung of the ladder is told once for a certificate, by an audit event and
// a change of the subscription.
func TestExpiryLadder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(1)
	d := w.draft()
	d.Paused = pki.Given(true)
	d.Credentials = pki.Given(w.renewed(100 * 24 * time.Hour))
	sub := w.create(d)
	end := w.get(sub.ID).Credentials.Info.NotAfter
	tend := func() pki.Subscription {
		t.Helper()
		for range 3 { // it is told once, however often it is looked
			_, err := w.service.Tend(t.Context(), 10)
			w.must(err)
		}
		return w.get(sub.ID)
	}
	if s := tend(); s.Credentials.Rung != pki.ExpiryNone || s.Revision != sub.Revision {
		t.Errorf("a rung was told early: %v", s.Credentials.Rung)
	}
	last := sub.Revision
	for i, days := range pki.ExpiryDays() {
		w.now = end.Add(-time.Duration(days)*24*time.Hour + time.Second)
		s := tend()
		if s.Credentials.Rung != pki.ExpiryStage(i+1) || s.Revision != last+1 {
			t.Errorf("%d days: rung %v, revision %d after %d", days, s.Credentials.Rung, s.Revision, last)
		}
		last = s.Revision
	}
	if s := w.get(sub.ID); s.Credentials.Status != pki.CredentialsExpired || s.LastModified != sub.LastModified {
		t.Errorf("expired: %+v", s.Credentials)
	}
	events, err := w.service.AuditEvents(t.Context(), tenant, odata.Query{Top: 100})
	w.must(err)
	var told []string
	for _, e := range events.Items {
		if e.Activity == pki.ActivityExpiring {
			told = append(told, e.Reason)
		}
	}
	want := []string{"days90", "days60", "days30", "days14", "days7", "days3", "days1", "expired"}
	if len(told) > 1 && told[0] == "expired" { // newest first
		for i, j := 0, len(told)-1; i < j; i, j = i+1, j-1 {
			told[i], told[j] = told[j], told[i]
		}
	}
	if d := cmp.Diff(want, told); d != "" {
		t.Error(d)
	}
	w.update(sub.ID, pki.Draft{Credentials: pki.Given(w.renewed(5 * 24 * time.Hour))})
	if s := tend(); s.Credentials.Rung.String() != "days7" {
		t.Errorf("a further certificate begins at %v", s.Credentials.Rung)
	}
}
