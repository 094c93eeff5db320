package store

import (
	"context"

	"cloudpki/internal/pki"
)

// CancelRuns implements pki.RunStore.
func (db *DB) CancelRuns(ctx context.Context, t pki.TenantID, id pki.ID, e pki.AuditEvent, next func(*pki.Subscription)) (pki.Run, error) {
	var running pki.Run
	err := db.engine.write(ctx, func(c conn) error {
		s, err := db.lockSubscription(ctx, c, t, id)
		if err != nil {
			return err
		}
		open, err := openRuns(ctx, c, t, s.Key)
		if err != nil {
			return err
		}
		running = open.running
		asked, err := askToStop(ctx, c, &s, running)
		if err != nil {
			return err
		}
		if open.queued.ID != "" {
			asked = true
			if err := db.cancelQueued(ctx, c, &s, open.queued, next); err != nil {
				return err
			}
		}
		if !asked {
			return nil
		}
		return insertAudit(ctx, c, t, e)
	})
	if err != nil {
		return pki.Run{}, err
	}
	return running, nil
}

// askToStop marks a running run, and reports whether it was not marked yet.
func askToStop(ctx context.Context, c conn, s *pki.Subscription, running pki.Run) (bool, error) {
	if running.ID == "" {
		return false, nil
	}
	n, err := c.exec(ctx, "UPDATE sync_runs SET stop_asked = 1 WHERE tenant = ?1 AND subscription_key = ?2 AND id = ?3 AND stop_asked = 0",
		string(s.Tenant), s.Key, string(running.ID))
	return n > 0, err
}

// cancelQueued ends a queued run, for which the subscription was due.
func (db *DB) cancelQueued(ctx context.Context, c conn, s *pki.Subscription, queued pki.Run, next func(*pki.Subscription)) error {
	if err := db.cancelRun(ctx, c, s, queued, pki.CancelledBeforeBegin); err != nil {
		return err
	}
	if next(s); queued.DryRun {
		s.NextSync = queued.NextTry
	}
	s.Revision++
	if err := db.updateSubscription(ctx, c, s); err != nil {
		return err
	}
	return db.record(ctx, c, db.subscriptionChange(s, pki.ChangeUpdated))
}

// stopAsked reports whether the run of l was asked to stop.
func stopAsked(ctx context.Context, c conn, l pki.Lease) (bool, error) {
	n, _, err := first(ctx, c, scanNumber, "SELECT stop_asked FROM sync_runs WHERE tenant = ?1 AND subscription_key = ?2 AND id = ?3",
		string(l.Tenant), l.Key, string(l.Run.ID))
	return n != 0, err
}
