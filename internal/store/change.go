package store

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// record is told of every change in the transaction that makes it: what
// follows changes cannot miss one, and none is told that was not made.
func (db *DB) record(ctx context.Context, c conn, changes ...pki.Change) error {
	if len(changes) == 0 {
		return nil
	}
	return db.enqueue(ctx, c, changes)
}

// takeTurn makes those who write the subscriptions of one tenant wait for each
// other where writes can meet. They commit in turn in any case, for the sake of
// their change numbers; waiting first, they hold nothing that another waits for.
func (db *DB) takeTurn(ctx context.Context, c conn, t pki.TenantID) error {
	if db.dialect.forUpdate == "" {
		return nil
	}
	_, err := c.exec(ctx, `INSERT INTO change_counters (tenant, subscription_key, last) VALUES (?1, 0, 0)
ON CONFLICT (tenant, subscription_key) DO UPDATE SET last = change_counters.last`, string(t))
	return err
}

// The sets of a tenant that count their changes, beside the certificates of each
// of its subscriptions, which count under the subscription's key.
const (
	subscriptionChanges int64 = 0
	bundleChanges       int64 = -1
	alertChanges        int64 = -2
)

// nextChange returns the next change number of a set of a tenant's, or of the
// certificates of the subscription with the key. Each row that is written is given one.
// The row of the counter stays locked until the transaction ends, so that the
// numbers become visible in the order in which they grow: a reader who has seen
// one has seen all below it.
func nextChange(ctx context.Context, c conn, t pki.TenantID, set int64) (int64, error) {
	n, _, err := first(ctx, c, scanNumber, `INSERT INTO change_counters (tenant, subscription_key, last) VALUES (?1, ?2, 1)
ON CONFLICT (tenant, subscription_key) DO UPDATE SET last = change_counters.last + 1 RETURNING last`, string(t), set)
	return n, err
}

// insertTombstone notes that an object of a set was deleted. One that is made
// later under the same id has a higher number, and so comes behind it.
func (db *DB) insertTombstone(ctx context.Context, c conn, t pki.TenantID, set int64, id pki.ID) error {
	change, err := nextChange(ctx, c, t, set)
	if err != nil {
		return err
	}
	_, err = c.exec(ctx, `INSERT INTO tombstones (tenant, subscription_key, id, change, deleted_at) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (tenant, subscription_key, id) DO UPDATE SET change = excluded.change, deleted_at = excluded.deleted_at`,
		string(t), set, string(id), change, odata.FromTime(db.now()).Ticks)
	return err
}

func (db *DB) subscriptionChange(s *pki.Subscription, t pki.ChangeType) pki.Change {
	change := db.childChange(pki.ResourceSubscriptions, leaseOn(s), s.ID, t)
	if t != pki.ChangeDeleted {
		change.ETag = s.ETag()
	}
	return change
}

// childChange is a change of an object that belongs to the subscription which
// l names.
func (db *DB) childChange(r pki.Resource, l pki.Lease, object pki.ID, t pki.ChangeType) pki.Change {
	return pki.Change{
		Tenant: l.Tenant, Resource: r, Subscription: l.Subscription, Key: l.Key,
		Object: object, Type: t, At: odata.FromTime(db.now()),
	}
}

// leaseOn names a subscription as a lease does, for what is written without
// one.
func leaseOn(s *pki.Subscription) pki.Lease {
	return pki.Lease{Tenant: s.Tenant, Subscription: s.ID, Key: s.Key}
}
