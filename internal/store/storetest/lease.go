package storetest

import (
	"fmt"
	"slices"
	"testing"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/store"
)

// due creates a subscription that is due at at(0).
func due(tb testing.TB, db *store.DB, t pki.TenantID, id pki.ID) {
	tb.Helper()
	s := subscription(t, id)
	s.NextSync = at(0)
	create(tb, db, s)
}

// take leases what is due at now for ten seconds.
func take(tb testing.TB, db *store.DB, owner string, now int) []pki.Lease {
	tb.Helper()
	list, err := db.TakeDue(tb.Context(), owner, at(now), at(now+10), 100, pki.Bounds{PerTenant: 100})
	must(tb, err)
	return list
}

// lease creates a due subscription and leases it until at(10).
func lease(tb testing.TB, db *store.DB, id pki.ID) pki.Lease {
	tb.Helper()
	due(tb, db, tenant, id)
	list := take(tb, db, "worker", 0)
	if len(list) != 1 {
		tb.Fatalf("%d subscriptions were due, want 1", len(list))
	}
	return list[0]
}

// finish ends the run of l with success; the next sync is at at(next).
func finish(tb testing.TB, db *store.DB, l pki.Lease, next int) {
	tb.Helper()
	run := l.Run
	run.Status, run.Ended = pki.RunSucceeded, at(1)
	must(tb, db.FinishRun(tb.Context(), l, run, func(s *pki.Subscription) pki.Effects {
		s.NextSync, s.SyncStatus, s.LastSync = at(next), pki.SyncSucceeded, at(1)
		return pki.Effects{}
	}))
}

func allRuns(tb testing.TB, db *store.DB, sub pki.ID) []pki.Run {
	tb.Helper()
	page, err := db.Runs(tb.Context(), tenant, sub, odata.Query{Top: 100})
	must(tb, err)
	return page.Items
}

func leases(t *testing.T, open Open) {
	t.Run("what is due is taken once, oldest first", func(t *testing.T) {
		db := open(t)
		for i, id := range []pki.ID{"b", "c", "a"} {
			s := subscription(tenant, id)
			s.NextSync = at(i)
			create(t, db, s)
		}
		create(t, db, subscription(tenant, "never"))
		list, err := db.TakeDue(t.Context(), "one", at(1), at(20), 5, pki.Bounds{PerTenant: 5})
		must(t, err)
		if len(list) != 2 || list[0].Subscription != "b" || list[1].Subscription != "c" {
			t.Fatalf("took %v, want b and c", list)
		}
		l := list[0]
		if l.Tenant != tenant || l.Owner != "one" || l.Until != at(20) || l.Fence != 1 || l.Key != keyOf("b") {
			t.Errorf("lease is %+v", l)
		}
		if l.Run.Status != pki.RunRunning || l.Run.Attempt != 1 || l.Run.Trigger != pki.TriggerSchedule || l.Run.Started != at(1) {
			t.Errorf("run is %+v", l.Run)
		}
		if again := take(t, db, "two", 5); len(again) != 1 || again[0].Subscription != "a" {
			t.Errorf("then took %v, want a", again)
		}
	})
	t.Run("no tenant has more leases than it may", func(t *testing.T) { perTenant(t, open) })
	fairLeases(t, open)
	t.Run("a run that was asked for is taken up", func(t *testing.T) {
		db := open(t)
		s, run := subscription(tenant, "a"), newRun(t, pki.TriggerCreated)
		s.NextSync = at(0)
		must(t, db.CreateSubscription(t.Context(), s, pki.Effects{Run: &run}, nil))
		list := take(t, db, "one", 0)
		if len(list) != 1 || list[0].Run.ID != run.ID || list[0].Run.Trigger != pki.TriggerCreated {
			t.Fatalf("took %+v, want run %s", list, run.ID)
		}
	})
	t.Run("a dead owner's run is resumed", func(t *testing.T) { resume(t, open) })
	t.Run("the fence keeps a late writer out", func(t *testing.T) { fence(t, open) })
	t.Run("the next due time", func(t *testing.T) {
		db := open(t)
		expect := func(want odata.DateTimeOffset) {
			t.Helper()
			got, err := db.NextDue(t.Context())
			must(t, err)
			if got != want {
				t.Errorf("next due is %v, want %v", got.Time(), want.Time())
			}
		}
		expect(odata.Never())
		create(t, db, subscription(tenant, "never"))
		expect(odata.Never())
		due(t, db, tenant, "a")
		expect(at(0))
		l := take(t, db, "one", 0)[0]
		expect(at(10))
		stop, err := db.Extend(t.Context(), l, at(15))
		must(t, err)
		if stop {
			t.Error("nobody asked the run to stop")
		}
		expect(at(15))
		finish(t, db, l, 60)
		expect(at(60))
	})
}

