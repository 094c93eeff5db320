package store

import (
	"cmp"
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// The methods here implement syncer.Leases. The column due_at says when a
// worker must look at a subscription: at its next sync, or while it is leased
// at the end of the lease. A lease that is given back or has run out is due,
// whatever the next sync is, so that no run stays half done.

// Extend implements syncer.Leases.
func (db *DB) Extend(ctx context.Context, l pki.Lease, until odata.DateTimeOffset) (stop bool, err error) {
	err = db.engine.write(ctx, func(c conn) error {
		if err := changeLease(ctx, c, l, "due_at = ?6", until.Ticks); err != nil {
			return err
		}
		stop, err = stopAsked(ctx, c, l)
		return err
	})
	return stop, err
}

// Wait implements syncer.Leases.
func (db *DB) Wait(ctx context.Context, l pki.Lease, now odata.DateTimeOffset, b pki.Bounds) (bool, error) {
	var waits int64
	err := db.engine.write(ctx, func(c conn) (err error) {
		waits, err = c.exec(ctx, `UPDATE subscriptions SET waiting = 1
WHERE tenant = ?1 AND id = ?2 AND key = ?3 AND lease_owner = ?4 AND fence = ?5
AND ?6 > (SELECT COUNT(*) FROM subscriptions o
	WHERE o.tenant = ?1 AND o.lease_owner IS NOT NULL AND o.waiting = 1 AND o.due_at > ?8)
AND ?7 > (SELECT COUNT(*) FROM subscriptions o
	WHERE o.ca_host = subscriptions.ca_host AND o.lease_owner IS NOT NULL AND o.waiting = 1 AND o.due_at > ?8)`,
			string(l.Tenant), string(l.Subscription), l.Key, l.Owner, l.Fence, b.PerTenant, cmp.Or(b.PerHost, 1<<30), now.Ticks)
		return err
	})
	return waits > 0, err
}

// Release implements syncer.Leases. The fence is raised, so that a write that
// comes late from the former owner is refused.
func (db *DB) Release(ctx context.Context, l pki.Lease) error {
	err := db.engine.write(ctx, func(c conn) error {
		return changeLease(ctx, c, l, "fence = fence + 1, due_at = ?6", 0)
	})
	if err == nil {
		db.signal()
	}
	return err
}

func changeLease(ctx context.Context, c conn, l pki.Lease, set string, due int64) error {
	n, err := c.exec(ctx, "UPDATE subscriptions SET "+set+
		" WHERE tenant = ?1 AND id = ?2 AND key = ?3 AND lease_owner = ?4 AND fence = ?5",
		string(l.Tenant), string(l.Subscription), l.Key, l.Owner, l.Fence, due)
	if err == nil && n == 0 {
		return errLeaseLost()
	}
	return err
}

// holdLease checks that l is in force and keeps it so until the transaction
// ends.
func (db *DB) holdLease(ctx context.Context, c conn, l pki.Lease) error {
	return checkLease(ctx, c, l, db.dialect.forUpdate)
}

func checkLease(ctx context.Context, c conn, l pki.Lease, lock string) error {
	_, found, err := first(ctx, c, scanNumber,
		"SELECT fence FROM subscriptions WHERE tenant = ?1 AND id = ?2 AND key = ?3 AND lease_owner = ?4 AND fence = ?5"+lock,
		string(l.Tenant), string(l.Subscription), l.Key, l.Owner, l.Fence)
	if err == nil && !found {
		return errLeaseLost()
	}
	return err
}

func errLeaseLost() error {
	return &pki.Error{Code: pki.CodeLeaseLost, Msg: "Another worker has taken over the sync, or the subscription is gone."}
}

// Recover implements syncer.Leases. It looks at every row, and is rarely called.
func (db *DB) Recover(ctx context.Context, owner string, now, believed odata.DateTimeOffset) error {
	return db.engine.write(ctx, func(c conn) error {
		if !db.dialect.shared {
			if _, err := c.exec(ctx, "UPDATE subscriptions SET fence = fence + 1, due_at = 0 WHERE lease_owner IS NOT NULL AND lease_owner <> ?1", owner); err != nil {
				return err
			}
		}
		_, err := c.exec(ctx, `UPDATE subscriptions SET due_at = ?1
WHERE due_at > ?2 AND (lease_owner IS NOT NULL OR last_sync_date_time > ?2 OR created_date_time > ?2)`, now.Ticks, believed.Ticks)
		return err
	})
}

// NextDue implements syncer.Leases.
func (db *DB) NextDue(ctx context.Context) (due odata.DateTimeOffset, err error) {
	err = db.engine.read(ctx, func(c conn) error {
		scan := func(r rows) (at *int64, err error) { return at, r.scan(&at) }
		at, _, err := first(ctx, c, scan, "SELECT MIN(due_at) FROM subscriptions WHERE due_at IS NOT NULL")
		due = date(at)
		return err
	})
	return due, err
}
