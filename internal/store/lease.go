package store

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// The methods here implement syncer.Leases. The column due_at says when a
// worker must look at a subscription: at its next sync, or while it is leased
// at the end of the lease. A lease that is given back or has run out is due,
// whatever the next sync is, so that no run stays half done.

// TakeDue implements syncer.Leases.
func (db *DB) TakeDue(ctx context.Context, owner string, now, until odata.DateTimeOffset, limit, perTenant int) ([]pki.Lease, error) {
	var taken []pki.Lease
	err := db.engine.write(ctx, func(c conn) error {
		taken = nil
		if err := db.lockTakers(ctx, c); err != nil {
			return err
		}
		return db.takeDue(ctx, c, &taken, owner, now, until, limit, perTenant)
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}

// takeDue reads what is due in rounds: a tenant that is found to have all the
// leases it may have is left out in the next.
func (db *DB) takeDue(ctx context.Context, c conn, taken *[]pki.Lease, owner string, now, until odata.DateTimeOffset, limit, perTenant int) error {
	live, err := liveLeases(ctx, c, now)
	if err != nil {
		return err
	}
	for len(*taken) < limit {
		before := len(*taken)
		due, err := all(ctx, c, scanDue, `SELECT tenant, id, key, fence FROM subscriptions
WHERE due_at <= ?1 AND tenant NOT IN (
	SELECT tenant FROM subscriptions WHERE lease_owner IS NOT NULL AND due_at > ?1
	GROUP BY tenant HAVING COUNT(*) >= ?2)
ORDER BY due_at LIMIT ?3`+db.dialect.skipLocked, now.Ticks, perTenant, limit-before)
		if err != nil {
			return err
		}
		for _, l := range due {
			if live[l.Tenant] >= perTenant {
				continue
			}
			live[l.Tenant]++
			l.Owner, l.Until, l.Fence = owner, until, l.Fence+1
			if err := db.takeOne(ctx, c, &l, now); err != nil {
				return err
			}
			*taken = append(*taken, l)
		}
		if len(due) < limit-before || len(*taken) == before {
			return nil
		}
	}
	return nil
}

func scanDue(r rows) (l pki.Lease, err error) {
	return l, r.scan((*string)(&l.Tenant), (*string)(&l.Subscription), &l.Key, &l.Fence)
}

func liveLeases(ctx context.Context, c conn, now odata.DateTimeOffset) (map[pki.TenantID]int, error) {
	type count struct {
		tenant pki.TenantID
		n      int
	}
	scan := func(r rows) (k count, err error) { return k, r.scan((*string)(&k.tenant), &k.n) }
	list, err := all(ctx, c, scan,
		"SELECT tenant, COUNT(*) FROM subscriptions WHERE lease_owner IS NOT NULL AND due_at > ?1 GROUP BY tenant", now.Ticks)
	live := make(map[pki.TenantID]int, len(list))
	for _, k := range list {
		live[k.tenant] = k.n
	}
	return live, err
}

// takeOne writes the lease and makes or takes up its run.
func (db *DB) takeOne(ctx context.Context, c conn, l *pki.Lease, now odata.DateTimeOffset) error {
	if _, err := c.exec(ctx, "UPDATE subscriptions SET lease_owner = ?3, fence = ?4, due_at = ?5 WHERE tenant = ?1 AND id = ?2",
		string(l.Tenant), string(l.Subscription), l.Owner, l.Fence, l.Until.Ticks); err != nil {
		return err
	}
	open, err := openRuns(ctx, c, l.Tenant, l.Key)
	if err != nil {
		return err
	}
	l.Run = open.either()
	isNew := l.Run.ID == ""
	if isNew {
		if l.Run, err = pki.NewRun(pki.TriggerSchedule, now); err != nil {
			return err
		}
	}
	l.Run.Status = pki.RunRunning
	l.Run.Attempt++
	if l.Run.Started.IsNever() {
		l.Run.Started = now
	}
	if isNew {
		return db.addRun(ctx, c, *l, l.Run)
	}
	if err := updateRun(ctx, c, *l, l.Run); err != nil {
		return err
	}
	return db.record(ctx, c, db.childChange(pki.ResourceRuns, *l, l.Run.ID, pki.ChangeUpdated))
}

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

// ReleaseOthers implements syncer.Leases.
func (db *DB) ReleaseOthers(ctx context.Context, owner string) error {
	if db.dialect.shared {
		return nil
	}
	return db.engine.write(ctx, func(c conn) error {
		_, err := c.exec(ctx, "UPDATE subscriptions SET fence = fence + 1, due_at = 0 WHERE lease_owner IS NOT NULL AND lease_owner <> ?1", owner)
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
