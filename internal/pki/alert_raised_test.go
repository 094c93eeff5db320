package pki_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/casim"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// standing lists the alerts that hold, and those that are resolved in
// parentheses, newest last.
func (w *world) standing() (list []string) {
	w.t.Helper()
	w.watch()
	page, err := w.service.Alerts(w.t.Context(), tenant, odata.Query{})
	w.must(err)
	for _, a := range slices.Backward(page.Items) {
		text := string(a.Kind) + " " + a.Severity.String()
		if !a.Resolved.IsNever() {
			text = "(" + text + ")"
		}
		list = append(list, text)
	}
	return list
}

// An alert stands for as long as what it tells of, also where it is not told
// anew, and can be read for a month after.
func TestAlertsStand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.watched(pki.AlertPolicy{SyncFailingAfter: 24 * time.Hour, CertificatesWithin: 366 * 24 * time.Hour})
	sync := func(fault string) {
		t.Helper()
		w.ca.Misbehave(casim.Fault{})
		if fault != "" {
			w.misbehave(fault)
		}
		_, err := w.service.RequestSync(t.Context(), tenant, pki.Actor{}, sub.ID)
		w.must(err)
		w.syncOne()
	}
	expect := func(when string, want ...string) {
		t.Helper()
		if d := cmp.Diff(want, w.standing()); d != "" {
			t.Errorf("%s: %s", when, d)
		}
	}
	credentials := func(valid time.Duration) {
		w.update(sub.ID, pki.Draft{Credentials: pki.Given(w.renewed(valid))})
	}
	const counted = "certificatesExpiring warning"
	expect("at first", counted)
	credentials(20 * 24 * time.Hour)
	expect("the ladder begins", counted, "credentialExpiring warning")
	credentials(5 * 24 * time.Hour)
	expect("a rung that presses", counted, "credentialExpiring critical")
	sync("unavailable")
	expect("the first failure", counted, "credentialExpiring critical")
	w.now = w.now.Add(25 * time.Hour)
	sync("unavailable")
	expect("a day later", counted, "credentialExpiring critical", "syncFailing critical")
	w.update(sub.ID, pki.Draft{Paused: pki.Given(true)})
	expect("paused", counted, "credentialExpiring critical", "syncFailing critical")
	w.update(sub.ID, pki.Draft{Paused: pki.Given(false)})
	credentials(20 * 365 * 24 * time.Hour)
	sync("")
	expect("in order again", counted, "(credentialExpiring critical)", "(syncFailing critical)")
	w.misbehave("replaced-hierarchy")
	_, err := w.service.RequestSync(t.Context(), tenant, pki.Actor{}, sub.ID)
	w.must(err)
	w.syncOne()
	if last := w.standing(); last[len(last)-1] != "trustChangePending critical" {
		t.Errorf("a root that waits: %v", last)
	}
}

// What is resolved is removed a month later, as a change that is told.
func TestAlertsAreForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.watched(pki.AlertPolicy{SyncFailingAfter: 24 * time.Hour})
	w.update(sub.ID, pki.Draft{Credentials: pki.Given(w.renewed(20 * 24 * time.Hour))})
	w.standing()
	w.update(sub.ID, pki.Draft{Credentials: pki.Given(w.renewed(5 * 365 * 24 * time.Hour))})
	purge := func() []string {
		t.Helper()
		for more := true; more; {
			var err error
			more, err = w.store.Purge(t.Context(), odata.FromTime(w.now), 100)
			w.must(err)
		}
		return w.standing()
	}
	if d := cmp.Diff([]string{"(credentialExpiring warning)"}, w.standing()); d != "" {
		t.Fatal(d)
	}
	round, err := w.service.AlertChanges(t.Context(), tenant, odata.Query{}, pki.DeltaPosition{Latest: true})
	w.must(err)
	w.update(sub.ID, pki.Draft{Paused: pki.Given(true)})
	w.now = w.now.Add(pki.AlertLife - time.Minute)
	if d := cmp.Diff([]string{"(credentialExpiring warning)"}, purge()); d != "" {
		t.Error(d)
	}
	page, err := w.service.AlertChanges(t.Context(), tenant, odata.Query{}, round.Next)
	w.must(err)
	if len(page.Items) > 0 {
		t.Errorf("changed: %+v", page.Items)
	}
	w.now = w.now.Add(2 * time.Minute)
	if left := purge(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	page, err = w.store.RaisedAlertChanges(t.Context(), tenant, odata.Query{}, round.Next)
	w.must(err)
	if len(page.Items) != 1 || page.Items[0].Removed != pki.RemovedDeleted {
		t.Errorf("changed: %+v", page.Items)
	}
}
