package storetest

import (
	"slices"
	"testing"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/store"
)

// pause changes a as an admin does who pauses it, in the way of package pki.
func pause(tb testing.TB, db *store.DB) pki.Subscription {
	tb.Helper()
	return change(tb, db, func(s *pki.Subscription) { s.Paused = new(true) })
}

func change(tb testing.TB, db *store.DB, f func(*pki.Subscription)) pki.Subscription {
	tb.Helper()
	s, err := db.UpdateSubscription(tb.Context(), tenant, "a", func(s *pki.Subscription) (pki.Effects, error) {
		f(s)
		s.NextSync = odata.Never()
		return pki.Effects{}, nil
	})
	must(tb, err)
	return s
}

// queued creates a subscription with a run that is due.
func queued(tb testing.TB, db *store.DB) pki.Run {
	tb.Helper()
	s, run := subscription(tenant, "a"), newRun(tb, pki.TriggerCreated)
	s.NextSync = at(0)
	must(tb, db.CreateSubscription(tb.Context(), s, pki.Effects{Run: &run}, nil))
	return run
}

func request(tb testing.TB, db *store.DB, e pki.ID) pki.Run {
	tb.Helper()
	run, err := db.RequestRun(tb.Context(), tenant, "a", newRun(tb, pki.TriggerManual), event(e))
	must(tb, err)
	return run
}

func resting(t *testing.T, open Open) {
	for name, rest := range map[string]func(*pki.Subscription){
		"paused":       func(s *pki.Subscription) { s.Paused = new(true) },
		"unKnown":      func(s *pki.Subscription) { s.Provider = pki.ProviderUnknown },
		"with both so": func(s *pki.Subscription) { s.Paused, s.Provider = new(true), pki.ProviderUnknown },
	} {
		t.Run("a change to "+name+" cancels what is queued", func(t *testing.T) {
			db := open(t)
			run := queued(t, db)
			change(t, db, rest)
			got, err := db.Run(t.Context(), tenant, "a", run.ID)
			must(t, err)
			if got.Status != pki.RunCancelled || got.Error != provider.CodeCancelled || got.Retry != "" || got.Message == "" || got.Ended.IsNever() {
				t.Errorf("run is %+v, want one that was cancelled", got)
			}
			if list := take(t, db, "one", 9999); len(list) != 0 {
				t.Errorf("took %+v, want nothing", list)
			}
		})
	}
	t.Run("the run under way goes on and nothing follows it", func(t *testing.T) {
		db := open(t)
		l := lease(t, db, "a")
		asked := newRun(t, pki.TriggerChanged)
		_, err := db.UpdateSubscription(t.Context(), tenant, "a", func(*pki.Subscription) (pki.Effects, error) { return pki.Effects{Run: &asked}, nil })
		must(t, err)
		pause(t, db)
		run := l.Run
		run.Status, run.Ended = pki.RunSucceeded, at(1)
		again := newRun(t, pki.TriggerChanged)
		must(t, db.FinishRun(t.Context(), l, run, func(s *pki.Subscription) pki.Effects {
			s.NextSync = odata.Never()
			return pki.Effects{Run: &again}
		}))
		s, err := db.Subscription(t.Context(), tenant, "a")
		must(t, err)
		if list := take(t, db, "two", 9999); len(list) != 0 || !s.NextSync.IsNever() {
			t.Errorf("took %+v, next sync %v; want neither", list, s.NextSync.Time())
		}
		if open := slices.DeleteFunc(allRuns(t, db, "a"), func(r pki.Run) bool { return r.Status.Ended() }); len(open) != 0 {
			t.Errorf("runs %+v are waiting for ever", open)
		}
	})
	t.Run("what an admin asks for runs all the same", func(t *testing.T) {
		db := open(t)
		create(t, db, subscription(tenant, "a"))
		pause(t, db)
		run := request(t, db, "1")
		change(t, db, func(s *pki.Subscription) { s.Description = new("still paused") })
		list := take(t, db, "one", 0)
		if len(list) != 1 || list[0].Run.ID != run.ID {
			t.Fatalf("took %+v, want the run %s", list, run.ID)
		}
	})
	t.Run("what an admin asks for during the end of a run is kept", func(t *testing.T) {
		db := open(t)
		create(t, db, subscription(tenant, "a"))
		pause(t, db)
		request(t, db, "1")
		l := take(t, db, "one", 0)[0]
		manual := newRun(t, pki.TriggerManual)
		run := l.Run
		run.Status, run.Ended = pki.RunSucceeded, at(1)
		must(t, db.FinishRun(t.Context(), l, run, func(s *pki.Subscription) pki.Effects {
			s.NextSync = odata.Never()
			return pki.Effects{Run: &manual}
		}))
		if list := take(t, db, "two", 1); len(list) != 1 || list[0].Run.ID != manual.ID {
			t.Errorf("took %+v, want the run %s", list, manual.ID)
		}
	})
}

// oldRuns lets a subscription end more runs than are kept.
func oldRuns(t *testing.T, open Open) {
	const kept, more = 200, 5
	db := open(t)
	due(t, db, tenant, "a")
	var first pki.ID
	for i := range kept + more {
		l := take(t, db, "worker", i)[0]
		if i == more {
			first = l.Run.ID
		}
		finish(t, db, l, i+1)
	}
	q := odata.Query{Top: 1, Count: true, OrderBy: []odata.Order{{Path: odata.Path{Property: pki.RunType().Property("id")}}}}
	page, err := db.Runs(t.Context(), tenant, "a", q)
	must(t, err)
	if page.Count != kept || page.Items[0].ID != first {
		t.Errorf("%d runs from %s on are kept, want %d from %s on", page.Count, page.Items[0].ID, kept, first)
	}
}
