package store

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// AuditEvents implements pki.InventoryStore. Where no order is asked for the
// newest comes first.
func (db *DB) AuditEvents(ctx context.Context, t pki.TenantID, q odata.Query) (p pki.Page[pki.AuditEvent], err error) {
	err = db.engine.view(ctx, func(c conn) error {
		p, err = list(ctx, db, c, &db.nouns.audit, scope{tenant: t}, q)
		return err
	})
	return p, err
}

const auditColumns = `id, activity_date_time, activity_type, resource_id,
	actor_application_id, actor_id, actor_name, correlation_id, modified_properties, reason, old_thumbprint, new_thumbprint`

func insertAudit(ctx context.Context, c conn, t pki.TenantID, e pki.AuditEvent) error {
	if e.Members == nil {
		e.Members = []string{}
	}
	members, err := encode(e.Members)
	if err != nil {
		return err
	}
	_, err = c.exec(ctx, "INSERT INTO audit_events (tenant, "+auditColumns+") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
		string(t), string(e.ID), e.At.Ticks, nullText(e.Activity), nullText(string(e.Object)),
		nullText(e.Actor.Client), nullText(e.Actor.Subject), nullText(e.Actor.Name), nullText(e.Actor.RequestID), members,
		nullText(e.Reason), nullText(string(e.OldRoot)), nullText(string(e.NewRoot)))
	return err
}

func scanAudit(r rows, _ bool, extra ...any) (pki.AuditEvent, error) {
	var e pki.AuditEvent
	var activity, object, client, subject, name, request, reason, before, after *string
	var members string
	dest := append([]any{
		(*string)(&e.ID), &e.At.Ticks, &activity, &object, &client, &subject, &name, &request, &members, &reason, &before, &after,
	}, extra...)
	if err := r.scan(dest...); err != nil {
		return e, err
	}
	e.Activity, e.Object = text(activity), pki.ID(text(object))
	e.Actor = pki.Actor{Client: text(client), Subject: text(subject), Name: text(name), RequestID: text(request)}
	e.Reason, e.OldRoot, e.NewRoot = text(reason), pki.ID(text(before)), pki.ID(text(after))
	return e, decode(members, &e.Members)
}
