package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// Purge implements pki.SubscriptionStore. The table purges is the list of work:
// deleted subscriptions whose children are still there, and certificate bodies
// that may be in use no longer.
func (db *DB) Purge(ctx context.Context, expired odata.DateTimeOffset, limit int) (more bool, err error) {
	err = db.engine.write(ctx, func(c conn) error {
		p := purger{ctx: ctx, c: c, dialect: &db.dialect, left: limit}
		for _, step := range []func() error{
			func() error { return p.receipts(expired) },
			func() error { return p.tombstones(db.now()) },
			p.subscriptions,
			p.bodies,
		} {
			if err := step(); err != nil {
				return err
			}
		}
		more = p.left <= 0
		return nil
	})
	alerts, failure := db.purgeAlerts(ctx)
	return more || alerts, errors.Join(err, failure, db.shred(ctx))
}

// shred removes what is left of deleted and replaced secrets. Where something
// is in the way it stays owed, for the next Purge.
func (db *DB) shred(ctx context.Context) error {
	if !db.shredOwed.Swap(false) { // before, so that what is removed meanwhile is owed anew
		return nil
	}
	done, err := db.engine.shred(ctx)
	if !done {
		db.shredOwed.Store(true)
	}
	return err
}

// insertPurge notes what is to be removed: a body, or with thumbprint "" all
// children of the subscription.
func insertPurge(ctx context.Context, c conn, t pki.TenantID, key int64, thumbprint string) error {
	_, err := c.exec(ctx, "INSERT INTO purges (tenant, subscription_key, thumbprint) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
		string(t), key, thumbprint)
	return err
}

// A purger removes rows until left is used up.
type purger struct {
	ctx     context.Context
	c       conn
	dialect *dialect
	left    int
}

// A leftover is a row of the table purges.
type leftover struct {
	tenant, thumbprint string
	key                int64
}

func scanLeftover(r rows) (l leftover, err error) {
	return l, r.scan(&l.tenant, &l.key, &l.thumbprint)
}

func (p *purger) exec(text string, args ...any) error {
	n, err := p.c.exec(p.ctx, text, args...)
	p.left -= int(n)
	return err
}

func (p *purger) receipts(expired odata.DateTimeOffset) error {
	return p.exec(`DELETE FROM receipts WHERE (tenant, client, key) IN (
	SELECT tenant, client, key FROM receipts WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)`, expired.Ticks, p.left)
}

// tombstones removes those that no link can ask for any longer.
func (p *purger) tombstones(now time.Time) error {
	if p.left <= 0 {
		return nil
	}
	return p.exec(`DELETE FROM tombstones WHERE (tenant, subscription_key, id) IN (
	SELECT tenant, subscription_key, id FROM tombstones WHERE deleted_at < ?1 ORDER BY deleted_at LIMIT ?2)`,
		odata.FromTime(now.Add(-pki.TombstoneLife)).Ticks, p.left)
}

func (p *purger) subscriptions() error {
	for p.left > 0 {
		l, found, err := first(p.ctx, p.c, scanLeftover,
			"SELECT tenant, subscription_key, thumbprint FROM purges WHERE thumbprint = '' LIMIT 1"+p.dialect.skipLocked)
		if err != nil || !found {
			return err
		}
		if err := p.children(l); err != nil || p.left <= 0 {
			return err
		}
		for _, table := range []string{"change_counters", "inventories", "inventory_seen", "alert_marks"} {
			if _, err := p.c.exec(p.ctx, "DELETE FROM "+table+" WHERE tenant = ?1 AND subscription_key = ?2", l.tenant, l.key); err != nil {
				return err
			}
		}
		if err := p.done(l); err != nil {
			return err
		}
	}
	return nil
}

// children removes what belongs to a deleted subscription, as far as left
// goes.
func (p *purger) children(l leftover) error {
	if err := p.certificates(l); err != nil {
		return err
	}
	for _, table := range []string{"sync_runs", "certificate_authorities", "skipped_items"} {
		if p.left <= 0 {
			return nil
		}
		if err := p.exec(fmt.Sprintf(`DELETE FROM %[1]s WHERE tenant = ?1 AND subscription_key = ?2 AND id IN (
	SELECT id FROM %[1]s WHERE tenant = ?1 AND subscription_key = ?2 LIMIT ?3)`, table), l.tenant, l.key, p.left); err != nil {
			return err
		}
	}
	return nil
}

// certificates removes certificates and notes their bodies.
func (p *purger) certificates(l leftover) error {
	type cert struct {
		id         string
		thumbprint *string
	}
	scan := func(r rows) (c cert, err error) { return c, r.scan(&c.id, &c.thumbprint) }
	list, err := all(p.ctx, p.c, scan,
		"SELECT id, thumbprint FROM certificates WHERE tenant = ?1 AND subscription_key = ?2 LIMIT ?3", l.tenant, l.key, p.left)
	if err != nil {
		return err
	}
	for _, c := range list {
		if c.thumbprint != nil {
			if err := insertPurge(p.ctx, p.c, pki.TenantID(l.tenant), l.key, *c.thumbprint); err != nil {
				return err
			}
		}
		if err := p.exec("DELETE FROM certificates WHERE tenant = ?1 AND subscription_key = ?2 AND id = ?3", l.tenant, l.key, c.id); err != nil {
			return err
		}
	}
	return nil
}

// bodies removes the DER of certificates that no subscription of the tenant
// has any longer. The row is locked before it is looked whether one has it: a
// writer that is about to use it holds the same lock (pageWriter.body).
func (p *purger) bodies() error {
	for p.left > 0 {
		l, found, err := first(p.ctx, p.c, scanLeftover,
			"SELECT tenant, subscription_key, thumbprint FROM purges WHERE thumbprint <> '' LIMIT 1"+p.dialect.skipLocked)
		if err != nil || !found {
			return err
		}
		if _, _, err := first(p.ctx, p.c, scanText, "SELECT thumbprint FROM certificate_bodies WHERE tenant = ?1 AND thumbprint = ?2"+p.dialect.forUpdate,
			l.tenant, l.thumbprint); err != nil {
			return err
		}
		if err := p.exec(`DELETE FROM certificate_bodies WHERE tenant = ?1 AND thumbprint = ?2
AND NOT EXISTS (SELECT 1 FROM certificates WHERE tenant = ?1 AND thumbprint = ?2)`, l.tenant, l.thumbprint); err != nil {
			return err
		}
		if err := p.done(l); err != nil {
			return err
		}
	}
	return nil
}

// done takes l off the list. It counts too, so that a list of nothing but
// notes is bounded as well.
func (p *purger) done(l leftover) error {
	return p.exec("DELETE FROM purges WHERE tenant = ?1 AND subscription_key = ?2 AND thumbprint = ?3", l.tenant, l.key, l.thumbprint)
}
