package store

import (
	"context"
	"slices"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

const (
	alertColumns = `id, subscription_key, kind, severity, subscription_id, certificate_authority_id, expiry_stage, expiration_date_time,
	certificate_count, title, detail, action, path, console, page, created_date_time, last_told_date_time, resolved_date_time, revision`

	// saveAlertText inserts an alert, or writes all that can change of it.
	saveAlertText = `INSERT INTO alerts (tenant, ` + alertColumns + `, change)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)
ON CONFLICT (tenant, id) DO UPDATE SET severity = excluded.severity, expiry_stage = excluded.expiry_stage,
	expiration_date_time = excluded.expiration_date_time, certificate_count = excluded.certificate_count, title = excluded.title,
	detail = excluded.detail, action = excluded.action, path = excluded.path, console = excluded.console, page = excluded.page,
	last_told_date_time = excluded.last_told_date_time, resolved_date_time = excluded.resolved_date_time,
	revision = excluded.revision, change = excluded.change`
)

func raisedAlertNoun() noun[pki.RaisedAlert] {
	return noun[pki.RaisedAlert]{
		entity: pki.AlertType(), from: "alerts", newest: true,
		columns: func(bool) string { return alertColumns }, scan: scanRaisedAlert,
	}
}

func scanRaisedAlert(r rows, _ bool, extra ...any) (a pki.RaisedAlert, err error) {
	var object, stage *string
	var ends, count, resolved *int64
	err = r.scan(append([]any{
		(*string)(&a.ID), &a.Key, (*string)(&a.Kind), (*int8)(&a.Severity), (*string)(&a.Subscription), &object, &stage, &ends,
		&count, &a.Title, &a.Detail, &a.Action, &a.Path, &a.Console, &a.Page, &a.Created.Ticks, &a.Told.Ticks, &resolved, &a.Revision,
	}, extra...)...)
	a.At, a.Object, a.Stage, a.Resolved = a.Told.Time(), pki.ID(text(object)), text(stage), date(resolved)
	if ends != nil {
		a.Ends = date(ends).Time()
	}
	if count != nil {
		a.Count = *count
	}
	return a, err
}

// saveAlert writes an alert and tells of it.
func (db *DB) saveAlert(ctx context.Context, c conn, a *pki.RaisedAlert, what pki.ChangeType) error {
	change, err := nextChange(ctx, c, a.Tenant, alertChanges)
	if err != nil {
		return err
	}
	var ends, count any
	if !a.Ends.IsZero() {
		ends = odata.FromTime(a.Ends).Ticks
	}
	if a.Count != 0 {
		count = a.Count
	}
	if _, err := c.exec(ctx, saveAlertText, string(a.Tenant), string(a.ID), a.Key, string(a.Kind), int64(a.Severity), string(a.Subscription),
		nullText(string(a.Object)), nullText(a.Stage), ends, count, a.Title, a.Detail, a.Action, a.Path, a.Console, a.Page,
		a.Created.Ticks, a.Told.Ticks, nullDate(a.Resolved), a.Revision, change); err != nil {
		return err
	}
	return db.record(ctx, c, db.alertChange(a, what))
}

func (db *DB) alertChange(a *pki.RaisedAlert, what pki.ChangeType) pki.Change {
	change := pki.Change{
		Tenant: a.Tenant, Resource: pki.ResourceAlerts, Key: a.Key, Object: a.ID, Type: what, At: odata.FromTime(db.now()),
	}
	if what != pki.ChangeDeleted {
		change.ETag = a.ETag()
	}
	return change
}

// raiseAlerts brings the alerts of a subscription to where a verdict has them:
// what is told is raised or told anew, what holds no longer is resolved. The
// transaction has the tenant's turn.
func (db *DB) raiseAlerts(ctx context.Context, c conn, s *pki.Subscription, v *pki.AlertVerdict) error {
	scan := func(r rows) (pki.RaisedAlert, error) {
		a, err := scanRaisedAlert(r, false)
		a.Tenant = s.Tenant
		return a, err
	}
	standing, err := all(ctx, c, scan, "SELECT "+alertColumns+
		" FROM alerts WHERE tenant = ?1 AND subscription_key = ?2 AND resolved_date_time IS NULL ORDER BY id", string(s.Tenant), s.Key)
	if err != nil {
		return err
	}
	holds := slices.Clone(v.Standing)
	for i := range v.Alerts {
		told := v.Alerts[i]
		if told.Kind == pki.AlertRecovered {
			continue // that the other is resolved tells it
		}
		holds = append(holds, told.AlertKey())
		known := slices.IndexFunc(standing, func(a pki.RaisedAlert) bool { return a.AlertKey() == told.AlertKey() })
		if known >= 0 {
			standing[known].Tell(told)
			err = db.saveAlert(ctx, c, &standing[known], pki.ChangeUpdated)
		} else {
			standing = append(standing, pki.NewRaisedAlert(told, s.Key))
			err = db.saveAlert(ctx, c, &standing[len(standing)-1], pki.ChangeCreated)
		}
		if err != nil {
			return err
		}
	}
	for i := range standing {
		if a := &standing[i]; !slices.Contains(holds, a.AlertKey()) {
			a.Resolve(odata.FromTime(db.now()))
			if err := db.saveAlert(ctx, c, a, pki.ChangeUpdated); err != nil {
				return err
			}
		}
	}
	return nil
}

// RaisedAlert implements pki.RaisedAlertStore.
func (db *DB) RaisedAlert(ctx context.Context, t pki.TenantID, id pki.ID) (a pki.RaisedAlert, err error) {
	scan := func(r rows) (pki.RaisedAlert, error) { return scanRaisedAlert(r, false) }
	err = db.engine.read(ctx, func(c conn) error {
		var found bool
		a, found, err = first(ctx, c, scan, "SELECT "+alertColumns+" FROM alerts WHERE tenant = ?1 AND id = ?2", string(t), string(id))
		if err == nil && !found {
			err = pki.NotFound(db.nouns.alerts.entity.Name, id)
		}
		return err
	})
	a.Tenant = t
	return a, err
}

// RaisedAlerts implements pki.RaisedAlertStore.
func (db *DB) RaisedAlerts(ctx context.Context, t pki.TenantID, q odata.Query) (p pki.Page[pki.RaisedAlert], err error) {
	err = db.engine.view(ctx, func(c conn) error {
		p, err = list(ctx, db, c, &db.nouns.alerts, scope{tenant: t}, q)
		return err
	})
	for i := range p.Items {
		p.Items[i].Tenant = t
	}
	return p, err
}

// RaisedAlertChanges implements pki.RaisedAlertStore.
func (db *DB) RaisedAlertChanges(ctx context.Context, t pki.TenantID, q odata.Query, from pki.DeltaPosition) (page pki.Delta[pki.RaisedAlert], err error) {
	err = db.engine.view(ctx, func(c conn) error {
		d := deltaReader[pki.RaisedAlert]{db, c, &db.nouns.alerts, scope{tenant: t}, alertChanges, q, from}
		page, err = d.page(ctx)
		return err
	})
	for i := range page.Items {
		if a := page.Items[i].Item; a != nil {
			a.Tenant = t
		}
	}
	return page, err
}

// alertsAtOnce bounds how many alerts a transaction removes.
const alertsAtOnce = 100

// purgeAlerts removes alerts that were resolved long ago, of one tenant, because
// whoever writes for several in one transaction may meet another on the way. It
// reports whether there may be more.
func (db *DB) purgeAlerts(ctx context.Context) (more bool, err error) {
	before := odata.FromTime(db.now().Add(-pki.AlertLife)).Ticks
	var tenant string
	err = db.engine.read(ctx, func(c conn) error {
		tenant, more, err = first(ctx, c, scanText, "SELECT tenant FROM alerts WHERE resolved_date_time < ?1 ORDER BY resolved_date_time LIMIT 1", before)
		return err
	})
	if err != nil || !more {
		return false, err
	}
	err = db.engine.write(ctx, func(c conn) error {
		t := pki.TenantID(tenant)
		if err := db.takeTurn(ctx, c, t); err != nil {
			return err
		}
		scan := func(r rows) (pki.RaisedAlert, error) { return scanRaisedAlert(r, false) }
		list, err := all(ctx, c, scan, "SELECT "+alertColumns+" FROM alerts WHERE tenant = ?1 AND resolved_date_time < ?2 ORDER BY id LIMIT ?3",
			tenant, before, alertsAtOnce)
		if err != nil {
			return err
		}
		for i := range list {
			list[i].Tenant = t
			if err := db.removeAlert(ctx, c, &list[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return err == nil, err
}

func (db *DB) removeAlert(ctx context.Context, c conn, a *pki.RaisedAlert) error {
	if _, err := c.exec(ctx, "DELETE FROM alerts WHERE tenant = ?1 AND id = ?2", string(a.Tenant), string(a.ID)); err != nil {
		return err
	}
	if err := db.insertTombstone(ctx, c, a.Tenant, alertChanges, a.ID); err != nil {
		return err
	}
	return db.record(ctx, c, db.alertChange(a, pki.ChangeDeleted))
}
