package store

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"cloudpki/internal/pki"
)

// A listedSerial is a certificate that is known by its serial number.
type listedSerial struct {
	serial  string
	ordinal int64
	status  pki.CertificateStatus
	current bool // listed, and not missing
}

// knownSerials returns by serial number what is listed. A number that two
// issuers have given is left out.
func knownSerials(ctx context.Context, c conn, l pki.Lease, serials []string) (map[string]listedSerial, error) {
	scan := func(r rows) (s listedSerial, err error) {
		var listed int64
		var missing *int64
		err = r.scan(&s.serial, &s.ordinal, (*int8)(&s.status), &listed, &missing)
		s.current = listed != 0 && missing == nil
		return s, err
	}
	known := make(map[string]listedSerial, len(serials))
	for len(serials) > 0 {
		batch := serials[:min(knownBatch, len(serials))]
		serials = serials[len(batch):]
		list, err := all(ctx, c, scan, `SELECT serial_number, ordinal, status,
	CASE WHEN last_provider IN (0, (SELECT s.cloud_pki_provider FROM subscriptions s WHERE s.tenant = ?1 AND s.key = ?2)) THEN listed ELSE 0 END,
	missing_since_date_time FROM certificates
WHERE tenant = ?1 AND subscription_key = ?2 AND serial_number IN (`+placeholders(3, knownBatch)+")",
			append([]any{string(l.Tenant), l.Key}, batchOf(batch)...)...)
		if err != nil {
			return nil, err
		}
		issuers := make(map[string]int, len(list)) // of each serial number
		for _, s := range list {
			if issuers[s.serial]++; issuers[s.serial] == 1 && s.current {
				known[s.serial] = s
			} else {
				delete(known, s.serial)
			}
		}
	}
	return known, nil
}

// Known implements pki.ScanStore.
func (db *DB) Known(ctx context.Context, l pki.Lease, serials []string) (map[string]pki.CertificateStatus, error) {
	told := make(map[string]pki.CertificateStatus, len(serials))
	err := db.engine.view(ctx, func(c conn) error {
		if err := checkLease(ctx, c, l, ""); err != nil {
			return err
		}
		known, err := knownSerials(ctx, c, l, serials)
		for serial, s := range known {
			told[serial] = s.status
		}
		return err
	})
	return told, err
}

// listed counts and marks what the CA has listed by serial number alone.
func (w *pageWriter) listed() error {
	known, err := knownSerials(w.ctx, w.c, w.lease, w.page.Seen)
	if err != nil {
		return err
	}
	for _, serial := range w.page.Seen {
		s, ok := known[serial]
		if !ok {
			w.page.Skipped = append(w.page.Skipped[:len(w.page.Skipped):len(w.page.Skipped)], pki.UnknownSerial(serial, w.page.Run.ID, w.page.Now))
			continue
		}
		w.counts.Found++
		w.counts.Unchanged++
		if w.page.Listing.IsComplete() {
			w.seen.Mark(s.ordinal)
		}
	}
	return nil
}

// markSeen adds what this page has met to what its listing had met before.
func (w *pageWriter) markSeen() error {
	for _, number := range slices.Sorted(maps.Keys(w.seen)) {
		before, err := seenChunk(w.ctx, w.c, w.lease, w.page.Listing.ID, number)
		if err != nil {
			return err
		}
		bits := slices.Clone(w.seen[number])
		for i, b := range before {
			bits[i] |= b
		}
		if bits = bytes.TrimRight(bits, "\x00"); bytes.Equal(bits, before) {
			continue
		}
		if _, err := w.c.exec(w.ctx, `INSERT INTO inventory_seen (tenant, subscription_key, number, listing_id, bits) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (tenant, subscription_key, number) DO UPDATE SET listing_id = excluded.listing_id, bits = excluded.bits`,
			string(w.lease.Tenant), w.lease.Key, number, string(w.page.Listing.ID), bits); err != nil {
			return err
		}
	}
	return nil
}

// seenChunk returns what a listing has met of a chunk of ordinals.
func seenChunk(ctx context.Context, c conn, l pki.Lease, listing pki.ID, number int64) ([]byte, error) {
	scan := func(r rows) (b []byte, err error) { return b, r.scan(&b) }
	bits, _, err := first(ctx, c, scan, `SELECT bits FROM inventory_seen
WHERE tenant = ?1 AND subscription_key = ?2 AND number = ?3 AND listing_id = ?4`, string(l.Tenant), l.Key, number, string(listing))
	return bits[:min(len(bits), pki.SeenChunk/8)], err
}
