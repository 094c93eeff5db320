package syncer_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/store"
)

// cancel asks for a stop through the store, as any process does.
func cancel(t *testing.T, db *store.DB) pki.Run {
	t.Helper()
	run, err := db.CancelRuns(t.Context(), "t", "s0", pki.AuditEvent{ID: "cancel", Activity: pki.ActivityCancel}, func(*pki.Subscription) {})
	must(t, err)
	return run
}

// untilStopped works until its context ends, and tells why it did.
func untilStopped(t *testing.T, db *store.DB, begun chan<- pki.Lease, causes chan<- error) func(context.Context, pki.Lease) error {
	return func(ctx context.Context, l pki.Lease) error {
		begun <- l
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return finish(t, db, l)
	}
}

func wantCause(t *testing.T, causes <-chan error, want error) {
	t.Helper()
	select {
	case got := <-causes:
		if !errors.Is(got, want) {
			t.Errorf("stopped by %v, want %v", got, want)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the run was not stopped")
	}
}

// A running run hears of a cancel at a heartbeat, and may still write its end.
func TestCancelStopsRun(t *testing.T) {
	db := openStore(t)
	subscribe(t, db, "t", 1)
	begun, causes := make(chan pki.Lease, 1), make(chan error, 1)
	stop := start(t, db, "a", 1, 1, untilStopped(t, db, begun, causes))
	l := <-begun
	if run := cancel(t, db); run.ID != l.Run.ID {
		t.Errorf("run %s is said to be under way, want %s", run.ID, l.Run.ID)
	}
	wantCause(t, causes, pki.ErrCancelled)
	stop()
	run, err := db.Run(t.Context(), "t", "s0", l.Run.ID)
	must(t, err)
	if !run.Status.Ended() {
		t.Errorf("the run could not write its end: %+v", run)
	}
}

// What was cancelled while a dead process held it is stopped by the process
// that resumes it.
func TestCancelStopsResumedRun(t *testing.T) {
	db := openStore(t)
	subscribe(t, db, "t", 1)
	now := time.Now()
	held, err := db.TakeDue(t.Context(), "dead", odata.FromTime(now), odata.FromTime(now.Add(time.Hour)), 1, pki.Bounds{PerTenant: 1})
	if err != nil || len(held) != 1 {
		t.Fatal(held, err)
	}
	cancel(t, db)
	begun, causes := make(chan pki.Lease, 1), make(chan error, 1)
	start(t, db, "a", 1, 1, untilStopped(t, db, begun, causes))
	if l := <-begun; l.Run.ID != held[0].Run.ID {
		t.Errorf("run %s, want %s resumed", l.Run.ID, held[0].Run.ID)
	}
	wantCause(t, causes, pki.ErrCancelled)
}
