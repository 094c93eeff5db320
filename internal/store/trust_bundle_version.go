package store

import (
	"context"
	"slices"
	"strconv"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

const (
	versionColumns = `id, version, published_date_time, expiration_date_time, content_hash, thumbprints, intermediate_thumbprints,
	fetch_count, last_fetched_date_time`
	bodyColumns = `, roots, intermediates`
)

func bundleVersionNoun() noun[pki.TrustBundleVersion] {
	return noun[pki.TrustBundleVersion]{
		entity: pki.TrustBundleVersionType(), from: "trust_bundle_versions", newest: true,
		columns: func(bool) string { return versionColumns }, scan: scanBundleVersion,
	}
}

func scanBundleVersion(r rows, _ bool, extra ...any) (v pki.TrustBundleVersion, err error) {
	var roots, intermediates string
	var fetched *int64
	if err := r.scan(append([]any{
		(*string)(&v.ID), &v.Version, &v.Published.Ticks, &v.Expires.Ticks, &v.Hash, &roots, &intermediates,
		&v.Fetches, &fetched,
	}, extra...)...); err != nil {
		return v, err
	}
	v.LastFetched = date(fetched)
	if err := decode(roots, &v.RootIDs); err != nil {
		return v, err
	}
	return v, decode(intermediates, &v.IntermediateIDs)
}

// PublishTrustBundle implements pki.BundleStore.
func (db *DB) PublishTrustBundle(ctx context.Context, t pki.TenantID, id pki.ID, keep int, decide func(*pki.TrustBundle, []pki.TrustSource) (*pki.TrustBundleVersion, *pki.AuditEvent, error)) (pki.TrustBundle, error) {
	return db.changeBundle(ctx, t, id, func(c conn, b *pki.TrustBundle) error {
		sources, err := trustSources(ctx, c, b)
		if err != nil {
			return err
		}
		version, event, err := decide(b, sources)
		if err != nil {
			return err
		}
		b.Stale = false
		if version == nil {
			return nil
		}
		if err := insertVersion(ctx, c, b, version); err != nil {
			return err
		}
		if _, err := c.exec(ctx, "DELETE FROM trust_bundle_versions WHERE tenant = ?1 AND subscription_key = ?2 AND version <= ?3",
			string(t), b.Key, version.Version-int64(keep)); err != nil {
			return err
		}
		if err := deleteFetches(ctx, c, b, version.Version-int64(keep)); err != nil {
			return err
		}
		return insertAudit(ctx, c, t, *event)
	})
}

func insertVersion(ctx context.Context, c conn, b *pki.TrustBundle, v *pki.TrustBundleVersion) error {
	roots, err := encode(v.RootIDs)
	if err != nil {
		return err
	}
	intermediates, err := encode(v.IntermediateIDs)
	if err != nil {
		return err
	}
	_, err = c.exec(ctx, "INSERT INTO trust_bundle_versions (tenant, subscription_key, "+versionColumns+bodyColumns+`)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)`,
		string(b.Tenant), b.Key, string(v.ID), v.Version, v.Published.Ticks, v.Expires.Ticks, v.Hash, roots, intermediates,
		v.Fetches, nullDate(v.LastFetched), v.Roots, v.Intermediates)
	return err
}

// trustSources reads what the subscriptions of b give to it.
func trustSources(ctx context.Context, c conn, b *pki.TrustBundle) ([]pki.TrustSource, error) {
	type trusted struct {
		id, der string
		key     int64
	}
	scan := func(r rows) (s trusted, err error) {
		var der []byte
		err = r.scan(&s.id, &s.key, &der)
		s.der = string(der)
		return s, err
	}
	list, err := all(ctx, c, scan, "SELECT id, key, trusted_root_certificate FROM subscriptions WHERE tenant = ?1 ORDER BY id", string(b.Tenant))
	if err != nil {
		return nil, err
	}
	var sources []pki.TrustSource
	place := make(map[int64]int)
	for _, s := range list {
		if len(b.Subscriptions) == 0 || slices.Contains(b.Subscriptions, s.id) {
			place[s.key] = len(sources)
			sources = append(sources, pki.TrustSource{Trusted: []byte(s.der)})
		}
	}
	return sources, addAuthorities(ctx, c, b, sources, place)
}

// addAuthorities adds what was met at the CAs; place tells the source of a
// subscription's key.
func addAuthorities(ctx context.Context, c conn, b *pki.TrustBundle, sources []pki.TrustSource, place map[int64]int) error {
	which := "kind = ?2 AND state = ?3"
	if b.Intermediates {
		which = "(kind <> ?2 OR state = ?3)"
	}
	type met struct {
		key, kind int64
		der       []byte
	}
	scan := func(r rows) (m met, err error) { return m, r.scan(&m.key, &m.kind, &m.der) }
	list, err := all(ctx, c, scan, "SELECT subscription_key, kind, certificate FROM certificate_authorities WHERE tenant = ?1 AND "+which,
		string(b.Tenant), int64(pki.AuthorityRoot), int64(pki.TrustRetiring))
	for _, m := range list {
		i, ok := place[m.key]
		switch {
		case !ok:
		case m.kind == int64(pki.AuthorityRoot):
			sources[i].Retiring = append(sources[i].Retiring, m.der)
		default:
			sources[i].Others = append(sources[i].Others, m.der)
		}
	}
	return err
}

// TrustBundleVersions implements pki.BundleVersionStore.
func (db *DB) TrustBundleVersions(ctx context.Context, b pki.TrustBundle, q odata.Query) (p pki.Page[pki.TrustBundleVersion], err error) {
	err = db.engine.view(ctx, func(c conn) error {
		p, err = list(ctx, db, c, &db.nouns.bundleVersions, scope{tenant: b.Tenant, key: &b.Key}, q)
		return err
	})
	return p, err
}

// TrustBundleVersion implements pki.BundleVersionStore.
func (db *DB) TrustBundleVersion(ctx context.Context, b pki.TrustBundle, version int64) (v pki.TrustBundleVersion, err error) {
	err = db.engine.read(ctx, func(c conn) error {
		var found bool
		scan := func(r rows) (pki.TrustBundleVersion, error) {
			var roots, intermediates []byte
			v, err := scanBundleVersion(r, true, &roots, &intermediates)
			v.Roots, v.Intermediates = roots, intermediates
			return v, err
		}
		v, found, err = first(ctx, c, scan, "SELECT "+versionColumns+bodyColumns+
			" FROM trust_bundle_versions WHERE tenant = ?1 AND subscription_key = ?2 AND version = ?3", string(b.Tenant), b.Key, version)
		if err == nil && !found {
			err = pki.NotFound(db.nouns.bundleVersions.entity.Name, pki.ID(strconv.FormatInt(version, 10)))
		}
		return err
	})
	return v, err
}
