package pki_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

// rolledOver returns a world whose CA has replaced its root old by another.
func rolledOver(t *testing.T) (w *trustWorld, f *forge, old, next keyPair) {
	t.Helper()
	w = newTrustWorld(t, pki.Draft{})
	f, old, next = w.rollOver()
	return w, f, old, next
}

// rollOver has the CA of a new subscription replace its root.
func (w *trustWorld) rollOver() (f *forge, old, next keyPair) {
	w.t.Helper()
	f = &forge{t: w.t, now: w.now}
	old, next = f.root("old"), f.root("new")
	w.offer(old.cert)
	w.syncOne()
	w.offer(next.cert)
	w.sync()
	return f, old, next
}

func (w *trustWorld) expect(states, trusted, trail string) {
	w.t.Helper()
	if got := w.states(); got != states {
		w.t.Errorf("roots are %s\nwant %s", got, states)
	}
	if got := w.trusted(); got != trusted {
		w.t.Errorf("trusted are %s, want %s", got, trusted)
	}
	if got := w.trail(); got != trail {
		w.t.Errorf("the trail tells %s\nwant %s", got, trail)
	}
}

// An admin approves: both roots are distributed until the overlap is over.
func TestApproveTrustChange(t *testing.T) {
	t.Parallel()
	w, _, old, next := rolledOver(t)
	before := w.get(w.sub)
	after, err := w.service.ApproveTrustChange(t.Context(), tenant, pki.Actor{Client: "admin"}, w.sub, decision(nil), nil)
	w.must(err)
	if !bytes.Equal(after.TrustedRoot, next.cert.Raw) || after.Version != before.Version+1 || after.Edits != before.Edits+1 || after.LastModified != odata.FromTime(w.now) {
		t.Errorf("the subscription has version %d, modified %v", after.Version, after.LastModified.Time())
	}
	const trail = "Changed policy, Quarantined , Changed admin"
	w.expect("new#2 trusted, old#1 retiring", "new#2, old#1", trail)
	retiring, err := w.service.Authority(t.Context(), tenant, w.sub, pki.ID(pki.Thumbprint(old.cert.Raw)))
	w.must(err)
	if retiring.Retire != odata.FromTime(w.now.Add(w.overlap)) || retiring.DecidedBy != "admin" || !strings.Contains(retiring.StateReason, pki.Thumbprint(next.cert.Raw)) {
		t.Errorf("the old root is %+v", retiring)
	}
	trusted, err := w.service.Authority(t.Context(), tenant, w.sub, pki.ID(pki.Thumbprint(next.cert.Raw)))
	w.must(err)
	if trusted.Replaces != retiring.ID || trusted.StateReason != "approved: as the CA has published it" || trusted.DecidedBy != "admin" || trusted.StateChanged != odata.FromTime(w.now) {
		t.Errorf("the new root is %+v", trusted)
	}
	events, err := w.service.AuditEvents(t.Context(), tenant, w.query(pki.AuditEventType(), "$filter=actorApplicationId eq 'admin'"))
	w.must(err)
	if e := events.Items[0]; e.OldRoot != retiring.ID || e.NewRoot != trusted.ID || e.Reason != trusted.StateReason || e.Activity != pki.ActivityRoot {
		t.Errorf("the trail has %+v", e)
	}
	if runs := w.syncDue(); len(runs) != 1 || runs[0].Status != pki.RunSucceeded {
		t.Errorf("the approval was not proved: %+v", runs)
	}
	if err := w.approve(next.cert); pki.CodeOf(err) != pki.CodeConflict {
		t.Errorf("a second approval: %v", err)
	}
	if err := w.approve(nil); pki.CodeOf(err) != pki.CodeConflict {
		t.Errorf("an approval of nothing: %v", err)
	}
	w.expect("new#2 trusted, old#1 retiring", "new#2, old#1", trail)
}

