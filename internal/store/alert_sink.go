package store

import (
	"context"
	"slices"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// An AlertSink is how a way out for alerts has fared.
type AlertSink struct {
	Name      string
	Waiting   int64
	Oldest    odata.DateTimeOffset // of those that wait; Never for none
	Delivered odata.DateTimeOffset // last; Never for not yet
	Failed    odata.DateTimeOffset // last; Never for not yet
	Error     string               // of the last failure, without secrets
	Dropped   int64                // alerts given up so far
	DroppedAt odata.DateTimeOffset // last; Never for none
}

const alertSinksText = `SELECT n.sink, (SELECT COUNT(*) FROM alert_outbox o WHERE o.sink = n.sink),
	(SELECT MIN(created_at) FROM alert_outbox o WHERE o.sink = n.sink),
	s.delivered_at, s.failed_at, s.error, COALESCE(s.dropped, 0), s.dropped_at
FROM (SELECT sink FROM alert_sinks UNION SELECT sink FROM alert_outbox) n
LEFT JOIN alert_sinks s ON s.sink = n.sink ORDER BY n.sink`

func scanAlertSink(r rows) (s AlertSink, err error) {
	var oldest, delivered, failed, dropped *int64
	var reason *string
	err = r.scan(&s.Name, &s.Waiting, &oldest, &delivered, &failed, &reason, &s.Dropped, &dropped)
	s.Oldest, s.Delivered, s.Failed, s.Error, s.DroppedAt = date(oldest), date(delivered), date(failed), text(reason), date(dropped)
	return s, err
}

// noteAttempt keeps how the last delivery to a sink has ended.
func noteAttempt(ctx context.Context, c conn, sink string, a pki.AlertAttempt) error {
	if a.Error == "" {
		_, err := c.exec(ctx, `INSERT INTO alert_sinks (sink, delivered_at) VALUES (?1, ?2)
ON CONFLICT (sink) DO UPDATE SET delivered_at = excluded.delivered_at`, sink, a.At.Ticks)
		return err
	}
	_, err := c.exec(ctx, `INSERT INTO alert_sinks (sink, failed_at, error) VALUES (?1, ?2, ?3)
ON CONFLICT (sink) DO UPDATE SET failed_at = excluded.failed_at, error = excluded.error`, sink, a.At.Ticks, a.Error)
	return err
}

// noteDropped counts what was given up.
func noteDropped(ctx context.Context, c conn, sink string, n int64, now odata.DateTimeOffset) error {
	if n == 0 {
		return nil
	}
	_, err := c.exec(ctx, `INSERT INTO alert_sinks (sink, dropped, dropped_at) VALUES (?1, ?2, ?3)
ON CONFLICT (sink) DO UPDATE SET dropped = alert_sinks.dropped + excluded.dropped, dropped_at = excluded.dropped_at`, sink, n, now.Ticks)
	return err
}

// ExpireAlerts implements notify.AlertQueue.
func (db *DB) ExpireAlerts(ctx context.Context, sinks []string, before, now odata.DateTimeOffset) (map[string]int, error) {
	var strangers []string
	err := db.engine.read(ctx, func(c conn) error {
		list, err := all(ctx, c, scanText, "SELECT DISTINCT sink FROM alert_outbox")
		strangers = slices.DeleteFunc(list, func(s string) bool { return slices.Contains(sinks, s) })
		return err
	})
	if err != nil || len(strangers) == 0 {
		return nil, err
	}
	dropped := make(map[string]int)
	err = db.engine.write(ctx, func(c conn) error {
		clear(dropped)
		for _, sink := range strangers {
			n, err := c.exec(ctx, "DELETE FROM alert_outbox WHERE sink = ?1 AND created_at < ?2", sink, before.Ticks)
			if err == nil && n > 0 {
				dropped[sink] = int(n)
				err = noteDropped(ctx, c, sink, n, now)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return dropped, err
}