func perTenant(t *testing.T, open Open) {
	db := open(t)
	for i := range 20 {
		due(t, db, tenant, pki.ID(fmt.Sprintf("a%02d", i)))
	}
	due(t, db, another, "b")
	takeSome := func(now int) []pki.Lease {
		list, err := db.TakeDue(t.Context(), "one", at(now), at(now+10), 10, pki.Bounds{PerTenant: 3})
		must(t, err)
		return list
	}
	count := func(list []pki.Lease, tenant pki.TenantID) (n int) {
		for _, l := range list {
			if l.Tenant == tenant {
				n++
			}
		}
		return n
	}
	list := takeSome(0)
	if count(list, tenant) != 3 || count(list, another) != 1 {
		t.Fatalf("took %v, want 3 and 1", list)
	}
	if more := takeSome(1); len(more) != 0 {
		t.Errorf("took %d more, want none", len(more))
	}
	finish(t, db, list[slices.IndexFunc(list, func(l pki.Lease) bool { return l.Tenant == tenant })], 99)
	if more := takeSome(2); len(more) != 1 {
		t.Errorf("took %d after one ended, want 1", len(more))
	}
}

func resume(t *testing.T, open Open) {
	db := open(t)
	l := lease(t, db, "a")
	run := l.Run
	run.Total, run.Counts = 900, pki.Counts{Found: 700, New: 700}
	run.Stages = []pki.Stage{{Name: pki.StageInventory, Started: at(0), Ended: odata.Never()}}
	must(t, db.SaveRun(t.Context(), l, run))
	// An admin who pauses meanwhile must not leave the run half done for ever.
	_, err := db.UpdateSubscription(t.Context(), tenant, "a", func(s *pki.Subscription) (pki.Effects, error) {
		s.NextSync = odata.Never()
		return pki.Effects{}, nil
	})
	must(t, err)
	if list := take(t, db, "two", 9); len(list) != 0 {
		t.Fatal("a live lease was taken")
	}
	resumed := take(t, db, "two", 10)
	if len(resumed) != 1 {
		t.Fatal("a lease that ran out was not taken")
	}
	got := resumed[0].Run
	if got.ID != run.ID || got.Attempt != 2 || got.Counts != run.Counts || got.Total != 900 || got.Started != run.Started || len(got.Stages) != 1 {
		t.Errorf("resumed run is %+v", got)
	}
	must(t, db.Release(t.Context(), resumed[0]))
	if again := take(t, db, "three", 11); len(again) != 1 || again[0].Run.ID != run.ID || again[0].Run.Attempt != 3 {
		t.Errorf("after its release the run was not resumed: %+v", again)
	}
}

func fence(t *testing.T, open Open) {
	db := open(t)
	late := lease(t, db, "a")
	taken := take(t, db, late.Owner, 10) // the same process again
	if len(taken) != 1 || taken[0].Fence <= late.Fence {
		t.Fatalf("took %+v after %+v", taken, late)
	}
	refused := func(t *testing.T, l pki.Lease) {
		ctx := t.Context()
		run := l.Run
		_, err := db.Extend(ctx, l, at(30))
		code(t, err, pki.CodeLeaseLost)
		code(t, db.Release(ctx, l), pki.CodeLeaseLost)
		code(t, db.SaveRun(ctx, l, run), pki.CodeLeaseLost)
		code(t, db.SaveAuthorities(ctx, l, nil, nil), pki.CodeLeaseLost)
		_, err = db.SavePage(ctx, l, pki.RunPage{Run: run, Now: at(1), Certificates: []pki.Certificate{certificate("late")}})
		code(t, err, pki.CodeLeaseLost)
		_, err = db.MarkMissing(ctx, l, l.Run.ID, at(1), func(int, int) error { return nil })
		code(t, err, pki.CodeLeaseLost)
		code(t, db.FinishRun(ctx, l, run, func(*pki.Subscription) pki.Effects {
			t.Error("change was called without a lease")
			return pki.Effects{}
		}), pki.CodeLeaseLost)
	}
	t.Run("after another has taken over", func(t *testing.T) { refused(t, late) })
	t.Run("with a foreign tenant", func(t *testing.T) {
		l := taken[0]
		l.Tenant = another
		refused(t, l)
	})
	t.Run("after the end", func(t *testing.T) {
		finish(t, db, taken[0], 99)
		refused(t, taken[0])
	})
	t.Run("after the subscription is gone", func(t *testing.T) {
		l := lease(t, db, "b")
		must(t, db.DeleteSubscription(t.Context(), tenant, "b", nil, pki.AuditEvent{ID: "gone", At: at(1)}))
		again := subscription(tenant, "b")
		again.Key++
		create(t, db, again)
		refused(t, l)
	})
	if page, err := db.Certificates(t.Context(), tenant, "a", odata.Query{Top: 1}); err != nil || len(page.Items) != 0 {
		t.Errorf("a late writer has written: %v, %v", page.Items, err)
	}
}
