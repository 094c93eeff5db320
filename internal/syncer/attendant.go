package syncer

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// An attendant keeps the lease of a run, and listens for signs of life of its
// CA. After a short silence the run gives its worker to another and waits
// besides, to its end; after a long one it is ended. So CAs that hang hold up
// nobody who does not wait for them.
type attendant struct {
	*Syncer

	lease pki.Lease
	stop  context.CancelCauseFunc
	heard chan struct{} // receives after a sign of life
	waits bool          // the run has no worker; of attend alone, until that returns
}

// errLost is the cause of a run's context when its lease went to another.
var errLost = errors.New("the lease was taken by another worker")

// A tenant may take half of the runs that wait, and a host an eighth.
const (
	tenantsShare = 2
	hostsShare   = 8
)

// hear tells of a sign of life.
func (a *attendant) hear() {
	select {
	case a.heard <- struct{}{}:
	default: // one is pending already
	}
}

// attend works until ctx is done. A run that is resumed may have been asked to
// stop while nobody kept its lease: it is looked at at once.
func (a *attendant) attend(ctx context.Context) {
	beat := time.NewTicker(a.Lease / 3)
	defer beat.Stop()
	last := time.Now()
	silence := time.NewTimer(a.patience(0))
	defer silence.Stop()
	if a.lease.Run.Attempt > 1 && !a.extend(ctx) {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			if !a.extend(ctx) {
				return
			}
		case <-a.heard:
			last = time.Now()
			silence.Reset(a.patience(0))
		case <-silence.C:
			quiet := time.Since(last)
			if quiet >= a.Stall {
				a.stop(pki.ErrStalled)
				return // what is left to do fits into the lease as it is now
			}
			a.stepAside(ctx)
			silence.Reset(a.patience(quiet))
		}
	}
}

// patience is how long to listen on after a silence of quiet.
func (a *attendant) patience(quiet time.Duration) time.Duration {
	left := a.Stall - quiet
	if a.waits {
		return left
	}
	return min(left, max(a.pace.patience(), quiet)) // the store is asked less and less often
}

// extend moves the end of the lease, and reports whether the run goes on.
func (a *attendant) extend(ctx context.Context) bool {
	asked, err := a.Leases.Extend(ctx, a.lease, odata.FromTime(a.Now().Add(a.Lease)))
	switch {
	case pki.CodeOf(err) == pki.CodeLeaseLost:
		a.stop(errLost)
		return false
	case asked:
		a.stop(pki.ErrCancelled)
		return false // what is left to do fits into the lease as it is now
	}
	if err != nil && ctx.Err() == nil {
		a.Log.Warn("lease could not be extended", slog.String("run", string(a.lease.Run.ID)), slog.Any("error", err))
	}
	return true
}

// stepAside gives the worker to another run, if there is room to wait besides.
func (a *attendant) stepAside(ctx context.Context) {
	if a.waits {
		return
	}
	select {
	case <-a.aside:
	default:
		return
	}
	bounds := pki.Bounds{PerTenant: max(1, a.Waiting/tenantsShare), PerHost: max(1, a.Waiting/hostsShare)}
	var err error
	if a.waits, err = a.Leases.Wait(ctx, a.lease, odata.FromTime(a.Now()), bounds); err != nil && ctx.Err() == nil {
		a.Log.Warn("sync could not be set aside", slog.String("run", string(a.lease.Run.ID)), slog.Any("error", err))
	}
	if !a.waits {
		a.aside <- struct{}{}
		return
	}
	a.freeWorker()
}

// tellPace tells how long the run took, if it had its worker to its end.
func (a *attendant) tellPace(took time.Duration) {
	if !a.waits {
		a.pace.add(took)
	}
}

// leave gives back what the run took up, at its end.
func (a *attendant) leave() {
	if a.waits {
		a.aside <- struct{}{}
		return
	}
	a.freeWorker()
}
