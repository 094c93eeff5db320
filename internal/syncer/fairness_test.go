package syncer_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/store"
	"cloudpki/internal/syncer"
)

// A fleet is many subscriptions, of which every tenth, the first included, has a
// CA that accepts connections and never answers.
type fleet struct {
	size    int
	tenants int
	hanging bool          // else those CAs do not exist
	took    time.Duration // a sync of the others
}

const (
	fleetSize   = 200
	hangs       = 10
	callTimeout = 60 * time.Second
)

// run syncs the fleet for the first time, on a clock of its own, and returns
// when the last healthy sync ended.
func (f fleet) run(t *testing.T) (took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		db := openStore(t)
		begun := time.Now()
		due := odata.FromTime(begun)
		healthy := 0
		for i := range f.size {
			if i%hangs == 0 && !f.hanging {
				continue
			}
			if i%hangs != 0 {
				healthy++
			}
			tenant := pki.TenantID(fmt.Sprint("tenant-", i/hangs%f.tenants))
			uri := fmt.Sprintf("https://ca-%03d.example.com/", i)
			must(t, db.CreateSubscription(t.Context(), pki.Subscription{
				Tenant: tenant, ID: pki.ID(fmt.Sprintf("s%03d", i)), Key: int64(i), Provider: "symantec", ServiceURI: &uri,
				Created: due, LastModified: due, LastSync: odata.Never(), NextSync: odata.FromTime(begun.Add(-time.Hour + time.Duration(i))), Version: 1, Revision: 1,
			}, pki.Effects{}, nil))
		}
		var all sync.WaitGroup
		all.Add(healthy)
		stop := startFleet(t, db, func(ctx context.Context, l pki.Lease, hear func()) error {
			if l.Key%hangs == 0 {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(callTimeout):
					return finish(t, db, l)
				}
			}
			for range 4 { // calls
				time.Sleep(f.took / 4)
				hear()
			}
			defer all.Done()
			return finish(t, db, l)
		})
		all.Wait()
		took = time.Since(begun)
		stop()
	})
	return took
}

func startFleet(t *testing.T, db *store.DB, work func(context.Context, pki.Lease, func()) error) (stop func()) {
	t.Helper()
	return startWith(t, syncer.Options{
		Leases: db, Owner: "a", Workers: 8, PerTenant: 4, PerHost: 2, Waiting: 256, Lease: 30 * time.Second, Stall: 2 * time.Minute, Now: time.Now,
		Sync: func(ctx context.Context, l pki.Lease) error { return work(ctx, l, func() { provider.Progress(ctx) }) },
	})
}

// One CA in ten that hangs costs the others at most a fifth more time, from first
// contact on, for one tenant and for many, whether syncs are fast or slow.
func TestFairness(t *testing.T) {
	for _, f := range []fleet{
		{size: fleetSize, tenants: 1, took: 100 * time.Millisecond},
		{size: 60, tenants: 1, took: 20 * time.Second}, // which step aside themselves
		{size: 60, tenants: 6, took: time.Second},
	} {
		t.Run(fmt.Sprintf("%d tenants, %v", f.tenants, f.took), func(t *testing.T) {
			alone := f.run(t)
			f.hanging = true
			beside := f.run(t)
			if ratio := float64(beside) / float64(alone); ratio > 1.2 {
				t.Errorf("the healthy ones took %v instead of %v: %.2f times as long", beside, alone, ratio)
			} else {
				t.Logf("%v without, %v beside those that hang: %.3f", alone, beside, ratio)
			}
		})
	}
}
