package store

import (
	"context"
	"fmt"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

const (
	estEndpointColumns = `id, display_name, subscription_id, profile, enabled, user_name, password_hash, subject_patterns, allow_reenrol,
	edits, created_date_time, last_modified_date_time`

	insertESTEndpointText = `INSERT INTO est_endpoints (tenant, ` + estEndpointColumns + `)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)`

	updateESTEndpointText = `UPDATE est_endpoints SET display_name = ?3, subscription_id = ?4, profile = ?5, enabled = ?6, user_name = ?7, password_hash = ?8,
	subject_patterns = ?9, allow_reenrol = ?10, edits = ?11, created_date_time = ?12, last_modified_date_time = ?13
WHERE tenant = ?1 AND id = ?2`
)

func estEndpointNoun() noun[pki.ESTEndpoint] {
	return noun[pki.ESTEndpoint]{
		entity: pki.ESTEndpointType(), from: "est_endpoints",
		columns: func(bool) string { return estEndpointColumns }, scan: scanESTEndpoint,
	}
}

func scanESTEndpoint(r rows, _ bool, extra ...any) (e pki.ESTEndpoint, err error) {
	var profile *string
	var patterns string
	var enabled, reenrol int64
	if err := r.scan(append([]any{
		(*string)(&e.ID), &e.DisplayName, (*string)(&e.Subscription), &profile, &enabled, &e.UserName, &e.PasswordHash, &patterns, &reenrol,
		&e.Edits, &e.Created.Ticks, &e.LastModified.Ticks,
	}, extra...)...); err != nil {
		return e, err
	}
	e.Profile, e.Enabled, e.Reenrol = text(profile), enabled != 0, reenrol != 0
	return e, decode(patterns, &e.Patterns)
}

func estEndpointArgs(e *pki.ESTEndpoint) ([]any, error) {
	patterns, err := encode(e.Patterns)
	return []any{
		string(e.Tenant), string(e.ID), e.DisplayName, string(e.Subscription), nullText(e.Profile), flag(e.Enabled), e.UserName, e.PasswordHash,
		patterns, flag(e.Reenrol), e.Edits, e.Created.Ticks, e.LastModified.Ticks,
	}, err
}

// CreateESTEndpoint implements pki.ESTEndpointStore.
func (db *DB) CreateESTEndpoint(ctx context.Context, e pki.ESTEndpoint, most int, a pki.AuditEvent) error {
	return db.engine.write(ctx, func(c conn) error {
		if err := db.takeTurn(ctx, c, e.Tenant); err != nil { // or two at once would exceed the quota
			return err
		}
		count, _, err := first(ctx, c, scanNumber, "SELECT COUNT(*) FROM est_endpoints WHERE tenant = ?1", string(e.Tenant))
		if err != nil {
			return err
		}
		if count >= int64(most) {
			return &pki.Error{Code: pki.CodeQuota, Msg: fmt.Sprintf("The tenant has %d EST endpoints, which is its quota. Delete one that is not needed.", count)}
		}
		_, err = db.subscriptionKey(ctx, c, e.Tenant, e.Subscription)
		if pki.CodeOf(err) == pki.CodeNotFound {
			return &pki.Error{Code: pki.CodeInvalid, Target: "subscriptionId", Msg: "There is no subscription '" + string(e.Subscription) + "'."}
		}
		if err != nil {
			return err
		}
		args, err := estEndpointArgs(&e)
		if err != nil {
			return err
		}
		if _, err := c.exec(ctx, insertESTEndpointText, args...); err != nil {
			return err
		}
		return insertAudit(ctx, c, e.Tenant, a)
	})
}

// ESTEndpoint implements pki.ESTEndpointStore.
func (db *DB) ESTEndpoint(ctx context.Context, t pki.TenantID, id pki.ID) (e pki.ESTEndpoint, err error) {
	err = db.engine.read(ctx, func(c conn) error {
		e, err = db.findESTEndpoint(ctx, c, t, id, "")
		return err
	})
	return e, err
}

func (db *DB) findESTEndpoint(ctx context.Context, c conn, t pki.TenantID, id pki.ID, lock string) (pki.ESTEndpoint, error) {
	scan := func(r rows) (pki.ESTEndpoint, error) { return scanESTEndpoint(r, false) }
	e, found, err := first(ctx, c, scan, "SELECT "+estEndpointColumns+" FROM est_endpoints WHERE tenant = ?1 AND id = ?2"+lock, string(t), string(id))
	if err == nil && !found {
		err = pki.NotFound(db.nouns.estEndpoints.entity.Name, id)
	}
	e.Tenant = t
	return e, err
}

// ESTEndpointOf implements pki.ESTEndpointStore.
func (db *DB) ESTEndpointOf(ctx context.Context, id pki.ID) (e pki.ESTEndpoint, err error) {
	err = db.engine.read(ctx, func(c conn) error {
		var found bool
		scan := func(r rows) (pki.ESTEndpoint, error) {
			var tenant string
			e, err := scanESTEndpoint(r, false, &tenant)
			e.Tenant = pki.TenantID(tenant)
			return e, err
		}
		e, found, err = first(ctx, c, scan, "SELECT "+estEndpointColumns+", tenant FROM est_endpoints WHERE id = ?1", string(id))
		if err == nil && !found {
			err = pki.NotFound(db.nouns.estEndpoints.entity.Name, id)
		}
		return err
	})
	return e, err
}

// ESTEndpoints implements pki.ESTEndpointStore.
func (db *DB) ESTEndpoints(ctx context.Context, t pki.TenantID, q odata.Query) (p pki.Page[pki.ESTEndpoint], err error) {
	err = db.engine.view(ctx, func(c conn) error {
		p, err = list(ctx, db, c, &db.nouns.estEndpoints, scope{tenant: t}, q)
		return err
	})
	for i := range p.Items {
		p.Items[i].Tenant = t
	}
	return p, err
}

// UpdateESTEndpoint implements pki.ESTEndpointStore.
func (db *DB) UpdateESTEndpoint(ctx context.Context, t pki.TenantID, id pki.ID, change func(*pki.ESTEndpoint) error, a pki.AuditEvent) (e pki.ESTEndpoint, err error) {
	err = db.engine.write(ctx, func(c conn) error {
		if e, err = db.findESTEndpoint(ctx, c, t, id, db.dialect.forUpdate); err != nil {
			return err
		}
		if err := change(&e); err != nil {
			return err
		}
		args, err := estEndpointArgs(&e)
		if err != nil {
			return err
		}
		if _, err := c.exec(ctx, updateESTEndpointText, args...); err != nil {
			return err
		}
		return insertAudit(ctx, c, t, a)
	})
	return e, err
}

// DeleteESTEndpoint implements pki.ESTEndpointStore.
func (db *DB) DeleteESTEndpoint(ctx context.Context, t pki.TenantID, id pki.ID, check func(pki.ESTEndpoint) error, a pki.AuditEvent) error {
	return db.engine.write(ctx, func(c conn) error {
		e, err := db.findESTEndpoint(ctx, c, t, id, db.dialect.forUpdate)
		if err != nil {
			return err
		}
		if err := check(e); err != nil {
			return err
		}
		if _, err := c.exec(ctx, "DELETE FROM est_endpoints WHERE tenant = ?1 AND id = ?2", string(t), string(id)); err != nil {
			return err
		}
		return insertAudit(ctx, c, t, a)
	})
}

// dropESTEndpoints removes those of a subscription that is being deleted: one
// made later under its id is another CA than their devices trust.
func dropESTEndpoints(ctx context.Context, c conn, t pki.TenantID, subscription pki.ID) error {
	_, err := c.exec(ctx, "DELETE FROM est_endpoints WHERE tenant = ?1 AND subscription_id = ?2", string(t), string(subscription))
	return err
}
