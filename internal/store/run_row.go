package store

import (
	"context"

	"cloudpki/internal/pki"
)

const (
	runColumns = `id, status, "trigger", queued_date_time, started_date_time, ended_date_time,
	attempt, stages, found_count, new_count, changed_count, unchanged_count, skipped_count,
	revoked_count, missing_count, total_count, dry_run, trust_change,
	error_code, error_message, retry_class, upstream_request_id, next_try_date_time`

	insertRunText = `INSERT INTO sync_runs (tenant, subscription_key, ` + runColumns + `)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,
	?20, ?21, ?22, ?23, ?24, ?25)`

	updateRunText = `UPDATE sync_runs SET
	status = ?4, "trigger" = ?5, queued_date_time = ?6, started_date_time = ?7, ended_date_time = ?8,
	attempt = ?9, stages = ?10, found_count = ?11, new_count = ?12, changed_count = ?13,
	unchanged_count = ?14, skipped_count = ?15, revoked_count = ?16, missing_count = ?17,
	total_count = ?18, dry_run = ?19, trust_change = ?20, error_code = ?21, error_message = ?22,
	retry_class = ?23, upstream_request_id = ?24, next_try_date_time = ?25
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

// addRun stores a new run.
func (db *DB) addRun(ctx context.Context, c conn, l pki.Lease, r pki.Run) error {
	if err := insertRun(ctx, c, l.Tenant, l.Key, r); err != nil {
		return err
	}
	return db.record(ctx, c, db.childChange(pki.ResourceRuns, l, r.ID, pki.ChangeCreated))
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
		nullNumber(r.Total), flag(r.DryRun), nullText(r.TrustChange), nullText(string(r.Error)), nullText(r.Message),
		nullText(string(r.Retry)), nullText(r.RequestID), nullDate(r.NextTry),
	}, nil
}

func scanRun(r rows, _ bool, extra ...any) (run pki.Run, err error) {
	var started, ended, total, next *int64
	var dry int64
	var stages string
	var trust, code, message, retry, request *string
	n := &run.Counts
	dest := append([]any{
		(*string)(&run.ID), (*int8)(&run.Status), (*int8)(&run.Trigger), &run.Queued.Ticks, &started, &ended,
		&run.Attempt, &stages, &n.Found, &n.New, &n.Changed, &n.Unchanged, &n.Skipped,
		&n.Revoked, &n.Missing, &total, &dry, &trust, &code, &message, &retry, &request, &next,
	}, extra...)
	if err := r.scan(dest...); err != nil {
		return run, err
	}
	run.Started, run.Ended, run.NextTry, run.Total = date(started), date(ended), date(next), number(total)
	setText(&run.Error, code)
	setText(&run.Retry, retry)
	run.DryRun, run.TrustChange = dry != 0, text(trust)
	run.Message, run.RequestID = text(message), text(request)
	return run, decode(stages, &run.Stages)
}
