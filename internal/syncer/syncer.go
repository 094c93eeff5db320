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
	Workers   int                                    // runs at once
	PerTenant int                                    // runs at once of one tenant
	Lease     time.Duration                          // how long a dead process holds its runs
	Now       func() time.Time
	Log       *slog.Logger
}

// A Syncer runs what is due until it is stopped.
type Syncer struct {
	Options

	running sync.WaitGroup
	free    chan struct{} // a token for each worker that has nothing to do
	ended   chan struct{} // receives when a run ends
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
	s := &Syncer{Options: o, free: make(chan struct{}, o.Workers), ended: make(chan struct{}, 1)}
	for range o.Workers {
		s.free <- struct{}{}
	}
	return s
}

// Run takes leases and runs them until ctx is done. It returns when every run
// has ended or has been given back to be resumed by the next process.
func (s *Syncer) Run(ctx context.Context) error {
	if err := s.Leases.ReleaseOthers(ctx, s.Owner); err != nil && ctx.Err() == nil {
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
	now := s.Now()
	leases, err := s.Leases.TakeDue(ctx, s.Owner, odata.FromTime(now), odata.FromTime(now.Add(s.Lease)), limit, s.PerTenant)
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
	if ctx.Err() == nil {
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

// run does one leased run while a heartbeat keeps the lease.
func (s *Syncer) run(ctx context.Context, l pki.Lease) {
	defer s.running.Done()
	defer s.giveBackWorker()
	ctx, stop := context.WithCancelCause(ctx)
	beat := make(chan struct{})
	go func() {
		defer close(beat)
		s.keep(ctx, stop, l)
	}()
	err := s.Sync(ctx, l)
	lost := errors.Is(context.Cause(ctx), errLost) || pki.CodeOf(err) == pki.CodeLeaseLost
	stopping := ctx.Err() != nil
	stop(nil)
	<-beat
	switch {
	case err == nil:
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

func (s *Syncer) giveBackWorker() {
	s.free <- struct{}{}
	select {
	case s.ended <- struct{}{}:
	default: // a wake-up is pending already
	}
}

// errLost is the cause of a run's context when its lease went to another.
var errLost = errors.New("the lease was taken by another worker")

// keep extends the lease at a third of its length until ctx is done. A run that
// is resumed may have been asked to stop while nobody kept its lease: it is
// looked at at once.
func (s *Syncer) keep(ctx context.Context, stop context.CancelCauseFunc, l pki.Lease) {
	tick := time.NewTicker(s.Lease / 3)
	defer tick.Stop()
	for resumed := l.Run.Attempt > 1; ; resumed = false {
		if !resumed && !waitFor(ctx, tick) {
			return
		}
		asked, err := s.Leases.Extend(ctx, l, odata.FromTime(s.Now().Add(s.Lease)))
		switch {
		case pki.CodeOf(err) == pki.CodeLeaseLost:
			stop(errLost)
			return
		case asked:
			stop(pki.ErrCancelled)
			return // what is left to do fits into the lease as it is now
		}
		if err != nil && ctx.Err() == nil {
			s.Log.Warn("lease could not be extended", slog.String("run", string(l.Run.ID)), slog.Any("error", err))
		}
	}
}

// waitFor reports whether the next tick came before the end of ctx.
func waitFor(ctx context.Context, tick *time.Ticker) bool {
	select {
	case <-ctx.Done():
		return false
	case <-tick.C:
		return true
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