// The CA goes back to the old root: that is an admin's decision too.
func TestBackToTheOldRoot(t *testing.T) {
	t.Parallel()
	w, _, old, next := rolledOver(t)
	w.must(w.approve(nil))
	w.syncOne()
	w.offer(old.cert)
	if run := w.sync(); run.Error != provider.CodeTrustChangePending || !strings.Contains(run.Message, "retiring") {
		t.Errorf("run %+v", run)
	}
	w.expect("new#2 trusted, old#1 retiring", "new#2, old#1", "Changed policy, Quarantined , Changed admin")
	w.must(w.approve(old.cert))
	if run := w.syncOne(); run.Status != pki.RunSucceeded {
		t.Error(run.Message)
	}
	w.expect("new#2 retiring, old#1 trusted", "old#1, new#2", "Changed policy, Quarantined , Changed admin, Changed admin")
	if !bytes.Equal(w.get(w.sub).TrustedRoot, old.cert.Raw) {
		t.Errorf("the root is not the old one, but %v", next.cert.Subject)
	}
}

// A rejected root stays rejected however often it is offered, and the
// subscription says honestly that the CA issues under it.
func TestRejectTrustChange(t *testing.T) {
	t.Parallel()
	w, _, old, next := rolledOver(t)
	before := w.get(w.sub)
	w.must(w.reject(nil))
	for range 2 {
		run := w.sync()
		if run.Error != provider.CodeTrustChangePending || !strings.Contains(run.Message, "rejected") || !strings.Contains(*w.get(w.sub).LastSyncError, "rejected") {
			t.Errorf("run %+v", run)
		}
	}
	w.expect("new#2 removed, old#1 trusted", "old#1", "Changed policy, Quarantined , Rejected admin")
	after := w.get(w.sub)
	if after.Version != before.Version || !bytes.Equal(after.TrustedRoot, old.cert.Raw) {
		t.Errorf("version %d after %d", after.Version, before.Version)
	}
	w.offer(old.cert, next.cert)
	if run := w.sync(); run.Status != pki.RunSucceeded {
		t.Errorf("with the trusted root back beside it: %s", run.Message)
	}
	for _, c := range []*x509.Certificate{next.cert, old.cert} {
		if err := w.reject(c); pki.CodeOf(err) != pki.CodeConflict {
			t.Errorf("a rejection of %s: %v", c.Subject, err)
		}
	}
	w.must(w.approve(next.cert)) // a second thought
	w.expect("new#2 trusted, old#1 retiring", "new#2, old#1", "Changed policy, Quarantined , Rejected admin, Changed admin")
	w.must(w.reject(old.cert)) // at once, not after the overlap
	w.expect("new#2 trusted, old#1 removed", "new#2", "Changed policy, Quarantined , Rejected admin, Changed admin, Rejected admin")
}

