package store

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

const (
	fetchColumns = `id, version, fetcher_type, fetcher_id, fetcher_display_name, format,
	fetch_count, first_fetched_date_time, last_fetched_date_time`

	// Others are many: that some have a newer version tells nothing of the rest.
	fetchRows = `(SELECT f.*, CASE WHEN f.fetcher_type <> 3 AND EXISTS (SELECT 1 FROM trust_bundle_fetches n WHERE n.tenant = f.tenant
	AND n.subscription_key = f.subscription_key AND n.fetcher_type = f.fetcher_type AND n.fetcher_id = f.fetcher_id AND n.version > f.version)
	THEN 1 ELSE 0 END AS has_newer_version FROM trust_bundle_fetches f) AS fetches`

	countFetchText = `UPDATE trust_bundle_versions SET fetch_count = fetch_count + ?4,
	last_fetched_date_time = CASE WHEN last_fetched_date_time > ?5 THEN last_fetched_date_time ELSE ?5 END
WHERE tenant = ?1 AND subscription_key = ?2 AND version = ?3`

	addFetchText = `UPDATE trust_bundle_fetches SET fetch_count = fetch_count + ?7, fetcher_display_name = ?8,
	first_fetched_date_time = CASE WHEN first_fetched_date_time < ?9 THEN first_fetched_date_time ELSE ?9 END,
	last_fetched_date_time = CASE WHEN last_fetched_date_time > ?10 THEN last_fetched_date_time ELSE ?10 END
WHERE tenant = ?1 AND subscription_key = ?2 AND version = ?3 AND fetcher_type = ?4 AND fetcher_id = ?5 AND format = ?6`
)

func bundleFetchNoun() noun[pki.TrustBundleFetch] {
	return noun[pki.TrustBundleFetch]{
		entity: pki.TrustBundleFetchType(), from: fetchRows, newest: true,
		columns: func(bool) string { return fetchColumns + ", has_newer_version" }, scan: scanBundleFetch,
	}
}

func scanBundleFetch(r rows, _ bool, extra ...any) (f pki.TrustBundleFetch, err error) {
	var name *string
	var newer int64
	err = r.scan(append([]any{
		(*string)(&f.ID), &f.Version, (*int64)(&f.Fetcher.Kind), &f.Fetcher.ID, &name, &f.Format,
		&f.Count, &f.First.Ticks, &f.Last.Ticks, &newer,
	}, extra...)...)
	f.Fetcher.Name, f.HasNewer = text(name), newer != 0
	return f, err
}

// TrustBundleFetches implements pki.BundleVersionStore.
func (db *DB) TrustBundleFetches(ctx context.Context, b pki.TrustBundle, q odata.Query) (p pki.Page[pki.TrustBundleFetch], err error) {
	err = db.engine.view(ctx, func(c conn) error {
		p, err = list(ctx, db, c, &db.nouns.bundleFetches, scope{tenant: b.Tenant, key: &b.Key}, q)
		return err
	})
	return p, err
}

// AddBundleFetches implements pki.BundleVersionStore.
func (db *DB) AddBundleFetches(ctx context.Context, list []pki.BundleFetches) error {
	return db.engine.write(ctx, func(c conn) error {
		for _, f := range list {
			// This locks the version: whom there is room for is decided by one
			// process after the other, and a version that goes takes all along.
			n, err := c.exec(ctx, countFetchText, string(f.Tenant), f.Key, f.Version, f.Count, f.Last.Ticks)
			if err == nil && n > 0 {
				err = noteFetch(ctx, c, f)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// noteFetch adds to the row of a fetcher, or makes one while there is room.
func noteFetch(ctx context.Context, c conn, f pki.BundleFetches) error {
	if known, err := addFetch(ctx, c, f); known || err != nil {
		return err
	}
	if f.Fetcher.Kind != pki.FetcherOthers {
		taken, _, err := first(ctx, c, scanNumber, `SELECT COUNT(*) FROM trust_bundle_fetches
WHERE tenant = ?1 AND subscription_key = ?2 AND version = ?3 AND fetcher_type = ?4`, string(f.Tenant), f.Key, f.Version, int64(f.Fetcher.Kind))
		if err != nil {
			return err
		}
		if taken >= int64(f.Fetcher.Kind.Most()) {
			f.Fetcher = pki.BundleFetcher{Kind: pki.FetcherOthers}
			return noteFetch(ctx, c, f)
		}
	}
	_, err := c.exec(ctx, "INSERT INTO trust_bundle_fetches (tenant, subscription_key, "+fetchColumns+`)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)`,
		string(f.Tenant), f.Key, string(f.ID), f.Version, int64(f.Fetcher.Kind), f.Fetcher.ID, nullText(f.Fetcher.Name), f.Format,
		f.Count, f.First.Ticks, f.Last.Ticks)
	return err
}

func addFetch(ctx context.Context, c conn, f pki.BundleFetches) (known bool, err error) {
	n, err := c.exec(ctx, addFetchText, string(f.Tenant), f.Key, f.Version, int64(f.Fetcher.Kind), f.Fetcher.ID, f.Format,
		f.Count, nullText(f.Fetcher.Name), f.First.Ticks, f.Last.Ticks)
	return n > 0, err
}

// deleteFetches removes the evidence of the versions up to one.
func deleteFetches(ctx context.Context, c conn, b *pki.TrustBundle, last int64) error {
	_, err := c.exec(ctx, "DELETE FROM trust_bundle_fetches WHERE tenant = ?1 AND subscription_key = ?2 AND version <= ?3", string(b.Tenant), b.Key, last)
	return err
}
