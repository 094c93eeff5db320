package syncer_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/store"
	"cloudpki/internal/syncer"
)

// lease is short, so that heartbeats and expiries fit into a test.
const lease = 300 * time.Millisecond

func openStore(t *testing.T) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "cloudpki.db")})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// subscribe stores n subscriptions of a tenant that are due now.
func subscribe(t *testing.T, db *store.DB, tenant pki.TenantID, n int) {
	t.Helper()
	now := odata.FromTime(time.Now())
	for i := range n {
		run, err := pki.NewRun(pki.TriggerCreated, now)
		must(t, err)
		must(t, db.CreateSubscription(t.Context(), pki.Subscription{
			Tenant: tenant, ID: pki.ID(fmt.Sprint("s", i)), Key: int64(len(tenant)*1000 + i), Provider: "symantec",
			Created: now, LastModified: now, LastSync: odata.Never(), NextSync: now, Version: 1, Revision: 1,
		}, pki.Effects{Run: &run}, nil))
	}
}

// start runs a syncer until the test ends or stop is called, which waits.
func start(t *testing.T, db *store.DB, owner string, workers, perTenant int, work func(context.Context, pki.Lease) error) (stop func()) {
	t.Helper()
	return startWith(t, syncer.Options{
		Leases: db, Sync: work, Owner: owner, Workers: workers, PerTenant: perTenant, Waiting: 0, Lease: lease, Stall: time.Minute, Now: time.Now,
	})
}

func startWith(t *testing.T, o syncer.Options) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := syncer.New(o)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// finish ends a run as a sync does.
func finish(t *testing.T, db *store.DB, l pki.Lease) error {
	l.Run.Status, l.Run.Ended = pki.RunSucceeded, odata.FromTime(time.Now())
	return db.FinishRun(t.Context(), l, l.Run, func(s *pki.Subscription) pki.Effects {
		s.NextSync = odata.FromTime(time.Now().Add(time.Hour))
		return pki.Effects{}
	})
}

// A gauge counts how many are inside at once.
type gauge struct {
	mu        sync.Mutex
	now, most map[pki.TenantID]int
	all, peak int
}

func (g *gauge) enter(t pki.TenantID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.now == nil {
		g.now, g.most = map[pki.TenantID]int{}, map[pki.TenantID]int{}
	}
	g.now[t]++
	g.all++
	g.most[t], g.peak = max(g.most[t], g.now[t]), max(g.peak, g.all)
}

// reached returns how many were inside at most, of all tenants and of one.
func (g *gauge) reached(t pki.TenantID) (all, one int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.peak, g.most[t]
}

func (g *gauge) leave(t pki.TenantID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now[t]--
	g.all--
}

func TestBounds(t *testing.T) {
	db := openStore(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent()) // the store's own end later
	subscribe(t, db, "large", 12)
	subscribe(t, db, "small!", 2)
	var g gauge
	done := make(chan pki.TenantID, 20)
	stop := start(t, db, "a", 4, 3, func(_ context.Context, l pki.Lease) error {
		g.enter(l.Tenant)
		time.Sleep(20 * time.Millisecond)
		g.leave(l.Tenant)
		done <- l.Tenant
		return finish(t, db, l)
	})
	var order []pki.TenantID
	for range 14 {
		select {
		case tenant := <-done:
			order = append(order, tenant)
		case <-time.After(10 * time.Second):
			t.Fatalf("only %d of 14 were synced", len(order))
		}
	}
	stop()
	if all, large := g.reached("large"); all > 4 || large > 3 {
		t.Errorf("%d at once, %d of one tenant; the bounds are 4 and 3", all, large)
	}
	// The large tenant was due first, but its bound leaves a worker for others.
	if i := slices.Index(order, "small!"); i >= 4 {
		t.Errorf("the small tenant was synced as number %d first", i+1)
	}
}

