package store

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// TendNotifications implements notify.Queue.
func (db *DB) TendNotifications(ctx context.Context, now, forget odata.DateTimeOffset, limit int) (more bool, err error) {
	removed := false
	err = db.engine.write(ctx, func(c conn) error {
		t := tender{ctx: ctx, c: c, dialect: &db.dialect, now: now, limit: limit}
		for _, step := range []func() error{
			t.remind, t.expire, t.removeEnded, t.removeReceivers,
			func() error {
				return t.exec(`DELETE FROM notification_dead_letters WHERE (tenant, subscription_key, id) IN (
	SELECT tenant, subscription_key, id FROM notification_dead_letters WHERE dropped_date_time < ?1 LIMIT ?2)`, forget.Ticks, limit)
			},
		} {
			if err := step(); err != nil {
				return err
			}
		}
		more, removed = t.more, t.removed
		return nil
	})
	if err == nil && removed {
		db.shredOwed.Store(true)
	}
	return more, err
}

// A tender does what time asks for, each step up to limit rows.
type tender struct {
	ctx     context.Context
	c       conn
	dialect *dialect
	now     odata.DateTimeOffset
	limit   int
	more    bool // a step has met its limit
	removed bool // a secret went
}

func (t *tender) exec(text string, args ...any) error {
	n, err := t.c.exec(t.ctx, text, args...)
	t.more = t.more || n >= int64(t.limit)
	return err
}

// A tended is the key of a subscription.
type tended struct {
	tenant pki.TenantID
	key    int64
}

func (t *tender) find(condition string, args ...any) ([]tended, error) {
	scan := func(r rows) (k tended, err error) { return k, r.scan((*string)(&k.tenant), &k.key) }
	list, err := all(t.ctx, t.c, scan, "SELECT tenant, key FROM notification_subscriptions s WHERE "+condition+
		" LIMIT ?1"+t.dialect.skipLocked, append([]any{t.limit}, args...)...)
	t.more = t.more || len(list) >= t.limit
	return list, err
}

// remind tells those whose end is near.
func (t *tender) remind() error {
	list, err := t.find("remind_at <= ?2 AND ended = 0", t.now.Ticks)
	if err != nil {
		return err
	}
	for _, k := range list {
		if err := lifecycle(t.ctx, t.c, k.tenant, k.key, pki.EventReauthorize, t.now); err != nil {
			return err
		}
		if err := t.set(k, "remind_at = NULL"); err != nil {
			return err
		}
	}
	return nil
}

// expire ends what was not renewed, and tells so. What waits of its changes is
// not delivered any more.
func (t *tender) expire() error {
	list, err := t.find("expiration_date_time <= ?2 AND ended = 0", t.now.Ticks)
	if err != nil {
		return err
	}
	for _, k := range list {
		if err := t.set(k, "ended = 1, remind_at = NULL"); err != nil {
			return err
		}
		if err := retire(t.ctx, t.c, k.tenant, k.key, t.now, pki.LaneChanges); err != nil {
			return err
		}
		if err := lifecycle(t.ctx, t.c, k.tenant, k.key, pki.EventRemoved, t.now); err != nil {
			return err
		}
	}
	return nil
}

func (t *tender) set(k tended, columns string) error {
	_, err := t.c.exec(t.ctx, "UPDATE notification_subscriptions SET "+columns+" WHERE tenant = ?1 AND key = ?2", string(k.tenant), k.key)
	return err
}

// removeEnded removes what has ended once the news of it is told or given up.
func (t *tender) removeEnded() error {
	list, err := t.find(`ended = 1 AND NOT EXISTS (SELECT 1 FROM notification_outbox o
	WHERE o.tenant = s.tenant AND o.subscription_key = s.key AND o.lane = 1)`)
	if err != nil {
		return err
	}
	for _, k := range list {
		t.removed = true
		if err := removeNotification(t.ctx, t.c, k.tenant, k.key, t.now); err != nil {
			return err
		}
	}
	return nil
}

// retiredReceivers are those that nothing is delivered to any more.
const retiredReceivers = `SELECT tenant, subscription_key, lane FROM notification_receivers r
WHERE due_at <= ?1 AND NOT EXISTS (SELECT 1 FROM notification_subscriptions s
	WHERE s.tenant = r.tenant AND s.key = r.subscription_key AND (s.ended = 0 OR r.lane = 1))
LIMIT ?2`

// removeReceivers removes the retired ones, each once its queue is empty. It
// looks at the receivers, which are few, and not at all that waits.
func (t *tender) removeReceivers() error {
	scan := func(r rows) (l pki.ReceiverLease, err error) {
		return l, r.scan((*string)(&l.Tenant), &l.Key, (*int8)(&l.Lane))
	}
	list, err := all(t.ctx, t.c, scan, retiredReceivers+t.dialect.skipLocked, t.now.Ticks, t.limit)
	if err != nil {
		return err
	}
	left := t.limit
	for i := 0; i < len(list) && left > 0 && err == nil; i++ {
		left, err = t.removeReceiver(list[i], left)
	}
	t.more = t.more || left <= 0
	return err
}

// removeReceiver removes up to left rows and returns how many more may go.
func (t *tender) removeReceiver(l pki.ReceiverLease, left int) (int, error) {
	remove := func(text string, args ...any) error {
		n, err := t.c.exec(t.ctx, text, append([]any{string(l.Tenant), l.Key}, args...)...)
		left -= int(n)
		return err
	}
	err := remove(`DELETE FROM notification_outbox WHERE tenant = ?1 AND subscription_key = ?2 AND lane = ?3 AND number <= (
	SELECT MAX(number) FROM (SELECT number FROM notification_outbox
		WHERE tenant = ?1 AND subscription_key = ?2 AND lane = ?3 ORDER BY number LIMIT ?4) head)`, int64(l.Lane), left)
	if err == nil && left > 0 && l.Lane == pki.LaneChanges {
		err = remove(`DELETE FROM notification_dead_letters WHERE tenant = ?1 AND subscription_key = ?2 AND id <= (
	SELECT MAX(id) FROM (SELECT id FROM notification_dead_letters
		WHERE tenant = ?1 AND subscription_key = ?2 ORDER BY id LIMIT ?3) head)`, left)
	}
	if err == nil && left > 0 {
		err = remove("DELETE FROM notification_receivers WHERE tenant = ?1 AND subscription_key = ?2 AND lane = ?3", int64(l.Lane))
	}
	return left, err
}
