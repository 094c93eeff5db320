package storetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/store"
)

func newRun(tb testing.TB, trigger pki.Trigger) pki.Run {
	tb.Helper()
	run, err := pki.NewRun(trigger, at(0))
	must(tb, err)
	return run
}

func event(id pki.ID) pki.AuditEvent {
	return pki.AuditEvent{
		ID: id, At: at(1), Activity: pki.ActivitySync, Object: "a", Members: []string{"displayName", "credentials/adminPassword"},
		Actor: pki.Actor{Client: "client", Subject: "subject", Name: "Änne", RequestID: "request"},
	}
}

func runs(t *testing.T, open Open) {
	t.Run("what is stored of a run comes back", func(t *testing.T) {
		db := open(t)
		l := lease(t, db, "a")
		want := pki.Run{
			ID: l.Run.ID, Status: pki.RunFailed, Trigger: pki.TriggerManual, Queued: at(-5), Started: at(0), Ended: at(9), Attempt: 4,
			Stages: []pki.Stage{{Name: pki.StageConnect, Started: at(0), Ended: at(1)}, {Name: pki.StageFinish, Started: at(1), Ended: odata.Never()}},
			Counts: pki.Counts{Found: 1, New: 2, Changed: 3, Unchanged: 4, Skipped: 5, Revoked: 6, Missing: 7}, Total: 0, DryRun: true, TrustChange: "CN=«root»: trusted",
			Error: provider.CodeConnect, Message: "connect: «no route»", Retry: provider.RetryBackOff, RequestID: "tx", NextTry: at(50),
		}
		must(t, db.FinishRun(t.Context(), l, want, func(*pki.Subscription) pki.Effects { return pki.Effects{} }))
		got, err := db.Run(t.Context(), tenant, "a", want.ID)
		must(t, err)
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
	t.Run("the end of a run changes the subscription", func(t *testing.T) {
		db := open(t)
		l := lease(t, db, "a")
		run, e := l.Run, event("0001")
		run.Status, run.Ended = pki.RunSucceeded, at(3)
		must(t, db.FinishRun(t.Context(), l, run, func(s *pki.Subscription) pki.Effects {
			s.TrustedRoot, s.NextSync, s.Version = []byte("root"), at(90), 2
			return pki.Effects{Audit: &e}
		}))
		s, err := db.Subscription(t.Context(), tenant, "a")
		must(t, err)
		if string(s.TrustedRoot) != "root" || s.NextSync != at(90) || s.Version != 2 || s.Revision != 2 {
			t.Errorf("subscription is %+v", s)
		}
		audit, err := db.AuditEvents(t.Context(), tenant, odata.Query{Top: 10})
		must(t, err)
		if d := cmp.Diff([]pki.AuditEvent{e}, audit.Items); d != "" {
			t.Error(d)
		}
	})
	t.Run("the newest are kept", func(t *testing.T) { oldRuns(t, open) })
	t.Run("a request", func(t *testing.T) { requests(t, open) })
	t.Run("a change asks for a run although one is running", func(t *testing.T) {
		db := open(t)
		l := lease(t, db, "a")
		first, second := newRun(t, pki.TriggerChanged), newRun(t, pki.TriggerChanged)
		for _, run := range []pki.Run{first, second} {
			_, err := db.UpdateSubscription(t.Context(), tenant, "a", func(*pki.Subscription) (pki.Effects, error) {
				return pki.Effects{Run: &run}, nil
			})
			must(t, err)
		}
		finish(t, db, l, 9999)
		list := take(t, db, "two", 1)
		if len(list) != 1 || list[0].Run.ID != first.ID {
			t.Fatalf("took %+v, want the run %s that was asked for", list, first.ID)
		}
		if n := len(allRuns(t, db, "a")); n != 2 {
			t.Errorf("there are %d runs, want 2: the second request joins the first", n)
		}
	})
}

func requests(t *testing.T, open Open) {
	ask := func(t *testing.T, db *store.DB, e pki.ID) (pki.Run, pki.Run) {
		run := newRun(t, pki.TriggerManual)
		told, err := db.RequestRun(t.Context(), tenant, "a", run, event(e))
		must(t, err)
		return run, told
	}
	t.Run("makes a run that is due and wakes", func(t *testing.T) {
		db := open(t)
		create(t, db, subscription(tenant, "a"))
		drain(db)
		run, told := ask(t, db, "1")
		if d := cmp.Diff(run, told); d != "" {
			t.Error(d)
		}
		select {
		case <-db.Wake():
		default:
			t.Error("nobody was woken")
		}
		if s, _ := db.Subscription(t.Context(), tenant, "a"); s.NextSync != run.Queued || s.Revision != 2 {
			t.Errorf("next sync is %v, revision %d", s.NextSync.Time(), s.Revision)
		}
		if list := take(t, db, "one", 0); len(list) != 1 || list[0].Run.ID != run.ID || list[0].Run.Trigger != pki.TriggerManual {
			t.Errorf("took %+v", list)
		}
	})
	t.Run("joins the run that is queued or running", func(t *testing.T) {
		db := open(t)
		create(t, db, subscription(tenant, "a"))
		run, _ := ask(t, db, "1")
		if _, told := ask(t, db, "2"); told.ID != run.ID {
			t.Errorf("told %s, want the queued %s", told.ID, run.ID)
		}
		l := take(t, db, "one", 0)[0]
		if _, told := ask(t, db, "3"); told.ID != run.ID || told.Status != pki.RunRunning {
			t.Errorf("told %+v, want the running %s", told, run.ID)
		}
		finish(t, db, l, 99)
		if again, told := ask(t, db, "4"); told.ID != again.ID {
			t.Errorf("told %s after the end, want the new %s", told.ID, again.ID)
		}
	})
	t.Run("for what is not there", func(t *testing.T) {
		_, err := open(t).RequestRun(t.Context(), tenant, "nothing", newRun(t, pki.TriggerManual), event("1"))
		code(t, err, pki.CodeNotFound)
	})
}

// drain takes what is in Wake.
func drain(db *store.DB) {
	select {
	case <-db.Wake():
	default:
	}
}
