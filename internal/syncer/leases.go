// Package syncer decides when subscriptions are synced: it takes leases on
// those that are due, bounds how many run at once, keeps the leases alive, lets
// runs whose CA does not answer wait beside the others, and ends runs in order
// when the program stops. What a sync does is pki.Service's.
package syncer

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// Leases is what the syncer needs of a store. The row of a subscription is the
// schedule: no second queue can disagree with it. Methods are safe for
// concurrent use by many processes.
type Leases interface {
	// TakeDue leases up to limit subscriptions that are due at now and not
	// leased by a live owner, with at most so many live leases at work as the
	// bounds say. What a person waits for comes first; then tenants come in
	// turn, those with the fewest leases at work first, and of each what is due
	// longest. It raises the fence, and makes or takes up the run: a queued run
	// becomes running, and a run that a dead owner left running is resumed with
	// Attempt raised; else a run with a fresh UUIDv7 is made.
	TakeDue(ctx context.Context, owner string, now, until odata.DateTimeOffset, limit int, b pki.Bounds) ([]pki.Lease, error)

	// Wait marks a live lease as waiting for its CA, so that it is no longer at
	// work, if fewer live leases than the bounds say wait already. It reports
	// whether it did.
	Wait(ctx context.Context, l pki.Lease, now odata.DateTimeOffset, b pki.Bounds) (bool, error)

	// Extend moves the end of a live lease to until, and reports whether the
	// run was asked to stop. pki.CodeLeaseLost where another owner has taken
	// the lease or the subscription is gone.
	Extend(ctx context.Context, l pki.Lease, until odata.DateTimeOffset) (stop bool, err error)

	// Release gives back a lease whose run has not ended: it is due at once
	// for any worker, and its run is resumed there.
	Release(ctx context.Context, l pki.Lease) error

	// Recover makes due at now what dead processes and wrong clocks left behind:
	// leases of other owners than owner, where one process alone can have the
	// database open; and leases that end after believed, and subscriptions that
	// were synced or made after believed and are due later still, for the clock
	// was ahead then and has been set back.
	Recover(ctx context.Context, owner string, now, believed odata.DateTimeOffset) error

	// NextDue returns when a subscription becomes due or a lease expires next;
	// Never where nothing is scheduled.
	NextDue(ctx context.Context) (odata.DateTimeOffset, error)

	// Wake returns a channel that receives after a sync was asked for, by this
	// process or (PostgreSQL) any other.
	Wake() <-chan struct{}
}
