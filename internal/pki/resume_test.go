package pki_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"cloudpki/internal/casim"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

// take leases the one subscription that is due.
func (w *world) take(owner string) pki.Lease {
	w.t.Helper()
	leases, err := w.store.TakeDue(w.t.Context(), owner, odata.FromTime(w.now), odata.FromTime(w.now.Add(time.Minute)), 1, pki.Bounds{PerTenant: 1})
	w.must(err)
	if len(leases) != 1 {
		w.t.Fatalf("%d leases, want 1", len(leases))
	}
	return leases[0]
}

// A run that is stopped at any call to the CA goes on under another worker: it
// ends well, and its counts are those of one listing.
func TestResumeAnywhere(t *testing.T) {
	t.Parallel()
	const certificates = 120 // three pages
	for stopAt := 1; ; stopAt++ {
		w := newWorld(t)
		w.startCA(certificates)
		sub := w.create(w.draft())
		ctx, stop := context.WithCancel(t.Context())
		calls := 0
		w.ca.Misbehave(casim.Fault{Answer: func(rw http.ResponseWriter, r *http.Request, honest http.Handler) {
			if calls++; calls == stopAt {
				stop()
			}
			honest.ServeHTTP(rw, r)
		}})
		l := w.take("first")
		err := w.service.Sync(ctx, l)
		stop()
		if err == nil {
			if stopAt < 4 {
				t.Fatalf("the run was over after %d calls", stopAt-1)
			}
			return // it was over before the stop: every call has been tried
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("stopped at call %d: %v", stopAt, err)
		}
		w.ca.Misbehave(casim.Fault{})
		w.must(w.store.Release(t.Context(), l))
		run := w.syncOne()
		if run.ID != l.Run.ID || run.Attempt != 2 || run.Status != pki.RunSucceeded {
			t.Errorf("stopped at call %d: resumed as %+v", stopAt, run)
		}
		if c := run.Counts; c.Found != certificates || c.Found != c.New+c.Changed+c.Unchanged+c.Skipped || c.Missing != 0 {
			t.Errorf("stopped at call %d: counts %+v", stopAt, c)
		}
		if page := w.certificates(sub.ID, "$count=true&$filter=missingSinceDateTime eq null"); page.Count != certificates {
			t.Errorf("stopped at call %d: %d certificates are listed", stopAt, page.Count)
		}
	}
}

func TestRunThatIsAlwaysInterruptedIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(1)
	w.create(w.draft())
	var l pki.Lease
	for range 11 {
		l = w.take("worker")
		w.must(w.store.Release(t.Context(), l))
	}
	run := w.syncOne()
	if run.Error != provider.CodeInternal || run.Retry != provider.RetryBackOff || run.NextTry.IsNever() {
		t.Errorf("after 11 interruptions: %+v", run)
	}
}

// The time of a run is bounded, and it is not the CA that is blamed.
func TestRunTimeout(t *testing.T) {
	w := newWorld(t)
	w.startCA(200)
	w.schedule.RunTimeout = time.Second
	w.makeService()
	w.create(w.draft())
	calls := 0
	w.ca.Misbehave(casim.Fault{Answer: func(rw http.ResponseWriter, r *http.Request, honest http.Handler) {
		if calls++; calls > 3 {
			<-r.Context().Done() // the CA hangs after the first pages
			return
		}
		honest.ServeHTTP(rw, r)
	}})
	run := w.syncOne()
	if run.Error != provider.CodeTimeout || run.Status != pki.RunFailed || run.Message == "" || run.Counts.Found == 0 {
		t.Errorf("run %+v", run)
	}
}

// What an admin changes while a run is under way counts when it ends.
func TestScheduleChangedDuringRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(1)
	d := w.draft()
	d.SyncSchedule = pki.Given(31 * 24 * time.Hour)
	sub := w.create(d)
	changed := false
	w.ca.Misbehave(casim.Fault{Answer: func(rw http.ResponseWriter, r *http.Request, honest http.Handler) {
		if !changed {
			changed = true
			w.update(sub.ID, pki.Draft{SyncSchedule: pki.Given(time.Hour)})
		}
		honest.ServeHTTP(rw, r)
	}})
	w.syncOne()
	if wait := w.get(sub.ID).NextSync.Time().Sub(w.now); wait > 2*time.Hour {
		t.Errorf("the next sync is in %v, the schedule is an hour", wait)
	}
}

// A root that an admin sets during the first run stands, and the trail does not
// tell of another change.
func TestRootSetDuringFirstRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(1)
	sub := w.create(w.draft())
	set := false
	w.ca.Misbehave(casim.Fault{Answer: func(rw http.ResponseWriter, r *http.Request, honest http.Handler) {
		if !set {
			set = true
			w.update(sub.ID, pki.Draft{TrustedRoot: pki.Given([]byte("an admin's choice"))})
		}
		honest.ServeHTTP(rw, r)
	}})
	w.syncOne()
	if got := w.get(sub.ID); string(got.TrustedRoot) != "an admin's choice" || got.Version != 2 {
		t.Errorf("root %q, version %d", got.TrustedRoot, got.Version)
	}
	events, err := w.service.AuditEvents(t.Context(), tenant, w.query(pki.AuditEventType(), "$filter=activityType eq '"+pki.ActivityRoot+"'"))
	w.must(err)
	if len(events.Items) != 0 {
		t.Errorf("the trail tells of a change that was not made: %+v", events.Items)
	}
}

// A subscription that is paused has no run that waits for ever.
func TestPausingEndsTheQueuedRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(1)
	sub := w.create(w.draft())
	w.update(sub.ID, pki.Draft{Paused: pki.Given(true)})
	runs, err := w.service.Runs(t.Context(), tenant, sub.ID, w.query(pki.RunType(), ""))
	w.must(err)
	if len(runs.Items) != 1 || runs.Items[0].Status != pki.RunCancelled || runs.Items[0].Error != provider.CodeCancelled {
		t.Errorf("runs %+v", runs.Items)
	}
	if len(w.syncDue()) != 0 {
		t.Error("a paused subscription was synced")
	}
}

// The trail tells of another root when it is met, and the old one is not called
// trusted beside the new one.
func TestRolloverIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(1)
	sub := w.create(w.draft())
	w.syncOne()
	w.must(w.ca.ReplaceRoot())
	for range 2 {
		w.now = w.now.Add(8 * time.Hour)
		w.syncOne()
	}
	events, err := w.service.AuditEvents(t.Context(), tenant, w.query(pki.AuditEventType(), "$filter=activityType eq '"+pki.ActivityQuarantine+"'"))
	w.must(err)
	if len(events.Items) != 1 || events.Items[0].Object != sub.ID {
		t.Errorf("%d events of a quarantined root, want 1 for two syncs", len(events.Items))
	}
	w.update(sub.ID, pki.Draft{TrustedRoot: pki.Given(w.ca.Root().Raw)})
	w.syncOne()
	for state, want := range map[string]int{"trusted": 1, "retiring": 1, "quarantined": 0} {
		page, err := w.service.Authorities(t.Context(), tenant, sub.ID, w.query(pki.AuthorityType(), "$filter=kind eq 'root' and state eq '"+state+"'"))
		w.must(err)
		if len(page.Items) != want {
			t.Errorf("%d roots are %s, want %d", len(page.Items), state, want)
		}
	}
}
