// Package notify brings change notifications from the outbox of the store to
// their receivers: at least once, for each receiver in order, signed, and with
// no receiver holding up another. It also asks receivers for their consent. How
// it looks on the wire is Microsoft Graph's.
package notify

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// Queue is what the deliverer needs of a store. Methods are safe for concurrent
// use by many processes. Those that take a lease return pki.CodeLeaseLost where
// another worker has it or the subscription is gone.
type Queue interface {
	// TakeDeliveries leases until until up to limit receivers that have
	// something waiting, are due at now, and are poor or not as asked; at most
	// perTenant leases a tenant are in force. Who was served longest ago comes
	// first. A batch is the head of the receiver's queue.
	TakeDeliveries(ctx context.Context, owner string, now, until odata.DateTimeOffset, poor bool, limit, perTenant int) ([]pki.Delivery, error)

	// SettleDelivery ends a lease and removes what was delivered, in one
	// transaction.
	SettleDelivery(ctx context.Context, l pki.ReceiverLease, s pki.Settlement) error

	// GiveUp moves notifications from before before to the dead letters and
	// sees to it that the client is told that it has missed some. It returns how
	// many, and whether there may be more.
	GiveUp(ctx context.Context, l pki.ReceiverLease, before, now odata.DateTimeOffset, reason string) (dropped int, more bool, err error)

	// ReleaseReceivers ends the leases of other owners than owner. Only an
	// engine that one process can open at a time does anything: those owners
	// are dead.
	ReleaseReceivers(ctx context.Context, owner string) error

	// NextDelivery returns when a receiver with something waiting becomes due or
	// its lease ends next; Never for no such receiver.
	NextDelivery(ctx context.Context) (odata.DateTimeOffset, error)

	// TendNotifications sends the reminders and ends the subscriptions whose
	// time has come at now, and removes up to limit rows of each sort that
	// belong to nothing any more, and dead letters from before forget. It
	// reports whether there may be more.
	TendNotifications(ctx context.Context, now, forget odata.DateTimeOffset, limit int) (more bool, err error)

	// NotificationWake returns a channel that receives after something was put
	// into the outbox, by this process or (PostgreSQL) any other.
	NotificationWake() <-chan struct{}
}
