package store

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// longestAlertQueue is how many alerts wait for a sink that fails; the oldest
// beyond are given up.
const longestAlertQueue = 10_000

// TakeAlert implements notify.AlertQueue. It looks before it writes, because
// mostly there is nothing to take.
func (db *DB) TakeAlert(ctx context.Context, sink string, now, until odata.DateTimeOffset) (q pki.QueuedAlert, found bool, err error) {
	const due = "SELECT number FROM alert_outbox WHERE sink = ?1 AND due_at <= ?2 ORDER BY due_at, number LIMIT 1"
	err = db.engine.read(ctx, func(c conn) error {
		_, found, err = first(ctx, c, scanNumber, due, sink, now.Ticks)
		return err
	})
	if err != nil || !found {
		return q, false, err
	}
	err = db.engine.write(ctx, func(c conn) error {
		var body string
		scan := func(r rows) (q pki.QueuedAlert, err error) { return q, r.scan(&q.Number, &body, &q.Failures) }
		q, found, err = first(ctx, c, scan, "UPDATE alert_outbox SET due_at = ?3 WHERE number = ("+due+db.dialect.skipLocked+
			") RETURNING number, alert, failures", sink, now.Ticks, until.Ticks)
		if err != nil || !found {
			return err
		}
		q.Sink, q.Until = sink, until
		return decode(body, &q.Alert)
	})
	return q, found && err == nil, err
}

// SettleAlert implements notify.AlertQueue.
func (db *DB) SettleAlert(ctx context.Context, q pki.QueuedAlert, a pki.AlertAttempt) error {
	return db.engine.write(ctx, func(c conn) (err error) {
		var n int64
		if a.Error == "" {
			n, err = c.exec(ctx, "DELETE FROM alert_outbox WHERE number = ?1 AND due_at = ?2", q.Number, q.Until.Ticks)
		} else {
			n, err = c.exec(ctx, "UPDATE alert_outbox SET due_at = ?3, failures = failures + 1 WHERE number = ?1 AND due_at = ?2",
				q.Number, q.Until.Ticks, a.Again.Ticks)
		}
		if err != nil || n == 0 {
			return err
		}
		return noteAttempt(ctx, c, q.Sink, a)
	})
}

// GiveUpAlerts implements notify.AlertQueue.
func (db *DB) GiveUpAlerts(ctx context.Context, sink string, before, now odata.DateTimeOffset) (dropped int, err error) {
	err = db.engine.write(ctx, func(c conn) error {
		n, err := c.exec(ctx, `DELETE FROM alert_outbox WHERE sink = ?1 AND (failures > 0 AND created_at < ?2 OR number <= (
	SELECT number FROM alert_outbox WHERE sink = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?3))`, sink, before.Ticks, longestAlertQueue)
		if err != nil {
			return err
		}
		dropped = int(n)
		return noteDropped(ctx, c, sink, n, now)
	})
	return dropped, err
}
