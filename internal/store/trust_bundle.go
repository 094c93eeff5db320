package store

import (
	"context"
	"fmt"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

const (
	bundleColumns = `id, key, name, display_name, description, subscription_ids, include_intermediates, access,
	created_date_time, last_modified_date_time, version, content_hash, root_count, published_date_time, expiration_date_time,
	publish_status, publish_message, stale, edits, revision`

	// Known are the fetchers of all versions, current those of the last.
	bundleFigures = `, (SELECT COUNT(DISTINCT fetcher_type || ' ' || fetcher_id) FROM trust_bundle_fetches f
	WHERE f.tenant = trust_bundles.tenant AND f.subscription_key = trust_bundles.key AND fetcher_type <> 3),
	(SELECT COUNT(DISTINCT fetcher_type || ' ' || fetcher_id) FROM trust_bundle_fetches f
	WHERE f.tenant = trust_bundles.tenant AND f.subscription_key = trust_bundles.key AND f.version = trust_bundles.version AND fetcher_type <> 3)`
	noFigures = ", 0, 0"

	insertBundleText = `INSERT INTO trust_bundles (tenant, ` + bundleColumns + `, change)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)
ON CONFLICT (tenant, name) DO NOTHING`

	updateBundleText = `UPDATE trust_bundles SET display_name = ?5, description = ?6, subscription_ids = ?7, include_intermediates = ?8, access = ?9,
	created_date_time = ?10, last_modified_date_time = ?11, version = ?12, content_hash = ?13, root_count = ?14, published_date_time = ?15,
	expiration_date_time = ?16, publish_status = ?17, publish_message = ?18, stale = ?19, edits = ?20, revision = ?21, change = ?22
WHERE tenant = ?1 AND id = ?2 AND key = ?3 AND name = ?4`
)

func bundleNoun() noun[pki.TrustBundle] {
	return noun[pki.TrustBundle]{
		entity: pki.TrustBundleType(), from: "trust_bundles",
		columns: func(bool) string { return bundleColumns + bundleFigures }, scan: scanBundle,
	}
}

func scanBundle(r rows, _ bool, extra ...any) (b pki.TrustBundle, err error) {
	var subscriptions string
	var hash, message *string
	var published, expires *int64
	var intermediates, stale, known int64
	if err := r.scan(append([]any{
		(*string)(&b.ID), &b.Key, &b.Name, &b.DisplayName, &b.Description, &subscriptions, &intermediates, (*int64)(&b.Access),
		&b.Created.Ticks, &b.LastModified.Ticks, &b.Version, &hash, &b.Roots, &published, &expires,
		(*int64)(&b.Status), &message, &stale, &b.Edits, &b.Revision, &known, &b.CurrentFetchers,
	}, extra...)...); err != nil {
		return b, err
	}
	b.Intermediates, b.Stale, b.OutdatedFetchers = intermediates != 0, stale != 0, known-b.CurrentFetchers
	b.Hash, b.Message, b.Published, b.Expires = text(hash), text(message), date(published), date(expires)
	return b, decode(subscriptions, &b.Subscriptions)
}

func bundleArgs(b *pki.TrustBundle, change int64) ([]any, error) {
	if b.Subscriptions == nil {
		b.Subscriptions = []string{}
	}
	subscriptions, err := encode(b.Subscriptions)
	return []any{
		string(b.Tenant), string(b.ID), b.Key, b.Name, b.DisplayName, b.Description, subscriptions, flag(b.Intermediates), int64(b.Access),
		b.Created.Ticks, b.LastModified.Ticks, b.Version, nullText(b.Hash), b.Roots, nullDate(b.Published), nullDate(b.Expires),
		int64(b.Status), nullText(b.Message), flag(b.Stale), b.Edits, b.Revision, change,
	}, err
}

// markBundles notes that what the bundles of a tenant are gathered from may
// have changed. It belongs into the transaction of the change, which has taken
// its turn, as those who publish do: none looks away from what another changes.
func markBundles(ctx context.Context, c conn, t pki.TenantID) error {
	_, err := c.exec(ctx, "UPDATE trust_bundles SET stale = 1 WHERE tenant = ?1 AND stale = 0", string(t))
	return err
}

// CreateTrustBundle implements pki.BundleStore.
func (db *DB) CreateTrustBundle(ctx context.Context, b pki.TrustBundle, most int, e pki.AuditEvent, r *pki.Receipt) error {
	return db.engine.write(ctx, func(c conn) error {
		if err := db.takeTurn(ctx, c, b.Tenant); err != nil { // or two at once would exceed the quota
			return err
		}
		if r != nil {
			if err := insertReceipt(ctx, c, *r); err != nil {
				return err
			}
		}
		count, _, err := first(ctx, c, scanNumber, "SELECT COUNT(*) FROM trust_bundles WHERE tenant = ?1", string(b.Tenant))
		if err != nil {
			return err
		}
		if count >= int64(most) {
			return &pki.Error{Code: pki.CodeQuota, Msg: fmt.Sprintf("The tenant has %d trust bundles, which is its quota. Delete one that is not needed.", count)}
		}
		if err := db.checkSources(ctx, c, &b); err != nil {
			return err
		}
		b := b
		if b.Version, _, err = first(ctx, c, scanNumber, "SELECT version FROM trust_bundle_names WHERE tenant = ?1 AND name = ?2", string(b.Tenant), b.Name); err != nil {
			return err
		}
		if err := db.insertBundle(ctx, c, &b); err != nil {
			return err
		}
		return insertAudit(ctx, c, b.Tenant, e)
	})
}

// insertBundle writes a new row and tells of it. CodeExists where its name is
// taken.
func (db *DB) insertBundle(ctx context.Context, c conn, b *pki.TrustBundle) error {
	change, err := nextChange(ctx, c, b.Tenant, bundleChanges)
	if err != nil {
		return err
	}
	args, err := bundleArgs(b, change)
	if err != nil {
		return err
	}
	n, err := c.exec(ctx, insertBundleText, args...)
	if err == nil && n == 0 {
		err = &pki.Error{Code: pki.CodeExists, Target: "name", Msg: "A trust bundle with the name '" + b.Name + "' exists already. Choose another name, or change the existing bundle."}
	}
	if err != nil {
		return err
	}
	return db.record(ctx, c, db.bundleChange(b, pki.ChangeCreated))
}

func (db *DB) bundleChange(b *pki.TrustBundle, t pki.ChangeType) pki.Change {
	change := pki.Change{
		Tenant: b.Tenant, Resource: pki.ResourceBundles, Key: b.Key, Object: b.ID, Type: t, At: odata.FromTime(db.now()),
	}
	if t != pki.ChangeDeleted {
		change.ETag = b.ETag()
	}
	return change
}

// TrustBundleChanges implements pki.BundleClientStore.
func (db *DB) TrustBundleChanges(ctx context.Context, t pki.TenantID, q odata.Query, from pki.DeltaPosition) (page pki.Delta[pki.TrustBundle], err error) {
	err = db.engine.view(ctx, func(c conn) error {
		d := deltaReader[pki.TrustBundle]{db, c, &db.nouns.bundles, scope{tenant: t}, bundleChanges, q, from}
		page, err = d.page(ctx)
		return err
	})
	for i := range page.Items {
		if b := page.Items[i].Item; b != nil {
			b.Tenant = t
		}
	}
	return page, err
}

// checkSources reports the first subscription of b that does not exist.
func (db *DB) checkSources(ctx context.Context, c conn, b *pki.TrustBundle) error {
	for _, id := range b.Subscriptions {
		_, err := db.subscriptionKey(ctx, c, b.Tenant, pki.ID(id))
		if pki.CodeOf(err) == pki.CodeNotFound {
			return &pki.Error{Code: pki.CodeInvalid, Target: "subscriptionIds", Msg: "There is no subscription '" + id + "'. Name those that there are, or none for all."}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// TrustBundle implements pki.BundleStore.
func (db *DB) TrustBundle(ctx context.Context, t pki.TenantID, id pki.ID) (b pki.TrustBundle, err error) {
	err = db.engine.read(ctx, func(c conn) error {
		b, err = db.findBundle(ctx, c, t, bundleFigures, "id", string(id), "")
		return err
	})
	return b, err
}

// TrustBundleNamed implements pki.BundleStore.
func (db *DB) TrustBundleNamed(ctx context.Context, t pki.TenantID, name string) (b pki.TrustBundle, err error) {
	err = db.engine.read(ctx, func(c conn) error {
		b, err = db.findBundle(ctx, c, t, noFigures, "name", name, "")
		return err
	})
	return b, err
}

// findBundle reads the bundle of t whose column has the value.
func (db *DB) findBundle(ctx context.Context, c conn, t pki.TenantID, figures, column, value, lock string) (pki.TrustBundle, error) {
	scan := func(r rows) (pki.TrustBundle, error) { return scanBundle(r, false) }
	b, found, err := first(ctx, c, scan, "SELECT "+bundleColumns+figures+" FROM trust_bundles WHERE tenant = ?1 AND "+column+" = ?2"+lock, string(t), value)
	if err == nil && !found {
		err = pki.NotFound(db.nouns.bundles.entity.Name, pki.ID(value))
	}
	b.Tenant = t
	return b, err
}

// TrustBundles implements pki.BundleStore.
func (db *DB) TrustBundles(ctx context.Context, t pki.TenantID, q odata.Query) (p pki.Page[pki.TrustBundle], err error) {
	err = db.engine.view(ctx, func(c conn) error {
		p, err = list(ctx, db, c, &db.nouns.bundles, scope{tenant: t}, q)
		return err
	})
	for i := range p.Items {
		p.Items[i].Tenant = t
	}
	return p, err
}

// changeBundle runs change on the stored row and stores what that made of it,
// told as a change where it can be seen. The row is locked by the turn of its
// tenant.
func (db *DB) changeBundle(ctx context.Context, t pki.TenantID, id pki.ID, change func(conn, *pki.TrustBundle) error) (b pki.TrustBundle, err error) {
	err = db.engine.write(ctx, func(c conn) error {
		if err := db.takeTurn(ctx, c, t); err != nil {
			return err
		}
		if b, err = db.findBundle(ctx, c, t, noFigures, "id", string(id), db.dialect.forUpdate); err != nil {
			return err
		}
		before := b
		if err := change(c, &b); err != nil {
			return err
		}
		if before.Edits == b.Edits && before.Version == b.Version && before.Status == b.Status && before.Message == b.Message {
			_, err = c.exec(ctx, "UPDATE trust_bundles SET stale = ?3 WHERE tenant = ?1 AND id = ?2", string(t), string(id), flag(b.Stale))
		} else {
			b.Revision++
			err = db.updateBundle(ctx, c, &b)
		}
		if err != nil {
			return err
		}
		b, err = db.findBundle(ctx, c, t, bundleFigures, "id", string(id), "") // with the figures of the version that is the last now
		return err
	})
	return b, err
}

// updateBundle writes all columns of b and tells of it.
func (db *DB) updateBundle(ctx context.Context, c conn, b *pki.TrustBundle) error {
	change, err := nextChange(ctx, c, b.Tenant, bundleChanges)
	if err != nil {
		return err
	}
	args, err := bundleArgs(b, change)
	if err != nil {
		return err
	}
	if _, err := c.exec(ctx, updateBundleText, args...); err != nil {
		return err
	}
	return db.record(ctx, c, db.bundleChange(b, pki.ChangeUpdated))
}

// UpdateTrustBundle implements pki.BundleStore.
func (db *DB) UpdateTrustBundle(ctx context.Context, t pki.TenantID, id pki.ID, change func(*pki.TrustBundle) error, e pki.AuditEvent) (pki.TrustBundle, error) {
	return db.changeBundle(ctx, t, id, func(c conn, b *pki.TrustBundle) error {
		edits := b.Edits
		if err := change(b); err != nil || b.Edits == edits {
			return err
		}
		if err := db.checkSources(ctx, c, b); err != nil {
			return err
		}
		b.Stale = true
		return insertAudit(ctx, c, t, e)
	})
}

// DeleteTrustBundle implements pki.BundleStore.
func (db *DB) DeleteTrustBundle(ctx context.Context, t pki.TenantID, id pki.ID, check func(pki.TrustBundle) error, e pki.AuditEvent) error {
	return db.engine.write(ctx, func(c conn) error {
		if err := db.takeTurn(ctx, c, t); err != nil {
			return err
		}
		b, err := db.findBundle(ctx, c, t, noFigures, "id", string(id), db.dialect.forUpdate)
		if err != nil {
			return err
		}
		if check != nil {
			if err := check(b); err != nil {
				return err
			}
		}
		if _, err := c.exec(ctx, "DELETE FROM trust_bundles WHERE tenant = ?1 AND id = ?2", string(t), string(id)); err != nil {
			return err
		}
		if _, err := c.exec(ctx, "DELETE FROM trust_bundle_versions WHERE tenant = ?1 AND subscription_key = ?2", string(t), b.Key); err != nil {
			return err
		}
		if err := deleteFetches(ctx, c, &b, b.Version); err != nil {
			return err
		}
		if _, err := c.exec(ctx, `INSERT INTO trust_bundle_names (tenant, name, version) VALUES (?1, ?2, ?3)
ON CONFLICT (tenant, name) DO UPDATE SET version = excluded.version`, string(t), b.Name, b.Version); err != nil {
			return err
		}
		if err := db.insertTombstone(ctx, c, t, bundleChanges, id); err != nil {
			return err
		}
		if err := db.record(ctx, c, db.bundleChange(&b, pki.ChangeDeleted)); err != nil {
			return err
		}
		return insertAudit(ctx, c, t, e)
	})
}

// StaleTrustBundles implements pki.BundleStore.
func (db *DB) StaleTrustBundles(ctx context.Context, limit int) (list []pki.TrustBundle, err error) {
	err = db.engine.read(ctx, func(c conn) error {
		scan := func(r rows) (pki.TrustBundle, error) {
			var tenant string
			b, err := scanBundle(r, false, &tenant)
			b.Tenant = pki.TenantID(tenant)
			return b, err
		}
		list, err = all(ctx, c, scan, "SELECT "+bundleColumns+noFigures+", tenant FROM trust_bundles WHERE stale = 1 ORDER BY tenant, id LIMIT ?1", int64(limit))
		return err
	})
	return list, err
}
