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
			t.remind, t.expire, t.removeEnded,
			func() error {
				return t.exec(`DELETE FROM notification_outbox WHERE number IN (SELECT number FROM notification_outbox o
	WHERE NOT EXISTS (SELECT 1 FROM notification_receivers r
		WHERE r.tenant = o.tenant AND r.subscription_key = o.subscription_key AND r.lane = o.lane) LIMIT ?1)`, limit)
			},
			func() error {
				return t.exec(`DELETE FROM notification_dead_letters WHERE (tenant, subscription_key, id) IN (
	SELECT tenant, subscription_key, id FROM notification_dead_letters d WHERE NOT EXISTS (
		SELECT 1 FROM notification_subscriptions s WHERE s.tenant = d.tenant AND s.key = d.subscription_key AND s.ended = 0) LIMIT ?1)`, limit)
			},
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
		if _, err := t.c.exec(t.ctx, "DELETE FROM notification_receivers WHERE tenant = ?1 AND subscription_key = ?2 AND lane = 0",
			string(k.tenant), k.key); err != nil {
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
		if err := removeNotification(t.ctx, t.c, k.tenant, k.key); err != nil {
			return err
		}
	}
	return nil
}
