package store

import (
	"context"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

const (
	watchedText = "SELECT tenant, id FROM subscriptions WHERE alerts_at <= ?1 ORDER BY alerts_at LIMIT ?2"

	endingText = `SELECT COUNT(*) FROM (SELECT 1 FROM certificates
	WHERE tenant = ?1 AND subscription_key = ?2 AND status = ?3 AND not_after > ?4 AND not_after <= ?5 LIMIT ?6) AS ending`
)

// Watched implements pki.AlertStore.
func (db *DB) Watched(ctx context.Context, now time.Time, limit int) (list []pki.Tending, err error) {
	err = db.engine.read(ctx, func(c conn) error {
		scan := func(r rows) (t pki.Tending, err error) {
			return t, r.scan((*string)(&t.Tenant), (*string)(&t.ID))
		}
		list, err = all(ctx, c, scan, watchedText, odata.FromTime(now).Ticks, limit)
		return err
	})
	return list, err
}

// JudgeAlerts implements pki.AlertStore. What is told is a change of the
// subscription, which makes its alerts due once more.
func (db *DB) JudgeAlerts(ctx context.Context, t pki.TenantID, id pki.ID, sinks []string, judge func(*pki.Subscription, pki.AlertFacts) (pki.AlertVerdict, error)) error {
	_, err := db.changeSubscription(ctx, t, id, func(c conn, s *pki.Subscription) (pki.Effects, error) {
		w := alertWriter{ctx: ctx, c: c, tenant: t, key: s.Key}
		facts, err := w.facts()
		if err != nil {
			return pki.Effects{}, err
		}
		copied := *s
		verdict, err := judge(&copied, facts)
		if err != nil {
			return pki.Effects{}, err
		}
		if err := db.raiseAlerts(ctx, c, s, &verdict); err != nil {
			return pki.Effects{}, err
		}
		return pki.Effects{Unchanged: len(verdict.Audit) == 0, Decisions: verdict.Audit}, w.save(&verdict, sinks)
	})
	return err
}

// An alertWriter reads and writes what alerts of a subscription are made from,
// inside a transaction.
type alertWriter struct {
	ctx    context.Context
	c      conn
	tenant pki.TenantID
	key    int64
}

func (w *alertWriter) facts() (f pki.AlertFacts, err error) {
	scan := func(r rows) (pki.Authority, error) { return scanAuthority(r, false) }
	if f.Authorities, err = all(w.ctx, w.c, scan, "SELECT "+authorityColumns(false)+
		" FROM certificate_authorities WHERE tenant = ?1 AND subscription_key = ?2 ORDER BY id", string(w.tenant), w.key); err != nil {
		return f, err
	}
	f.Marks, err = all(w.ctx, w.c, scanAlertMark, `SELECT kind, object_id, rung, at, ends FROM alert_marks
WHERE tenant = ?1 AND subscription_key = ?2`, string(w.tenant), w.key)
	f.Ending = w.ending
	return f, err
}

func scanAlertMark(r rows) (m pki.AlertMark, err error) {
	var ends *int64
	err = r.scan((*string)(&m.Kind), (*string)(&m.Object), &m.Rung, &m.At.Ticks, &ends)
	m.Ends = date(ends)
	return m, err
}

// ending is pki.AlertFacts.Ending, answered from one index.
func (w *alertWriter) ending(from, until odata.DateTimeOffset) (int64, error) {
	n, _, err := first(w.ctx, w.c, scanNumber, endingText,
		string(w.tenant), w.key, int64(pki.CertificateValid), from.Ticks, until.Ticks, pki.MostEnding)
	return n, err
}

func (w *alertWriter) save(v *pki.AlertVerdict, sinks []string) error {
	for _, m := range v.Forget {
		if _, err := w.c.exec(w.ctx, "DELETE FROM alert_marks WHERE tenant = ?1 AND subscription_key = ?2 AND kind = ?3 AND object_id = ?4",
			string(w.tenant), w.key, string(m.Kind), string(m.Object)); err != nil {
			return err
		}
	}
	for _, m := range v.Keep {
		if _, err := w.c.exec(w.ctx, `INSERT INTO alert_marks (tenant, subscription_key, kind, object_id, rung, at, ends)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (tenant, subscription_key, kind, object_id) DO UPDATE SET rung = excluded.rung, at = excluded.at, ends = excluded.ends`,
			string(w.tenant), w.key, string(m.Kind), string(m.Object), m.Rung, m.At.Ticks, nullDate(m.Ends)); err != nil {
			return err
		}
	}
	if err := w.enqueue(v.Alerts, sinks); err != nil {
		return err
	}
	_, err := w.c.exec(w.ctx, "UPDATE subscriptions SET alerts_at = ?3 WHERE tenant = ?1 AND key = ?2", string(w.tenant), w.key, v.Next.Ticks)
	return err
}

// enqueue puts alerts into the outbox, a row for each sink.
func (w *alertWriter) enqueue(list []pki.Alert, sinks []string) error {
	for i := range list {
		body, err := encode(list[i])
		if err != nil {
			return err
		}
		created := odata.FromTime(list[i].At).Ticks
		for _, sink := range sinks {
			if _, err := w.c.exec(w.ctx, "INSERT INTO alert_outbox (sink, alert, due_at, created_at) VALUES (?1, ?2, ?3, ?4)",
				sink, body, created, created); err != nil {
				return err
			}
		}
	}
	return nil
}
