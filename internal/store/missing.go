package store

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// missingChunk bounds how many certificates are looked at in one transaction:
// other writers and readers get their turn in between.
const missingChunk = 5000

// MarkMissing implements pki.RunStore. It counts first and then marks, both in
// chunks under the lease. The two agree, for none but the holder of the lease
// changes the certificates of the subscription.
func (db *DB) MarkMissing(ctx context.Context, l pki.Lease, now odata.DateTimeOffset, allow func(missing, total int) error) (int, error) {
	var missing, total int
	var spans []span // those where something is missing
	for s := (span{}); ; {
		next, err := db.countMissing(ctx, l, s.last)
		if err != nil {
			return 0, err
		}
		if next.looked == 0 {
			break
		}
		if next.missing > 0 {
			spans = append(spans, next)
		}
		missing, total = missing+next.missing, total+next.total
		s = next
	}
	if missing == 0 {
		return 0, nil
	}
	if err := allow(missing, total); err != nil {
		return 0, err
	}
	most, err := db.changesAtOnce(ctx, l, missingChunk)
	if err != nil {
		return 0, err
	}
	marked := 0
	for _, s := range spans {
		for n := most; n == most; marked += n {
			if n, err = db.markMissing(ctx, l, now, s, most); err != nil {
				return marked, err
			}
		}
	}
	return marked, nil
}

// A span is a chunk of a subscription's certificates, in the order of their
// ids.
type span struct {
	first, last    string // ids: behind first, up to last
	looked         int    // certificates in it
	missing, total int    // of them: those not seen; those that were listed before
}

// What has never been listed, as what is known from a revocation list alone,
// cannot be missing from a listing. What this run has met first was not listed
// before.
const countMissingText = `SELECT COUNT(*), MAX(id),
	COUNT(CASE WHEN missing_since_date_time IS NULL AND last_run <> '' AND last_run <> ?3 THEN 1 END),
	COUNT(CASE WHEN missing_since_date_time IS NULL AND last_run <> '' AND (last_run <> ?3 OR first_run <> ?3) THEN 1 END)
FROM (SELECT id, first_run, last_run, missing_since_date_time FROM certificates
	WHERE tenant = ?1 AND subscription_key = ?2 AND id > ?4 ORDER BY id LIMIT ?5) chunk`

func (db *DB) countMissing(ctx context.Context, l pki.Lease, after string) (s span, err error) {
	err = db.engine.view(ctx, func(c conn) error {
		if err := checkLease(ctx, c, l, ""); err != nil {
			return err
		}
		scan := func(r rows) (s span, err error) {
			var last *string
			err = r.scan(&s.looked, &last, &s.missing, &s.total)
			s.last = text(last)
			return s, err
		}
		s, _, err = first(ctx, c, scan, countMissingText, string(l.Tenant), l.Key, string(l.Run.ID), after, missingChunk)
		return err
	})
	s.first = after
	return s, err
}

const markMissingText = `UPDATE certificates SET missing_since_date_time = ?4, change = ?7
WHERE tenant = ?1 AND subscription_key = ?2 AND id IN (SELECT id FROM certificates
	WHERE tenant = ?1 AND subscription_key = ?2 AND id > ?5 AND id <= ?6
		AND missing_since_date_time IS NULL AND last_run <> '' AND last_run <> ?3 ORDER BY id LIMIT ?8)
RETURNING id`

// markMissing marks the first of a span that are not marked yet, at most most.
func (db *DB) markMissing(ctx context.Context, l pki.Lease, now odata.DateTimeOffset, s span, most int) (marked int, err error) {
	err = db.engine.write(ctx, func(c conn) error {
		if err := db.holdLease(ctx, c, l); err != nil {
			return err
		}
		number, err := nextChange(ctx, c, l.Tenant, l.Key)
		if err != nil {
			return err
		}
		ids, err := all(ctx, c, scanText, markMissingText, string(l.Tenant), l.Key, string(l.Run.ID), now.Ticks, s.first, s.last, number, most)
		if err != nil {
			return err
		}
		marked = len(ids)
		changes := make([]pki.Change, len(ids))
		for i, id := range ids {
			changes[i] = db.childChange(pki.ResourceCertificates, l, pki.ID(id), pki.ChangeUpdated)
		}
		return db.record(ctx, c, changes...)
	})
	if err != nil {
		return 0, err
	}
	return marked, nil
}
