package store

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// A follower is what some notification subscriptions of a tenant ask for.
type follower struct {
	set         pki.Resource
	incarnation *int64
	changes     int64
}

func (f follower) wants(change *pki.Change) bool {
	return f.set == change.Resource && f.changes&int64(change.Type) != 0 &&
		(f.incarnation == nil || *f.incarnation == change.Key)
}

const (
	followersText = `SELECT followed, incarnation, change_set FROM notification_subscriptions
WHERE tenant = ?1 AND expiration_date_time > ?2`

	fanOutText = `INSERT INTO notification_outbox (tenant, subscription_key, lane, event, subscription_id, object_id, etag, created_at)
SELECT tenant, key, 0, CAST(?6 AS TEXT), CAST(?7 AS TEXT), CAST(?8 AS TEXT), CAST(?9 AS TEXT), CAST(?5 AS BIGINT)
FROM notification_subscriptions
WHERE tenant = ?1 AND followed = ?2 AND (incarnation IS NULL OR incarnation = ?3)
	AND change_set & ?4 <> 0 AND expiration_date_time > ?5`
)

// enqueue puts changes into the outbox for each notification subscription that
// asked for them. They get their numbers while the changed objects are locked,
// so that the numbers of one object are in the order of its changes. Where
// nobody follows, it costs one look.
func (db *DB) enqueue(ctx context.Context, c conn, changes []pki.Change) error {
	now := odata.FromTime(db.now()).Ticks
	var tenant pki.TenantID
	var followers []follower
	for i := range changes {
		change := &changes[i]
		if i == 0 || change.Tenant != tenant {
			tenant = change.Tenant
			var err error
			if followers, err = all(ctx, c, scanFollower, followersText, string(tenant), now); err != nil {
				return err
			}
		}
		if !anyWants(followers, change) {
			continue
		}
		markFilled(c)
		if _, err := c.exec(ctx, fanOutText, string(tenant), string(change.Resource), change.Key, int64(change.Type), now,
			change.Type.String(), string(change.Subscription), string(change.Object), nullText(change.ETag)); err != nil {
			return err
		}
	}
	return nil
}

// filledAtOnce is how many notifications one transaction puts into the outbox,
// where that is up to the store: other writers wait meanwhile.
const filledAtOnce = 2000

// changesAtOnce returns how many certificates, at most most, one transaction
// under l may change: the fewer, the more receivers are to be told of each.
func (db *DB) changesAtOnce(ctx context.Context, l pki.Lease, most int) (int, error) {
	told := 0
	err := db.engine.read(ctx, func(c conn) error {
		followers, err := all(ctx, c, scanFollower, followersText, string(l.Tenant), odata.FromTime(db.now()).Ticks)
		change := db.childChange(pki.ResourceCertificates, l, "", pki.ChangeCreated|pki.ChangeUpdated)
		told = 0
		for _, f := range followers {
			if f.wants(&change) {
				told++
			}
		}
		return err
	})
	return max(1, min(most, filledAtOnce/max(1, told))), err
}

func scanFollower(r rows) (f follower, err error) {
	return f, r.scan((*string)(&f.set), &f.incarnation, &f.changes)
}

func anyWants(followers []follower, change *pki.Change) bool {
	for _, f := range followers {
		if f.wants(change) {
			return true
		}
	}
	return false
}

// A telling engine tells of each transaction that has filled the outbox, once
// it is committed.
type telling struct {
	engine

	filled func()
}

// A filling conn notes that the outbox was filled.
type filling struct {
	conn

	filled bool
}

func (e telling) write(ctx context.Context, f func(conn) error) error {
	filled := false
	err := e.engine.write(ctx, func(c conn) error {
		own := &filling{conn: c}
		err := f(own)
		filled = own.filled
		return err
	})
	if err == nil && filled {
		e.filled()
	}
	return err
}

// markFilled notes that the transaction of c has filled the outbox.
func markFilled(c conn) {
	if own, ok := c.(*filling); ok {
		own.filled = true
	}
}

// NotificationWake implements notify.Queue.
func (db *DB) NotificationWake() <-chan struct{} { return db.outboxWake }

// signalOutbox fills NotificationWake. One pending signal is enough.
func (db *DB) signalOutbox() {
	select {
	case db.outboxWake <- struct{}{}:
	default:
	}
}

// outboxFilled tells this process and the others that there is something to be
// delivered.
func (db *DB) outboxFilled() {
	db.signalOutbox()
	db.engine.announce()
}
