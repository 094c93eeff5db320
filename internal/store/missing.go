package store

import (
	"context"
	"math/bits"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// missingChunk is how many certificates are looked at in one transaction: other
// writers and readers get their turn in between. It divides pki.SeenChunk.
const missingChunk = 4096

// A seenBits returns what a listing has met of a chunk of ordinals.
type seenBits func(c conn, number int64) ([]byte, error)

// MarkMissing implements pki.ScanStore. It counts first and then marks, both in
// chunks under the lease. The two agree, for none but the holder of the lease
// changes the certificates of the subscription. What is known from a revocation
// list alone was never listed and cannot be missing, and what the listing has
// met first was not listed before.
func (db *DB) MarkMissing(ctx context.Context, l pki.Lease, listing pki.ID, now odata.DateTimeOffset, allow func(missing, total int) error) (int, error) {
	stored := func(c conn, number int64) ([]byte, error) { return seenChunk(ctx, c, l, listing, number) }
	found, err := db.unseen(ctx, l, string(listing), stored)
	if err != nil || len(found.chunks) == 0 {
		return 0, err
	}
	if found.missing > 0 {
		if err := allow(found.missing, found.total); err != nil {
			return 0, err
		}
	}
	most, err := db.changesAtOnce(ctx, l, missingChunk)
	if err != nil {
		return 0, err
	}
	marked := 0
	for _, from := range found.chunks {
		for n := most; n == most; marked += n {
			if n, err = db.markMissing(ctx, l, now, from, stored, most); err != nil {
				return marked, err
			}
		}
	}
	return marked, nil
}

// CountMissing implements pki.ScanStore.
func (db *DB) CountMissing(ctx context.Context, l pki.Lease, seen pki.Seen) (missing, total int, err error) {
	found, err := db.unseen(ctx, l, "", func(_ conn, number int64) ([]byte, error) { return seen[number], nil })
	return found.missing, found.total, err
}

// unseenSum is what a listing has not met.
type unseenSum struct {
	missing, total int     // of those listed before
	chunks         []int64 // first ordinals of the chunks where something is missing
}

// unseen looks for what a listing has not met. Chunks of which it has met all
// are not read. listing is "" for one of which nothing is stored.
func (db *DB) unseen(ctx context.Context, l pki.Lease, listing string, seen seenBits) (sum unseenSum, err error) {
	var row inventoryRow
	if err := db.underLease(ctx, l, func(c conn) (err error) {
		row, err = inventoryOf(ctx, c, l)
		return err
	}); err != nil {
		return sum, err
	}
	if row.id != listing || listing == "" {
		row.from = row.ordinals
	}
	for from := int64(0); from < row.ordinals; from += missingChunk {
		var lacking, missing, met int
		if err := db.underLease(ctx, l, func(c conn) error {
			list, err := db.unseenOf(ctx, c, l, from, min(missingChunk, row.ordinals-from), seen)
			if err != nil {
				return err
			}
			lacking, missing = len(list), 0
			for _, u := range list {
				missing += 1 - int(u.left)
			}
			met, err = metOf(c, from, min(missingChunk, max(0, row.from-from)), seen)
			return err
		}); err != nil {
			return sum, err
		}
		if lacking > 0 {
			sum.chunks = append(sum.chunks, from)
		}
		sum.missing, sum.total = sum.missing+missing, sum.total+missing+met
	}
	return sum, nil
}

// underLease runs f on one state of the database, in which l is in force.
func (db *DB) underLease(ctx context.Context, l pki.Lease, f func(conn) error) error {
	return db.engine.view(ctx, func(c conn) error {
		if err := checkLease(ctx, c, l, ""); err != nil {
			return err
		}
		return f(c)
	})
}

// What was last listed by a former provider is told apart: an admin who has
// completed the migration from it knows that the list lacks it.
const unseenText = `SELECT ordinal, id,
	CASE WHEN last_provider IN (0, (SELECT s.cloud_pki_provider FROM subscriptions s WHERE s.tenant = ?1 AND s.key = ?2)) THEN 0 ELSE 1 END
FROM certificates
WHERE tenant = ?1 AND subscription_key = ?2 AND ordinal >= ?3 AND ordinal < ?4
	AND missing_since_date_time IS NULL AND listed = 1 AND (?5 = 0 OR last_provider = ?5)`

// An unseenCertificate is one that a listing lacks.
type unseenCertificate struct {
	ordinal int64
	id      string
	left    int64 // 1 where a former provider listed it last
}

// unseenOf returns what a listing lacks of n ordinals from from on.
func (db *DB) unseenOf(ctx context.Context, c conn, l pki.Lease, from, n int64, seen seenBits) ([]unseenCertificate, error) {
	met, err := metOf(c, from, n, seen)
	if err != nil || int64(met) == n {
		return nil, err
	}
	chunk, err := seen(c, from/pki.SeenChunk)
	if err != nil {
		return nil, err
	}
	only, err := db.migratingTo(ctx, c, l)
	if err != nil {
		return nil, err
	}
	scan := func(r rows) (u unseenCertificate, err error) { return u, r.scan(&u.ordinal, &u.id, &u.left) }
	list, err := all(ctx, c, scan, unseenText, string(l.Tenant), l.Key, from, from+n, only)
	lacking := list[:0]
	for _, u := range list {
		if !hasBit(chunk, u.ordinal%pki.SeenChunk) {
			lacking = append(lacking, u)
		}
	}
	return lacking, err
}

func hasBit(chunk []byte, i int64) bool {
	return i/8 < int64(len(chunk)) && chunk[i/8]&(1<<(i%8)) != 0
}

// metOf counts what a listing has met of n ordinals from from on.
func metOf(c conn, from, n int64, seen seenBits) (met int, err error) {
	if n <= 0 {
		return 0, nil
	}
	chunk, err := seen(c, from/pki.SeenChunk)
	if err != nil {
		return 0, err
	}
	begin := from % pki.SeenChunk / 8
	for i := begin; i < min(int64(len(chunk)), begin+(n+7)/8); i++ {
		b := chunk[i]
		if rest := n - (i-begin)*8; rest < 8 {
			b &= 1<<rest - 1
		}
		met += bits.OnesCount8(b)
	}
	return met, nil
}

// markMissingText marks up to knownBatch certificates.
func markMissingText() string {
	return `UPDATE certificates SET missing_since_date_time = ?3, change = ?4
WHERE tenant = ?1 AND subscription_key = ?2 AND id IN (` + placeholders(5, knownBatch) + ")"
}

// markMissing marks the first of a chunk that are not marked yet, at most most.
func (db *DB) markMissing(ctx context.Context, l pki.Lease, now odata.DateTimeOffset, from int64, seen seenBits, most int) (marked int, err error) {
	err = db.engine.write(ctx, func(c conn) error {
		if err := db.holdLease(ctx, c, l); err != nil {
			return err
		}
		row, err := inventoryOf(ctx, c, l)
		if err != nil {
			return err
		}
		list, err := db.unseenOf(ctx, c, l, from, min(missingChunk, row.ordinals-from), seen)
		if err != nil {
			return err
		}
		list = list[:min(most, len(list))]
		if marked = len(list); marked == 0 {
			return nil
		}
		return db.mark(ctx, c, l, now, list)
	})
	if err != nil {
		return 0, err
	}
	return marked, nil
}

func (db *DB) mark(ctx context.Context, c conn, l pki.Lease, now odata.DateTimeOffset, list []unseenCertificate) error {
	number, err := nextChange(ctx, c, l.Tenant, l.Key)
	if err != nil {
		return err
	}
	ids, changes := make([]string, len(list)), make([]pki.Change, len(list))
	for i, u := range list {
		ids[i], changes[i] = u.id, db.childChange(pki.ResourceCertificates, l, pki.ID(u.id), pki.ChangeUpdated)
	}
	for len(ids) > 0 {
		batch := ids[:min(knownBatch, len(ids))]
		ids = ids[len(batch):]
		args := append([]any{string(l.Tenant), l.Key, now.Ticks, number}, batchOf(batch)...)
		if _, err := c.exec(ctx, markMissingText(), args...); err != nil {
			return err
		}
	}
	return db.record(ctx, c, changes...)
}
