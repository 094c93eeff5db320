package storetest

import (
	"testing"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/store"
)

// cancel cancels what is under way on subscription a; the next sync is at
// at(60).
func cancel(tb testing.TB, db *store.DB, eventID pki.ID) pki.Run {
	tb.Helper()
	run, err := db.CancelRuns(tb.Context(), tenant, "a", event(eventID), func(s *pki.Subscription) { s.NextSync = at(60) })
	must(tb, err)
	return run
}

func auditCount(tb testing.TB, db *store.DB) int {
	tb.Helper()
	page, err := db.AuditEvents(tb.Context(), tenant, odata.Query{Top: 100})
	must(tb, err)
	return len(page.Items)
}

func cancels(t *testing.T, open Open) {
	t.Run("a queued run ends at once", func(t *testing.T) {
		db := open(t)
		create(t, db, subscription(tenant, "a"))
		run := newRun(t, pki.TriggerManual)
		_, err := db.RequestRun(t.Context(), tenant, "a", run, event("1"))
		must(t, err)
		if running := cancel(t, db, "2"); running.ID != "" {
			t.Errorf("%+v is said to run", running)
		}
		got := allRuns(t, db, "a")
		if len(got) != 1 || got[0].ID != run.ID || got[0].Status != pki.RunCancelled || got[0].Error != provider.CodeCancelled || got[0].Ended.IsNever() || got[0].Message == "" {
			t.Errorf("runs are %+v", got)
		}
		if s, _ := db.Subscription(t.Context(), tenant, "a"); s.NextSync != at(60) || s.Revision != 3 {
			t.Errorf("next sync %v, revision %d", s.NextSync.Time(), s.Revision)
		}
		if list := take(t, db, "one", 1); len(list) != 0 {
			t.Errorf("took %+v", list)
		}
		if n := auditCount(t, db); n != 2 {
			t.Errorf("%d audit events, want that of the request and that of the cancel", n)
		}
	})
	t.Run("a running run is asked to stop, once", func(t *testing.T) {
		db := open(t)
		l := lease(t, db, "a")
		for _, id := range []pki.ID{"1", "2"} {
			if running := cancel(t, db, id); running.ID != l.Run.ID || running.Status != pki.RunRunning {
				t.Errorf("%+v is said to run, want %s", running, l.Run.ID)
			}
		}
		if n := auditCount(t, db); n != 1 {
			t.Errorf("%d audit events, want 1 for a cancel and its repetition", n)
		}
		must(t, db.SaveRun(t.Context(), l, l.Run))
		if stop, err := db.Extend(t.Context(), l, at(15)); err != nil || !stop {
			t.Errorf("the worker heard %v, %v", stop, err)
		}
		// Another worker that takes the run over hears of it too.
		taken := take(t, db, "two", 20)
		if stop, err := db.Extend(t.Context(), taken[0], at(40)); err != nil || !stop || taken[0].Run.ID != l.Run.ID {
			t.Errorf("who resumed it heard %v, %v", stop, err)
		}
		finish(t, db, taken[0], 60)
		again := take(t, db, "two", 60)
		if stop, err := db.Extend(t.Context(), again[0], at(90)); err != nil || stop {
			t.Errorf("the next run heard %v, %v", stop, err)
		}
	})
	t.Run("nothing under way", func(t *testing.T) {
		db := open(t)
		before := create(t, db, subscription(tenant, "a"))
		if running := cancel(t, db, "1"); running.ID != "" {
			t.Errorf("%+v is said to run", running)
		}
		if s, _ := db.Subscription(t.Context(), tenant, "a"); s.Revision != before.Revision || auditCount(t, db) != 0 {
			t.Errorf("revision %d, %d audit events: something was written", s.Revision, auditCount(t, db))
		}
	})
	t.Run("for what is not there", func(t *testing.T) {
		db := open(t)
		create(t, db, subscription(tenant, "a"))
		_, err := db.CancelRuns(t.Context(), another, "a", event("1"), func(*pki.Subscription) {})
		code(t, err, pki.CodeNotFound)
	})
}
