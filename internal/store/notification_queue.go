package store

import (
	"context"
	"strconv"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// notificationBatch is how many notifications one delivery holds at most.
const notificationBatch = 100

// Receivers that have something waiting and may be served: ?1 is whether poor
// ones, ?2 the time, ?3 how many leases a tenant may have.
const dueReceivers = ` FROM notification_receivers r
JOIN notification_subscriptions s ON s.tenant = r.tenant AND s.key = r.subscription_key
WHERE r.poor = ?1 AND r.due_at <= ?2 AND (r.lane = 1 OR s.expiration_date_time > ?2)
	AND EXISTS (SELECT 1 FROM notification_outbox o
		WHERE o.tenant = r.tenant AND o.subscription_key = r.subscription_key AND o.lane = r.lane)
	AND r.tenant NOT IN (SELECT tenant FROM notification_receivers
		WHERE poor = ?1 AND lease_owner IS NOT NULL AND due_at > ?2
		GROUP BY tenant HAVING COUNT(*) >= ?3)`

// TakeDeliveries implements notify.Queue. It looks before it writes, because
// mostly there is nothing to take.
func (db *DB) TakeDeliveries(ctx context.Context, owner string, now, until odata.DateTimeOffset, poor bool, limit, perTenant int) (taken []pki.Delivery, err error) {
	found := false
	err = db.engine.read(ctx, func(c conn) error {
		_, found, err = first(ctx, c, scanNumber, "SELECT 1"+dueReceivers+" LIMIT 1", flag(poor), now.Ticks, perTenant)
		return err
	})
	if err != nil || !found {
		return nil, err
	}
	err = db.engine.write(ctx, func(c conn) error {
		if err := db.lockTakers(ctx, c); err != nil {
			return err
		}
		t := receiverTaker{ctx: ctx, c: c, owner: owner, now: now, until: until, poor: poor, perTenant: perTenant}
		err := t.take(limit)
		taken = t.taken
		return err
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}

// A receiverTaker leases receivers inside a transaction.
type receiverTaker struct {
	ctx        context.Context
	c          conn
	owner      string
	now, until odata.DateTimeOffset
	poor       bool
	perTenant  int
	taken      []pki.Delivery
}

// take reads what is due in rounds, as DB.takeDue does, the one that was served
// longest ago first.
func (t *receiverTaker) take(limit int) error {
	live, err := t.live()
	if err != nil {
		return err
	}
	for len(t.taken) < limit {
		before := len(t.taken)
		due, err := all(t.ctx, t.c, scanDueReceiver, "SELECT r.tenant, r.subscription_key, r.lane, r.fence, r.failures"+
			dueReceivers+" ORDER BY r.due_at LIMIT ?4", flag(t.poor), t.now.Ticks, t.perTenant, limit-before)
		if err != nil {
			return err
		}
		for _, d := range due {
			if live[d.Lease.Tenant] >= t.perTenant {
				continue
			}
			if err := t.takeOne(d, live); err != nil {
				return err
			}
		}
		if len(due) < limit-before || len(t.taken) == before {
			return nil
		}
	}
	return nil
}

// live returns how many leases in force each tenant has.
func (t *receiverTaker) live() (map[pki.TenantID]int, error) {
	scan := func(r rows) (tenant pki.TenantID, err error) { return tenant, r.scan((*string)(&tenant)) }
	list, err := all(t.ctx, t.c, scan,
		"SELECT tenant FROM notification_receivers WHERE poor = ?1 AND lease_owner IS NOT NULL AND due_at > ?2", flag(t.poor), t.now.Ticks)
	live := make(map[pki.TenantID]int)
	for _, tenant := range list {
		live[tenant]++
	}
	return live, err
}

func scanDueReceiver(r rows) (d pki.Delivery, err error) {
	l := &d.Lease
	return d, r.scan((*string)(&l.Tenant), &l.Key, (*int8)(&l.Lane), &l.Fence, &d.Failures)
}

// takeOne writes the lease and reads what is to be delivered. What was changed
// since it was found due is left for the next time.
func (t *receiverTaker) takeOne(d pki.Delivery, live map[pki.TenantID]int) error {
	l := &d.Lease
	n, err := t.c.exec(t.ctx, `UPDATE notification_receivers SET lease_owner = ?5, fence = fence + 1, due_at = ?6
WHERE tenant = ?1 AND subscription_key = ?2 AND lane = ?3 AND fence = ?4 AND due_at <= ?7`,
		string(l.Tenant), l.Key, int64(l.Lane), l.Fence, t.owner, t.until.Ticks, t.now.Ticks)
	if err != nil || n == 0 {
		return err
	}
	l.Owner, l.Fence = t.owner, l.Fence+1
	scan := func(r rows) (pki.NotificationSubscription, error) { return scanNotificationSubscription(r, true) }
	var found bool
	d.Subscription, found, err = first(t.ctx, t.c, scan, "SELECT "+notificationColumns(true)+
		" FROM notification_subscriptions WHERE tenant = ?1 AND key = ?2", string(l.Tenant), l.Key)
	if err != nil || !found {
		return err
	}
	d.Subscription.Tenant = l.Tenant
	if d.Batch, err = queued(t.ctx, t.c, *l, notificationBatch); err != nil {
		return err
	}
	live[l.Tenant]++
	t.taken = append(t.taken, d)
	return nil
}

// queued returns the oldest notifications of a lane.
func queued(ctx context.Context, c conn, l pki.ReceiverLease, limit int) ([]pki.Notification, error) {
	scan := func(r rows) (n pki.Notification, err error) {
		var sub, object, tag *string
		err = r.scan(&n.Number, &n.Event, &sub, &object, &tag, &n.Created.Ticks)
		n.Subscription, n.Object, n.ETag = pki.ID(text(sub)), pki.ID(text(object)), text(tag)
		return n, err
	}
	return all(ctx, c, scan, `SELECT number, event, subscription_id, object_id, etag, created_at FROM notification_outbox
WHERE tenant = ?1 AND subscription_key = ?2 AND lane = ?3 ORDER BY number LIMIT ?4`,
		string(l.Tenant), l.Key, int64(l.Lane), limit)
}

// SettleDelivery implements notify.Queue.
func (db *DB) SettleDelivery(ctx context.Context, l pki.ReceiverLease, s pki.Settlement) error {
	return db.engine.write(ctx, func(c conn) error {
		n, err := c.exec(ctx, `UPDATE notification_receivers SET lease_owner = NULL, due_at = ?6, failures = ?7, poor = ?8
WHERE tenant = ?1 AND subscription_key = ?2 AND lane = ?3 AND lease_owner = ?4 AND fence = ?5`,
			string(l.Tenant), l.Key, int64(l.Lane), l.Owner, l.Fence, s.Due.Ticks, s.Failures, flag(s.Poor))
		if err != nil {
			return err
		}
		if n == 0 {
			return errReceiverLost()
		}
		return removeQueued(ctx, c, l, s.Delivered)
	})
}

func errReceiverLost() error {
	return &pki.Error{Code: pki.CodeLeaseLost, Msg: "Another worker has taken over the receiver, or the subscription is gone."}
}

// removeQueued takes notifications, which are in order, off the queue. The number
// of parameters is always the same, so that the statement is prepared once. The
// range keeps PostgreSQL from going through all of a long queue.
func removeQueued(ctx context.Context, c conn, l pki.ReceiverLease, list []pki.Notification) error {
	for len(list) > 0 {
		part := list[:min(len(list), notificationBatch)]
		list = list[len(part):]
		args := []any{string(l.Tenant), l.Key, int64(l.Lane)}
		for i := range notificationBatch {
			args = append(args, part[min(i, len(part)-1)].Number)
		}
		if _, err := c.exec(ctx, "DELETE FROM notification_outbox WHERE tenant = ?1 AND subscription_key = ?2 AND lane = ?3 AND number BETWEEN ?4 AND ?"+
			strconv.Itoa(len(args))+" AND number IN ("+placeholders(len(args)-notificationBatch+1, notificationBatch)+")", args...); err != nil {
			return err
		}
	}
	return nil
}

// ReleaseReceivers implements notify.Queue.
func (db *DB) ReleaseReceivers(ctx context.Context, owner string) error {
	if db.dialect.shared {
		return nil
	}
	return db.engine.write(ctx, func(c conn) error {
		_, err := c.exec(ctx, "UPDATE notification_receivers SET lease_owner = NULL, fence = fence + 1, due_at = 0 WHERE lease_owner IS NOT NULL AND lease_owner <> ?1", owner)
		return err
	})
}

// NextDelivery implements notify.Queue.
func (db *DB) NextDelivery(ctx context.Context) (next odata.DateTimeOffset, err error) {
	err = db.engine.read(ctx, func(c conn) error {
		at, _, err := first(ctx, c, scanOptional, `SELECT MIN(r.due_at) FROM notification_receivers r
JOIN notification_subscriptions s ON s.tenant = r.tenant AND s.key = r.subscription_key
WHERE (r.lane = 1 OR s.ended = 0) AND EXISTS (SELECT 1 FROM notification_outbox o
	WHERE o.tenant = r.tenant AND o.subscription_key = r.subscription_key AND o.lane = r.lane)`)
		next = date(at)
		return err
	})
	return next, err
}

// NotificationBacklog returns what monitoring wants to know of notifications,
// over all tenants.
func (db *DB) NotificationBacklog(ctx context.Context) (b pki.NotificationBacklog, err error) {
	err = db.engine.view(ctx, func(c conn) error {
		if b.Subscriptions, _, err = first(ctx, c, scanNumber, "SELECT COUNT(*) FROM notification_subscriptions WHERE ended = 0"); err != nil {
			return err
		}
		if b.Queued, _, err = first(ctx, c, scanNumber, "SELECT COUNT(*) FROM notification_outbox"); err != nil {
			return err
		}
		oldest, found, err := first(ctx, c, scanNumber, "SELECT created_at FROM notification_outbox ORDER BY number LIMIT 1")
		if b.Oldest = odata.Never(); found {
			b.Oldest.Ticks = oldest
		}
		return err
	})
	return b, err
}

// lifecycle puts a lifecycle event into the outbox, unless the same waits
// already or there is nobody to be told.
func lifecycle(ctx context.Context, c conn, t pki.TenantID, key int64, event string, now odata.DateTimeOffset) error {
	lane := strconv.Itoa(int(pki.LaneLifecycle))
	n, err := c.exec(ctx, `INSERT INTO notification_outbox (tenant, subscription_key, lane, event, created_at)
SELECT tenant, subscription_key, lane, CAST(?3 AS TEXT), CAST(?4 AS BIGINT) FROM notification_receivers
WHERE tenant = ?1 AND subscription_key = ?2 AND lane = `+lane+`
	AND NOT EXISTS (SELECT 1 FROM notification_outbox WHERE tenant = ?1 AND subscription_key = ?2 AND lane = `+lane+` AND event = ?3)`,
		string(t), key, event, now.Ticks)
	if n > 0 {
		markFilled(c)
	}
	return err
}