// What is asked for while the syncer sleeps is taken up at once.
func TestWakes(t *testing.T) {
	db := openStore(t)
	took := make(chan time.Time, 1)
	start(t, db, "a", 2, 2, func(_ context.Context, l pki.Lease) error {
		took <- time.Now()
		return finish(t, db, l)
	})
	time.Sleep(50 * time.Millisecond)
	asked := time.Now()
	subscribe(t, db, "t", 1)
	select {
	case at := <-took:
		if wait := at.Sub(asked); wait > time.Second {
			t.Errorf("taken up after %v", wait)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("not taken up")
	}
}

// What a person asks for goes before what is due by schedule.
func TestDemandGoesFirst(t *testing.T) {
	db := openStore(t)
	subscribe(t, db, "t", 6)
	run, err := pki.NewRun(pki.TriggerManual, odata.FromTime(time.Now()))
	must(t, err)
	_, err = db.RequestRun(t.Context(), "t", "s5", run, pki.AuditEvent{ID: run.ID, Activity: pki.ActivitySync})
	must(t, err)
	first := make(chan pki.ID, 6)
	start(t, db, "a", 1, 1, func(_ context.Context, l pki.Lease) error {
		first <- l.Subscription
		return finish(t, db, l)
	})
	if id := <-first; id != "s5" {
		t.Errorf("%s was synced first, s5 was asked for", id)
	}
}

// A run that takes longer than a lease keeps it.
func TestHeartbeat(t *testing.T) {
	db := openStore(t)
	subscribe(t, db, "t", 1)
	begun, done := make(chan struct{}), make(chan error, 1)
	start(t, db, "a", 1, 1, func(ctx context.Context, l pki.Lease) error {
		close(begun)
		select {
		case <-ctx.Done():
			done <- context.Cause(ctx)
			return ctx.Err()
		case <-time.After(4 * lease):
		}
		err := finish(t, db, l)
		done <- err
		return err
	})
	<-begun
	watch(t, db, func(l pki.Lease) {
		t.Errorf("another worker took a live lease: %+v", l)
	})
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// watch tries to take leases as another process would, until the test ends.
func watch(t *testing.T, db *store.DB, taken func(pki.Lease)) {
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() {
		for ctx.Err() == nil {
			now := time.Now()
			leases, err := db.TakeDue(ctx, "b", odata.FromTime(now), odata.FromTime(now.Add(lease)), 1, pki.Bounds{PerTenant: 1})
			if err != nil && ctx.Err() == nil {
				t.Error(err)
			}
			for _, l := range leases {
				taken(l)
			}
			time.Sleep(lease / 10)
		}
	})
	t.Cleanup(func() { cancel(); wait.Wait() })
}

// A worker whose lease was taken is told to stop, and can write nothing.
func TestLeaseLost(t *testing.T) {
	db := openStore(t)
	subscribe(t, db, "t", 1)
	begun, ended := make(chan pki.Lease, 1), make(chan error, 1)
	stop := start(t, db, "a", 1, 1, func(ctx context.Context, l pki.Lease) error {
		begun <- l
		<-ctx.Done()
		err := finish(t, db, l)
		ended <- err
		return err
	})
	old := <-begun
	later := odata.FromTime(time.Now().Add(time.Hour))
	leases, err := db.TakeDue(t.Context(), "thief", later, odata.FromTime(time.Now().Add(2*time.Hour)), 1, pki.Bounds{PerTenant: 1})
	if err != nil || len(leases) != 1 || leases[0].Fence <= old.Fence || leases[0].Run.ID != old.Run.ID || leases[0].Run.Attempt != 2 {
		t.Fatalf("taken over: %+v, %v", leases, err)
	}
	select {
	case err := <-ended:
		if pki.CodeOf(err) != pki.CodeLeaseLost {
			t.Errorf("a late write: err = %v, want leaseLost", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the worker was not told")
	}
	stop()
	must(t, finish(t, db, leases[0]))
}

// Stopping interrupts runs and gives them back; the next process resumes them.
func TestStopGivesBack(t *testing.T) {
	db := openStore(t)
	subscribe(t, db, "t", 1)
	begun := make(chan pki.Lease, 1)
	stop := start(t, db, "a", 1, 1, func(ctx context.Context, l pki.Lease) error {
		begun <- l
		<-ctx.Done()
		return ctx.Err()
	})
	first := <-begun
	stop()
	resumed := make(chan pki.Lease, 1)
	start(t, db, "b", 1, 1, func(_ context.Context, l pki.Lease) error {
		resumed <- l
		return finish(t, db, l)
	})
	select {
	case l := <-resumed:
		if l.Run.ID != first.Run.ID || l.Run.Attempt != 2 {
			t.Errorf("resumed %+v, begun %+v", l.Run, first.Run)
		}
	case <-time.After(lease): // sooner than the lease would have expired
		t.Error("not resumed at once")
	}
}

// What a killed process held is taken up at the start of the next one.
func TestDeadOwner(t *testing.T) {
	db := openStore(t)
	subscribe(t, db, "t", 1)
	now := time.Now()
	held, err := db.TakeDue(t.Context(), "dead", odata.FromTime(now), odata.FromTime(now.Add(time.Hour)), 1, pki.Bounds{PerTenant: 1})
	if err != nil || len(held) != 1 {
		t.Fatal(held, err)
	}
	took := make(chan pki.Lease, 1)
	start(t, db, "a", 1, 1, func(_ context.Context, l pki.Lease) error {
		took <- l
		return finish(t, db, l)
	})
	select {
	case l := <-took:
		if l.Run.ID != held[0].Run.ID {
			t.Errorf("run %s, want %s resumed", l.Run.ID, held[0].Run.ID)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("not taken up")
	}
}

// An outcome that cannot be stored leaves the lease to expire, so that a
// failing store is not hammered.
func TestStoreFault(t *testing.T) {
	db := openStore(t)
	subscribe(t, db, "t", 1)
	var mu sync.Mutex
	var tries []time.Time
	second := make(chan struct{})
	start(t, db, "a", 1, 1, func(_ context.Context, l pki.Lease) error {
		mu.Lock()
		defer mu.Unlock()
		if tries = append(tries, time.Now()); len(tries) == 2 {
			close(second)
			return finish(t, db, l)
		}
		return errors.New("disk full")
	})
	select {
	case <-second:
	case <-time.After(10 * time.Second):
		t.Fatal("not tried again")
	}
	if wait := tries[1].Sub(tries[0]); wait < lease/2 {
		t.Errorf("tried again after %v", wait)
	}
}
