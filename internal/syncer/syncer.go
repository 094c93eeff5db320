package syncer

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// Options are what a Syncer is made from. All but Log are required.
type Options struct {
	Leases    Leases
	Sync      func(context.Context, pki.Lease) error // one run to its end: pki.Service.Sync
	Owner     string                                 // names this process among all that share the store
	Workers   int                                    // runs at work at once
	PerTenant int                                    // of one tenant, in all processes
	PerHost   int                                    // of one host of CAs, in all processes; 0 for any number
	Waiting   int                                    // runs at once besides, whose CA does not answer
	Lease     time.Duration                          // how long a dead process holds its runs
	Stall     time.Duration                          // a run without a sign of life for so long is ended
	Now       func() time.Time
	Log       *slog.Logger
}

// A Syncer runs what is due until it is stopped.
type Syncer struct {
	Options

	running sync.WaitGroup
	free    chan struct{} // a token for each worker that has nothing to do
	aside   chan struct{} // a token for each further run that may wait
	ended   chan struct{} // receives when a worker has become free
	pace    pace
	clock   clock
}

const (
	// longestSleep bounds how late a subscription is noticed that another
	// process made due without this one being told.
	longestSleep = 15 * time.Second

	// breath is how long the syncer waits after a fault of the store.
	breath = time.Second

	// farewell is how long giving back a lease may take while stopping.
	farewell = 5 * time.Second
)

// New returns a Syncer that does nothing until Run.
func New(o Options) *Syncer {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Syncer{Options: o, free: tokens(o.Workers), aside: tokens(o.Waiting), ended: make(chan struct{}, 1)}
}

func tokens(n int) chan struct{} {
	c := make(chan struct{}, n)
	for range n {
		c <- struct{}{}
	}
	return c
}

// Load returns how many runs are at work, and how many wait besides for a CA
// that does not answer.
func (s *Syncer) Load() (atWork, waiting int) {
	return cap(s.free) - len(s.free), cap(s.aside) - len(s.aside)
}

// Run takes leases and runs them until ctx is done. It returns when every run
// has ended or has been given back to be resumed by the next process.
func (s *Syncer) Run(ctx context.Context) error {
	if err := s.recover(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	defer s.running.Wait()
	for ctx.Err() == nil {
		s.sleep(ctx, s.startDue(ctx))
	}
	return nil
}

// startDue starts what is due and returns how long to sleep at most.
func (s *Syncer) startDue(ctx context.Context) time.Duration {
	limit := len(s.free)
	if limit == 0 {
		return longestSleep // the end of a run wakes
	}
	if wait, err := s.watchClock(ctx); wait > 0 || err != nil {
		return max(wait, s.complain(ctx, "mend the schedule", err))
	}
	now := s.Now()
	leases, err := s.Leases.TakeDue(ctx, s.Owner, odata.FromTime(now), odata.FromTime(now.Add(s.Lease)), limit,
		pki.Bounds{PerTenant: s.PerTenant, PerHost: s.PerHost})
	if err != nil {
		return s.complain(ctx, "take due subscriptions", err)
	}
	for _, l := range leases {
		<-s.free
		s.running.Add(1)
		go s.run(ctx, l)
	}
	if len(leases) == limit {
		return longestSleep
	}
	due, err := s.Leases.NextDue(ctx)
	if err != nil {
		return s.complain(ctx, "look up the next due subscription", err)
	}
	if due.IsNever() {
		return longestSleep
	}
	// What is due already was held back by a bound; the end of a run wakes.
	return min(max(due.Time().Sub(s.Now()), breath), longestSleep)
}

func (s *Syncer) complain(ctx context.Context, what string, err error) time.Duration {
	if err != nil && ctx.Err() == nil {
		s.Log.Error("syncer cannot "+what, slog.Any("error", err))
	}
	return breath
}

func (s *Syncer) sleep(ctx context.Context, most time.Duration) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-s.Leases.Wake():
	case <-s.ended:
	}
}

// run does one leased run while somebody attends to it.
func (s *Syncer) run(ctx context.Context, l pki.Lease) {
	defer s.running.Done()
	begun := time.Now()
	ctx, stop := context.WithCancelCause(ctx)
	a := &attendant{Syncer: s, lease: l, stop: stop, heard: make(chan struct{}, 1)}
	var attending sync.WaitGroup
	attending.Go(func() { a.attend(ctx) })
	err := s.Sync(pki.WithProgress(ctx, a.hear), l)
	lost := errors.Is(context.Cause(ctx), errLost) || pki.CodeOf(err) == pki.CodeLeaseLost
	stopping := ctx.Err() != nil
	stop(nil)
	attending.Wait()
	defer a.leave()
	switch {
	case err == nil:
		a.tellPace(time.Since(begun))
	case lost:
		s.Log.Warn("another worker took over a sync", slog.String("run", string(l.Run.ID)))
	case stopping:
		s.release(ctx, l)
	case pki.CodeOf(err) == pki.CodeNotFound:
		// Deleted meanwhile: there is nothing left to report to.
	default:
		// The lease is left to expire: a store that fails is not hammered.
		s.Log.Error("outcome of a sync could not be stored", slog.String("run", string(l.Run.ID)), slog.Any("error", err))
	}
}

// freeWorker tells that one more run may begin.
func (s *Syncer) freeWorker() {
	s.free <- struct{}{}
	select {
	case s.ended <- struct{}{}:
	default: // a wake-up is pending already
	}
}

// release gives back a run that stopping interrupts, so that the next process
// resumes it at once.
func (s *Syncer) release(ctx context.Context, l pki.Lease) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer stop()
	if err := s.Leases.Release(ctx, l); err != nil {
		s.Log.Warn("interrupted sync could not be given back; it resumes when its lease expires",
			slog.String("run", string(l.Run.ID)), slog.Any("error", err))
	}
}
