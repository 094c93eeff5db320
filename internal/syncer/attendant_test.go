package syncer_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/store"
	"cloudpki/internal/syncer"
)

// attended runs one sync in a bubble, with a stall of two minutes.
func attended(t *testing.T, db *store.DB, work func(context.Context, pki.Lease) error) {
	t.Helper()
	startWith(t, syncer.Options{
		Leases: db, Sync: work, Owner: "a", Workers: 1, PerTenant: 1, Waiting: 2, Lease: 30 * time.Second, Stall: 2 * time.Minute, Now: time.Now,
	})
}

// A run without a sign of life is ended after the stall time, wherever its
// silence begins, and one that gives signs never is.
func TestStall(t *testing.T) {
	for name, c := range map[string]struct {
		signs int // one a minute
		want  error
		after time.Duration
	}{
		"from the beginning": {0, pki.ErrStalled, 2 * time.Minute},
		"later":              {3, pki.ErrStalled, 5 * time.Minute},
		"never":              {9, nil, 9 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := openStore(t)
				subscribe(t, db, "t", 1)
				ended := make(chan error, 1)
				begun := time.Now()
				attended(t, db, func(ctx context.Context, l pki.Lease) error {
					for range c.signs {
						time.Sleep(time.Minute)
						provider.Progress(ctx)
					}
					if c.want != nil {
						<-ctx.Done()
					}
					ended <- context.Cause(ctx)
					return finish(t, db, l)
				})
				if got := <-ended; !errors.Is(got, c.want) {
					t.Errorf("ended by %v, want %v", got, c.want)
				}
				if got := time.Since(begun); got != c.after {
					t.Errorf("ended after %v, want %v", got, c.after)
				}
			})
		})
	}
}

// A run whose CA is silent gives its worker to the next one and goes on to its
// own end; when nobody else may wait, the next keeps its worker.
func TestSilentRunStepsAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openStore(t)
		subscribe(t, db, "t", 3)
		begun, open := make(chan pki.ID, 3), make(chan struct{})
		release := sync.OnceFunc(func() { close(open) })
		defer release()
		attended(t, db, func(_ context.Context, l pki.Lease) error {
			begun <- l.Subscription
			<-open
			return finish(t, db, l)
		})
		// Of the two that may wait, a tenant takes one.
		time.Sleep(30 * time.Second)
		if len(begun) != 2 {
			t.Fatalf("%d runs began, want one that waits and one at work", len(begun))
		}
		release()
		synctest.Wait()
		time.Sleep(time.Second)
		if len(begun) != 3 {
			t.Error("the third run did not begin after the others had ended")
		}
	})
}

// A sign of life in time keeps the worker.
func TestLivelyRunKeepsWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openStore(t)
		subscribe(t, db, "t", 2)
		var g gauge
		attended(t, db, func(ctx context.Context, l pki.Lease) error {
			g.enter(l.Tenant)
			defer g.leave(l.Tenant)
			for range 100 {
				time.Sleep(50 * time.Millisecond)
				provider.Progress(ctx)
			}
			return finish(t, db, l)
		})
		time.Sleep(time.Minute)
		if all, _ := g.reached("t"); all != 1 {
			t.Errorf("%d runs at once with one worker", all)
		}
	})
}
