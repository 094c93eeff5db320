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
		s, err := db.findSubscription(ctx, c, t, id, db.dialect.forUpdate)
		if err != nil {
			return err
		}
		open, err := openRuns(ctx, c, t, s.Key)
		if err != nil {
			return err
		}
		if told = open.either(); told.ID == "" {
			told = run
			if err := insertRun(ctx, c, t, s.Key, run); err != nil {
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
		}
		return db.notify(ctx, c)
	})
	if err != nil {
		return pki.Run{}, err
	}
	db.signal()
	return told, nil
}

// unended are the runs of one subscription that have not ended: at most one of
// each kind. Their ids are empty where there is none.
type unended struct{ running, queued pki.Run }

// either returns the run that will tell the outcome of a sync asked for now.
func (u unended) either() pki.Run {
	if u.running.ID != "" {
		return u.running
	}
	return u.queued
}

func openRuns(ctx context.Context, c conn, t pki.TenantID, key int64) (u unended, err error) {
	scan := func(r rows) (pki.Run, error) { return scanRun(r, false) }
	list, err := all(ctx, c, scan, "SELECT "+runColumns+
		" FROM sync_runs WHERE tenant = ?1 AND subscription_key = ?2 AND status < 2", string(t), key)
	for _, r := range list {
		if r.Status == pki.RunRunning {
			u.running = r
		} else {
			u.queued = r
		}
	}
	return u, err
}

// queueRun stores run unless one is queued, and returns the one that is.
func queueRun(ctx context.Context, c conn, t pki.TenantID, key int64, run pki.Run) (pki.Run, error) {
	open, err := openRuns(ctx, c, t, key)
	if err != nil || open.queued.ID != "" {
		return open.queued, err
	}
	return run, insertRun(ctx, c, t, key, run)
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
	var queued bool
	err := db.engine.write(ctx, func(c conn) error {
		if err := db.holdLease(ctx, c, l); err != nil {
			return err
		}
		if err := updateRun(ctx, c, l, r); err != nil {
			return err
		}
		if _, err := c.exec(ctx, "UPDATE subscriptions SET lease_owner = NULL, due_at = next_sync_date_time WHERE tenant = ?1 AND id = ?2",
			string(l.Tenant), string(l.Subscription)); err != nil {
			return err
		}
		s, err := db.findSubscription(ctx, c, l.Tenant, l.Subscription, "")
		if err != nil {
			return err
		}
		revision := s.Revision
		e := change(&s)
		s.Tenant, s.ID, s.Key, s.Revision = l.Tenant, l.Subscription, l.Key, revision+1
		queued, err = db.keepDue(ctx, c, &s, e)
		if err != nil || e.Unchanged && !queued {
			return err
		}
		if err := db.updateSubscription(ctx, c, &s); err != nil {
			return err
		}
		return db.finishEffects(ctx, c, l.Tenant, e)
	})
	if err == nil && queued {
		db.signal()
	}
	return err
}

// keepDue makes sure that a run that was asked for while another ran, or is
// asked for by its end, is not forgotten.
func (db *DB) keepDue(ctx context.Context, c conn, s *pki.Subscription, e pki.Effects) (bool, error) {
	open, err := openRuns(ctx, c, s.Tenant, s.Key)
	if err != nil {
		return false, err
	}
	if open.queued.ID == "" && e.Run != nil {
		open.queued = *e.Run
		if err := insertRun(ctx, c, s.Tenant, s.Key, *e.Run); err != nil {
			return false, err
		}
	}
	if open.queued.ID == "" {
		return false, nil
	}
	s.NextSync = open.queued.Queued
	return true, db.notify(ctx, c)
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

const (
	runColumns = `id, status, "trigger", queued_date_time, started_date_time, ended_date_time,
	attempt, stages, found_count, new_count, changed_count, unchanged_count, skipped_count,
	revoked_count, missing_count, total_count, inventory_cursor,
	error_code, error_message, retry_class, upstream_request_id, next_try_date_time`

	insertRunText = `INSERT INTO sync_runs (tenant, subscription_key, ` + runColumns + `)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,
	?20, ?21, ?22, ?23, ?24)`

	updateRunText = `UPDATE sync_runs SET
	status = ?4, "trigger" = ?5, queued_date_time = ?6, started_date_time = ?7, ended_date_time = ?8,
	attempt = ?9, stages = ?10, found_count = ?11, new_count = ?12, changed_count = ?13,
	unchanged_count = ?14, skipped_count = ?15, revoked_count = ?16, missing_count = ?17,
	total_count = ?18, inventory_cursor = ?19, error_code = ?20, error_message = ?21,
	retry_class = ?22, upstream_request_id = ?23, next_try_date_time = ?24
WHERE tenant = ?1 AND subscription_key = ?2 AND id = ?3`
)

func insertRun(ctx context.Context, c conn, t pki.TenantID, key int64, r pki.Run) error {
	args, err := runArgs(t, key, r)
	if err != nil {
		return err
	}
	_, err = c.exec(ctx, insertRunText, args...)
	return err
}

// updateRun stores how far a run is. A run that has ended stays as it is.
func updateRun(ctx context.Context, c conn, l pki.Lease, r pki.Run) error {
	args, err := runArgs(l.Tenant, l.Key, r)
	if err != nil {
		return err
	}
	n, err := c.exec(ctx, updateRunText+" AND status < 2", args...)
	if err == nil && n == 0 {
		return errLeaseLost()
	}
	return err
}

func runArgs(t pki.TenantID, key int64, r pki.Run) ([]any, error) {
	if r.Stages == nil {
		r.Stages = []pki.Stage{}
	}
	stages, err := encode(r.Stages)
	if err != nil {
		return nil, err
	}
	n := r.Counts
	return []any{
		string(t), key, string(r.ID), int64(r.Status), int64(r.Trigger),
		r.Queued.Ticks, nullDate(r.Started), nullDate(r.Ended), r.Attempt, stages,
		n.Found, n.New, n.Changed, n.Unchanged, n.Skipped, n.Revoked, n.Missing,
		nullNumber(r.Total), r.Cursor, nullText(string(r.Error)), nullText(r.Message),
		nullText(string(r.Retry)), nullText(r.RequestID), nullDate(r.NextTry),
	}, nil
}

func scanRun(r rows, _ bool, extra ...any) (run pki.Run, err error) {
	var started, ended, total, next *int64
	var stages string
	var code, message, retry, request *string
	n := &run.Counts
	dest := append([]any{
		(*string)(&run.ID), (*int8)(&run.Status), (*int8)(&run.Trigger), &run.Queued.Ticks, &started, &ended,
		&run.Attempt, &stages, &n.Found, &n.New, &n.Changed, &n.Unchanged, &n.Skipped,
		&n.Revoked, &n.Missing, &total, &run.Cursor, &code, &message, &retry, &request, &next,
	}, extra...)
	if err := r.scan(dest...); err != nil {
		return run, err
	}
	run.Started, run.Ended, run.NextTry, run.Total = date(started), date(ended), date(next), number(total)
	setText(&run.Error, code)
	setText(&run.Retry, retry)
	run.Message, run.RequestID = text(message), text(request)
	return run, decode(stages, &run.Stages)
}
