package store

import (
	"context"

	"github.com/google/uuid"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

const (
	// keptDeadLetters is how many a subscription keeps, the newest.
	keptDeadLetters = 1000

	// longestQueue is how many notifications wait for a receiver that fails;
	// the oldest beyond are given up.
	longestQueue = 100_000

	// givenUp bounds how many are given up in one transaction.
	givenUp = 500
)

// GiveUp implements notify.Queue.
func (db *DB) GiveUp(ctx context.Context, l pki.ReceiverLease, before, now odata.DateTimeOffset, reason string) (dropped int, more bool, err error) {
	err = db.engine.write(ctx, func(c conn) error {
		dropped, more = 0, false
		_, held, err := first(ctx, c, scanNumber, `SELECT fence FROM notification_receivers
WHERE tenant = ?1 AND subscription_key = ?2 AND lane = ?3 AND lease_owner = ?4 AND fence = ?5`+db.dialect.forUpdate,
			string(l.Tenant), l.Key, int64(l.Lane), l.Owner, l.Fence)
		if err != nil {
			return err
		}
		if !held {
			return errReceiverLost()
		}
		list, err := db.hopeless(ctx, c, l, before)
		if err != nil || len(list) == 0 {
			return err
		}
		if err := db.bury(ctx, c, l, list, now, reason); err != nil {
			return err
		}
		dropped, more = len(list), len(list) == givenUp
		if l.Lane != pki.LaneChanges {
			return nil
		}
		return lifecycle(ctx, c, l.Tenant, l.Key, pki.EventMissed, now)
	})
	if err != nil {
		return 0, false, err
	}
	return dropped, more, nil
}

// hopeless returns the notifications at the head of the queue that are older
// than before, or too many.
func (db *DB) hopeless(ctx context.Context, c conn, l pki.ReceiverLease, before odata.DateTimeOffset) ([]pki.Notification, error) {
	beyond, _, err := first(ctx, c, scanNumber, `SELECT number FROM notification_outbox
WHERE tenant = ?1 AND subscription_key = ?2 AND lane = ?3 ORDER BY number DESC LIMIT 1 OFFSET ?4`,
		string(l.Tenant), l.Key, int64(l.Lane), longestQueue)
	if err != nil {
		return nil, err
	}
	list, err := queued(ctx, c, l, givenUp)
	for i, n := range list {
		if n.Created.Ticks >= before.Ticks && n.Number > beyond {
			return list[:i], err
		}
	}
	return list, err
}

// bury moves notifications from the queue to the dead letters.
func (db *DB) bury(ctx context.Context, c conn, l pki.ReceiverLease, list []pki.Notification, now odata.DateTimeOffset, reason string) error {
	resource, found, err := first(ctx, c, scanText, "SELECT resource FROM notification_subscriptions WHERE tenant = ?1 AND key = ?2 AND ended = 0",
		string(l.Tenant), l.Key)
	if err != nil {
		return err
	}
	followed, _ := pki.ParseFollowed(resource)
	for i := range list {
		if !found {
			break // nobody could read them
		}
		if err := insertDeadLetter(ctx, c, l, followed, &list[i], now, reason); err != nil {
			return err
		}
	}
	if _, err := c.exec(ctx, `DELETE FROM notification_dead_letters WHERE tenant = ?1 AND subscription_key = ?2 AND id <= (
	SELECT id FROM notification_dead_letters WHERE tenant = ?1 AND subscription_key = ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3)`,
		string(l.Tenant), l.Key, keptDeadLetters); err != nil {
		return err
	}
	return removeQueued(ctx, c, l, list)
}

func insertDeadLetter(ctx context.Context, c conn, l pki.ReceiverLease, f pki.Followed, n *pki.Notification, now odata.DateTimeOffset, reason string) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	address := ""
	if n.Object != "" {
		address = f.Address(n.Subscription, n.Object)
	}
	_, err = c.exec(ctx, `INSERT INTO notification_dead_letters (tenant, subscription_key, `+deadLetterColumns+`)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)`, string(l.Tenant), l.Key, id.String(),
		n.Event, nullText(address), nullText(string(n.Object)), n.Created.Ticks, now.Ticks, reason)
	return err
}

const deadLetterColumns = "id, event, resource, resource_id, created_date_time, dropped_date_time, reason"

func scanDeadLetter(r rows, _ bool, extra ...any) (d pki.DeadLetter, err error) {
	var resource, object *string
	err = r.scan(append([]any{
		(*string)(&d.ID), &d.Event, &resource, &object, &d.Created.Ticks, &d.Dropped.Ticks, &d.Reason,
	}, extra...)...)
	d.Resource, d.Object = text(resource), pki.ID(text(object))
	return d, err
}

func deadLetterNoun() noun[pki.DeadLetter] {
	return noun[pki.DeadLetter]{
		entity: pki.DeadLetterType(), from: "notification_dead_letters", newest: true,
		columns: func(bool) string { return deadLetterColumns }, scan: scanDeadLetter,
	}
}

// DeadLetters implements pki.NotificationStore. Where no order is asked for the
// newest comes first.
func (db *DB) DeadLetters(ctx context.Context, n pki.NotificationSubscription, q odata.Query) (p pki.Page[pki.DeadLetter], err error) {
	err = db.engine.view(ctx, func(c conn) error {
		p, err = list(ctx, db, c, &db.nouns.deadLetters, scope{tenant: n.Tenant, key: &n.Key}, q)
		return err
	})
	return p, err
}
