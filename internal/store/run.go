package store

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// RequestRun implements pki.RunStore.
func (db *DB) RequestRun(ctx context.Context, t pki.TenantID, id pki.ID, run pki.Run, e pki.AuditEvent) (pki.Run, error) {
	var told pki.Run
	err := db.engine.write(ctx, func(c conn) error {
		s, err := db.lockSubscription(ctx, c, t, id)
		if err != nil {
			return err
		}
		open, err := openRuns(ctx, c, t, s.Key)
		if err != nil {
			return err
		}
		if told, err = db.joined(ctx, c, leaseOn(&s), open, run); err != nil {
			return err
		}
		if told.ID == "" {
			if told = run; run.DryRun {
				told.NextTry = s.NextSync // which is put back at its end
			}
			if err := db.addRun(ctx, c, leaseOn(&s), told); err != nil {
				return err
			}
			if err := insertAudit(ctx, c, t, e); err != nil {
				return err
			}
		}
		if told.Status == pki.RunQueued && (s.NextSync.IsNever() || s.NextSync.Ticks > run.Queued.Ticks) {
			s.NextSync = run.Queued
			s.Revision++
			if err := db.updateSubscription(ctx, c, &s); err != nil {
				return err
			}
			if err := db.record(ctx, c, db.subscriptionChange(&s, pki.ChangeUpdated)); err != nil {
				return err
			}
		}
		return comesFirst(ctx, c, t, id, told)
	})
	if err != nil {
		return pki.Run{}, err
	}
	db.awaken()
	return told, nil
}

// comesFirst puts a queued run before all that is due by schedule: a person
// waits for it.
func comesFirst(ctx context.Context, c conn, t pki.TenantID, id pki.ID, run pki.Run) error {
	if run.Status != pki.RunQueued {
		return nil
	}
	_, err := c.exec(ctx, "UPDATE subscriptions SET due_at = 0 WHERE tenant = ?1 AND id = ?2 AND lease_owner IS NULL", string(t), string(id))
	return err
}

// SaveRun implements pki.RunStore.
func (db *DB) SaveRun(ctx context.Context, l pki.Lease, r pki.Run) error {
	return db.engine.write(ctx, func(c conn) error {
		if err := db.holdLease(ctx, c, l); err != nil {
			return err
		}
		return updateRun(ctx, c, l, r)
	})
}

// FinishRun implements pki.RunStore.
func (db *DB) FinishRun(ctx context.Context, l pki.Lease, r pki.Run, change func(*pki.Subscription) pki.Effects) error {
	var queued, dropped bool
	err := db.engine.write(ctx, func(c conn) error {
		if err := db.takeTurn(ctx, c, l.Tenant); err != nil {
			return err
		}
		if err := db.holdLease(ctx, c, l); err != nil {
			return err
		}
		if err := db.endRun(ctx, c, l, r); err != nil {
			return err
		}
		if _, err := c.exec(ctx, `UPDATE subscriptions SET lease_owner = NULL, due_at = CASE
	WHEN next_probe_date_time IS NULL OR next_sync_date_time <= next_probe_date_time THEN next_sync_date_time ELSE next_probe_date_time END
WHERE tenant = ?1 AND id = ?2`,
			string(l.Tenant), string(l.Subscription)); err != nil {
			return err
		}
		s, err := db.findSubscription(ctx, c, l.Tenant, l.Subscription, "")
		if err != nil {
			return err
		}
		revision, secrets := s.Revision, sealedOf(&s)
		e := change(&s)
		if err := followOn(ctx, c, l, e); err != nil {
			return err
		}
		dropped = !secrets.keptBy(&s)
		s.Tenant, s.ID, s.Key, s.Revision = l.Tenant, l.Subscription, l.Key, revision+1
		queued, err = db.keepDue(ctx, c, &s, e)
		if err != nil || e.Unchanged && !queued {
			return err
		}
		if err := auditEffects(ctx, c, l.Tenant, e); err != nil {
			return err
		}
		if err := db.record(ctx, c, db.subscriptionChange(&s, pki.ChangeUpdated)); err != nil {
			return err
		}
		return db.updateSubscription(ctx, c, &s)
	})
	if err == nil && dropped {
		db.shredOwed.Store(true)
	}
	if err == nil && queued {
		db.awaken()
	}
	return err
}

// endRun stores the end of a run and removes the oldest runs.
func (db *DB) endRun(ctx context.Context, c conn, l pki.Lease, r pki.Run) error {
	if err := updateRun(ctx, c, l, r); err != nil {
		return err
	}
	if err := db.record(ctx, c, db.childChange(pki.ResourceRuns, l, r.ID, pki.ChangeUpdated)); err != nil {
		return err
	}
	return trimRuns(ctx, c, l)
}

// Run implements pki.InventoryStore.
func (db *DB) Run(ctx context.Context, t pki.TenantID, sub, id pki.ID) (pki.Run, error) {
	return single(ctx, db, &db.nouns.runs, t, sub, id)
}

// Runs implements pki.InventoryStore. Where no order is asked for the newest
// comes first.
func (db *DB) Runs(ctx context.Context, t pki.TenantID, sub pki.ID, q odata.Query) (pki.Page[pki.Run], error) {
	return children(ctx, db, &db.nouns.runs, t, sub, q)
}