func TestDecisionsThatAreRefused(t *testing.T) {
	t.Parallel()
	w, f, old, next := rolledOver(t)
	expired := f.root("late", f.until(1))
	w.offer(next.cert, f.root("third").cert, expired.cert)
	w.later(3 * 24 * time.Hour)
	states, trail := w.states(), w.trail()
	before := w.get(w.sub)
	stranger := f.root("stranger")
	for _, c := range []struct {
		name       string
		thumbprint string
		code       pki.Code
		says       string
	}{
		{"which of three", "", pki.CodeInvalid, pki.Thumbprint(next.cert.Raw)},
		{"no thumbprint", "new", pki.CodeInvalid, "64"},
		{"a stranger", pki.Thumbprint(stranger.cert.Raw), pki.CodeNotFound, "does not exist"},
		{"one that has expired", pki.Thumbprint(expired.cert.Raw), pki.CodeConflict, "expired"},
		{"the trusted one", pki.Thumbprint(old.cert.Raw), pki.CodeConflict, "already"},
	} {
		_, err := w.service.ApproveTrustChange(t.Context(), tenant, pki.Actor{}, w.sub, pki.TrustDecision{Thumbprint: c.thumbprint}, nil)
		if pki.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	condition := errors.New("changed meanwhile")
	if _, err := w.service.ApproveTrustChange(t.Context(), tenant, pki.Actor{}, w.sub, decision(next.cert), func(string) error { return condition }); !errors.Is(err, condition) {
		t.Errorf("against its condition: %v", err)
	}
	if _, err := w.service.RejectTrustChange(t.Context(), tenant, pki.Actor{}, "nobody", decision(nil), nil); pki.CodeOf(err) != pki.CodeNotFound {
		t.Errorf("of no subscription: %v", err)
	}
	if w.states() != states || w.trail() != trail || w.get(w.sub).Revision != before.Revision {
		t.Error("a refusal has changed something")
	}
	spelled := strings.ToUpper(pki.Thumbprint(next.cert.Raw))
	_, err := w.service.ApproveTrustChange(t.Context(), tenant, pki.Actor{}, w.sub, pki.TrustDecision{Thumbprint: spelled[:2] + ":" + spelled[2:]}, nil)
	w.must(err)
}

// What an admin decides while a sync runs stands, whatever the sync has been
// told before.
func TestDecisionDuringSync(t *testing.T) {
	t.Parallel()
	w := newTrustWorld(t, pki.Draft{})
	for _, c := range []struct {
		name    string
		decide  func(w *trustWorld, next keyPair)
		states  string
		trusted string
		error   provider.Code
	}{
		{"approved", func(w *trustWorld, next keyPair) { w.must(w.approve(next.cert)) }, "new#2 trusted, old#1 retiring", "new#2, old#1", ""},
		{"rejected", func(w *trustWorld, next keyPair) { w.must(w.reject(next.cert)) }, "new#2 removed, old#1 trusted", "old#1", provider.CodeTrustChangePending},
		{"set", func(w *trustWorld, next keyPair) {
			w.update(w.sub, pki.Draft{TrustedRoot: pki.Given(next.cert.Raw)})
		}, "new#2 trusted, old#1 retiring", "new#2, old#1", ""},
		{"cleared", func(w *trustWorld, _ keyPair) { w.update(w.sub, pki.Draft{TrustedRoot: pki.Cleared[[]byte]()}) }, "new#2 trusted, old#1 retiring", "new#2, old#1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.anew(t, pki.Draft{})
			_, _, next := w.rollOver()
			w.before.meanwhile = func() {
				w.before.meanwhile = nil
				c.decide(w, next)
			}
			w.sync()
			if run := w.syncOne(); run.Error != c.error {
				t.Errorf("the run after the decision ended with %q: %s", run.Error, run.Message)
			}
			if got := w.states(); got != c.states {
				t.Errorf("roots are %s, want %s", got, c.states)
			}
			if got := w.trusted(); got != c.trusted {
				t.Errorf("trusted are %s, want %s", got, c.trusted)
			}
		})
	}
}

// An admin who sets trustedRootCertificate moves the roots as an approval does.
func TestPatchMovesRoots(t *testing.T) {
	t.Parallel()
	w, f, old, next := rolledOver(t)
	w.update(w.sub, pki.Draft{TrustedRoot: pki.Given(next.cert.Raw)})
	w.expect("new#2 trusted, old#1 retiring", "new#2, old#1", "Changed policy, Quarantined , Changed test")
	unseen := f.root("unseen")
	w.update(w.sub, pki.Draft{TrustedRoot: pki.Given(unseen.cert.Raw)})
	if got := w.trusted(); got != "unseen#3, new#2, old#1" && got != "unseen#3, old#1, new#2" {
		t.Errorf("trusted are %s", got)
	}
	w.update(w.sub, pki.Draft{TrustedRoot: pki.Given([]byte("no certificate"))})
	if got := w.states(); got != "new#2 retiring, old#1 retiring, unseen#3 retiring" {
		t.Errorf("roots are %s", got)
	}
	w.update(w.sub, pki.Draft{TrustedRoot: pki.Given(old.cert.Raw)})
	if got := w.states(); got != "new#2 retiring, old#1 trusted, unseen#3 retiring" {
		t.Errorf("roots are %s", got)
	}
}
