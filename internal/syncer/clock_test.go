package syncer_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/store"
	"cloudpki/internal/syncer"
)

// A wall is a clock that can be set, on the synthetic time of a bubble.
type wall struct{ ahead atomic.Int64 }

func (w *wall) now() time.Time { return time.Now().Round(0).Add(time.Duration(w.ahead.Load())) }

const interval = 5 * time.Minute

// reschedule ends a run as a sync does: the next is an interval later.
func (w *wall) reschedule(t *testing.T, db *store.DB, l pki.Lease) error {
	now := odata.FromTime(w.now())
	l.Run.Status, l.Run.Ended = pki.RunSucceeded, now
	return db.FinishRun(t.Context(), l, l.Run, func(s *pki.Subscription) pki.Effects {
		s.LastSync, s.NextSync = now, odata.FromTime(w.now().Add(interval))
		return pki.Effects{}
	})
}

func (w *wall) subscribe(t *testing.T, db *store.DB, n int, due func(i int) time.Time) {
	t.Helper()
	now := odata.FromTime(w.now())
	for i := range n {
		must(t, db.CreateSubscription(t.Context(), pki.Subscription{
			Tenant: "t", ID: pki.ID(fmt.Sprint("s", i)), Key: int64(i), Provider: "symantec",
			Created: now, LastModified: now, LastSync: now, NextSync: odata.FromTime(due(i)), Version: 1, Revision: 1,
		}, pki.Effects{}, nil))
	}
}

// However the clock is set, every subscription is synced within an interval of
// it, once, and never more at a time than there are workers.
func TestClockJumps(t *testing.T) {
	const n, workers = 20, 4
	for name, jump := range map[string]time.Duration{
		"a day ahead": 24 * time.Hour, "ten years ahead": 10 * 8766 * time.Hour,
		"a day back": -24 * time.Hour, "ten years back": -10 * 8766 * time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := new(wall)
				db := openStore(t)
				begun := w.now()
				w.subscribe(t, db, n, func(i int) time.Time { return begun.Add(interval * time.Duration(i) / n) })
				var g gauge
				syncs := make(map[pki.ID]int)
				stop := startWith(t, syncer.Options{
					Leases: db, Owner: "a", Workers: workers, PerTenant: workers, Lease: 30 * time.Second, Stall: time.Hour, Now: w.now,
					Sync: func(_ context.Context, l pki.Lease) error {
						g.enter(l.Tenant)
						time.Sleep(time.Second)
						g.leave(l.Tenant)
						g.mu.Lock()
						syncs[l.Subscription]++
						g.mu.Unlock()
						return w.reschedule(t, db, l)
					},
				})
				time.Sleep(interval + time.Minute)
				g.mu.Lock()
				clear(syncs)
				g.mu.Unlock()
				w.ahead.Store(int64(jump))
				time.Sleep(interval + 2*time.Minute)
				stop()
				if len(syncs) != n {
					t.Errorf("%d of %d were synced in the interval after the jump", len(syncs), n)
				}
				for id, times := range syncs {
					if times > 2 {
						t.Errorf("%s was synced %d times in one interval", id, times)
					}
				}
				if all, _ := g.reached("t"); all > workers {
					t.Errorf("%d at once; there are %d workers", all, workers)
				}
			})
		})
	}
}

// A service that comes back after a long time begins no more at once than it
// has workers and room for those that wait.
func TestOverdueAfterRestart(t *testing.T) {
	const n, workers, waiting = 40, 4, 8
	synctest.Test(t, func(t *testing.T) {
		w := new(wall)
		db := openStore(t)
		w.subscribe(t, db, n, func(i int) time.Time { return w.now().Add(-time.Duration(i) * time.Minute) })
		var g gauge
		startWith(t, syncer.Options{
			Leases: db, Owner: "a", Workers: workers, PerTenant: workers, Waiting: waiting, Lease: 30 * time.Second, Stall: time.Hour, Now: w.now,
			Sync: func(_ context.Context, l pki.Lease) error {
				g.enter(l.Tenant)
				defer g.leave(l.Tenant)
				time.Sleep(10 * time.Second) // silent
				return w.reschedule(t, db, l)
			},
		})
		time.Sleep(interval - time.Minute)
		due, err := db.NextDue(t.Context())
		must(t, err)
		if due.Time().Before(w.now()) {
			t.Error("not all were synced before the next interval")
		}
		// Half of those that may wait are one tenant's.
		if all, _ := g.reached("t"); all != workers+waiting/2 {
			t.Errorf("%d at once, want %d", all, workers+waiting/2)
		}
	})
}
