package pki_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/casim"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

// A run that is cancelled in the middle keeps what it has stored, is no reason
// to back off, and the next regular sync completes the inventory.
func TestCancelRunningSync(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(300)
	sub := w.create(w.draft())
	leases, err := w.store.TakeDue(t.Context(), "worker", odata.FromTime(w.now), odata.FromTime(w.now.Add(time.Minute)), 1, pki.Bounds{PerTenant: 1})
	w.must(err)
	ctx, cancel := context.WithCancelCause(t.Context())
	w.ca.Misbehave(casim.Fault{Answer: func(rw http.ResponseWriter, r *http.Request, honest http.Handler) {
		if len(w.certificates(sub.ID, "").Items) > 0 {
			cancel(pki.ErrCancelled)
			<-r.Context().Done()
			return
		}
		honest.ServeHTTP(rw, r)
	}})
	w.must(w.service.Sync(ctx, leases[0]))
	run, err := w.service.Run(t.Context(), tenant, sub.ID, leases[0].Run.ID)
	w.must(err)
	kept := len(w.certificates(sub.ID, "$top=999").Items)
	if run.Status != pki.RunCancelled || run.Error != provider.CodeCancelled || run.Counts.New != kept || kept == 0 || kept == 300 {
		t.Errorf("run %+v with %d certificates kept", run, kept)
	}
	got := w.get(sub.ID)
	if got.SyncStatus != pki.SyncFailed || !strings.HasPrefix(*got.LastSyncError, "cancelled: ") || got.Failures != 0 {
		t.Errorf("reported %v, %v, %d failures", got.SyncStatus, *got.LastSyncError, got.Failures)
	}
	if wait := got.NextSync.Time().Sub(w.now); wait < 5*time.Hour || wait > 7*time.Hour {
		t.Errorf("the next sync is in %v, want the regular interval", wait)
	}
	w.ca.Misbehave(casim.Fault{})
	w.now = w.now.Add(8 * time.Hour)
	if run := w.syncOne(); run.Status != pki.RunSucceeded || run.Counts.Found != 300 {
		t.Errorf("the next run: %+v", run)
	}
}

// CancelSync ends what is queued, tells the trail of it, and does nothing where
// nothing is under way.
func TestCancelQueuedSync(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(1)
	sub := w.create(w.draft())
	actor := pki.Actor{Client: "test"}
	for range 2 {
		running, err := w.service.CancelSync(t.Context(), tenant, actor, sub.ID)
		w.must(err)
		if running.ID != "" {
			t.Errorf("%+v is said to run", running)
		}
	}
	if runs := w.syncDue(); len(runs) != 0 {
		t.Errorf("synced %+v", runs)
	}
	if wait := w.get(sub.ID).NextSync.Time().Sub(w.now); wait < 5*time.Hour {
		t.Errorf("the next sync is in %v, want the regular interval", wait)
	}
	events, err := w.service.AuditEvents(t.Context(), tenant, w.query(pki.AuditEventType(), "$filter=activityType eq '"+pki.ActivityCancel+"'"))
	w.must(err)
	if len(events.Items) != 1 || events.Items[0].Object != sub.ID || events.Items[0].Actor != actor {
		t.Errorf("the trail tells %+v", events.Items)
	}
	if _, err := w.service.CancelSync(t.Context(), tenant, actor, "nobody"); pki.CodeOf(err) != pki.CodeNotFound {
		t.Errorf("err = %v", err)
	}
}

// A paused subscription stays at rest when what was asked for is cancelled.
func TestCancelLeavesPausedAtRest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(1)
	d := w.draft()
	d.Paused = pki.Given(true)
	sub := w.create(d)
	_, err := w.service.RequestSync(t.Context(), tenant, pki.Actor{}, sub.ID)
	w.must(err)
	_, err = w.service.CancelSync(t.Context(), tenant, pki.Actor{}, sub.ID)
	w.must(err)
	if got := w.get(sub.ID); !got.NextSync.IsNever() || len(w.syncDue()) != 0 {
		t.Errorf("the next sync is at %v", got.NextSync.Time())
	}
}
