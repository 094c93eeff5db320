package store

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// keptSkipped is how many skipped items of a subscription are kept. Further
// ones are counted: a CA may have no end of them, and they are alike.
const keptSkipped = 1000

func (w *pageWriter) skippedItems() error {
	if len(w.page.Skipped) == 0 {
		return nil
	}
	kept, _, err := first(w.ctx, w.c, scanNumber, `SELECT COUNT(*) FROM (
	SELECT id FROM skipped_items WHERE tenant = ?1 AND subscription_key = ?2 LIMIT ?3) kept`,
		string(w.lease.Tenant), w.lease.Key, keptSkipped)
	if err != nil {
		return err
	}
	for _, s := range w.page.Skipped {
		w.counts.Found++
		w.counts.Skipped++
		isNew, err := w.skippedItem(s, kept < keptSkipped)
		if err != nil {
			return err
		}
		if isNew {
			kept++
		}
	}
	return nil
}

// skippedItem stores an item that is known, or for which there is room. It
// reports whether it was not known.
func (w *pageWriter) skippedItem(s pki.SkippedItem, room bool) (isNew bool, err error) {
	n, err := w.c.exec(w.ctx, `UPDATE skipped_items SET sync_run_id = ?4, reason = ?5, seen_date_time = ?6
WHERE tenant = ?1 AND subscription_key = ?2 AND id = ?3`,
		string(w.lease.Tenant), w.lease.Key, string(s.ID), string(s.Run), s.Reason, s.Seen.Ticks)
	if err != nil || n > 0 || !room {
		return false, err
	}
	_, err = w.c.exec(w.ctx, `INSERT INTO skipped_items (tenant, subscription_key, id, sync_run_id, serial_number, reason, seen_date_time, content)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)`,
		string(w.lease.Tenant), w.lease.Key, string(s.ID), string(s.Run), nullText(s.Serial), s.Reason, s.Seen.Ticks, s.Raw)
	return err == nil, err
}

// SkippedItems implements pki.InventoryStore.
func (db *DB) SkippedItems(ctx context.Context, t pki.TenantID, sub pki.ID, q odata.Query) (pki.Page[pki.SkippedItem], error) {
	return children(ctx, db, &db.nouns.skipped, t, sub, q)
}

func skippedColumns(content bool) string {
	const plain = "id, sync_run_id, serial_number, reason, seen_date_time"
	if content {
		return plain + ", content"
	}
	return plain
}

func scanSkipped(r rows, content bool, extra ...any) (pki.SkippedItem, error) {
	var s pki.SkippedItem
	var serial *string
	dest := []any{(*string)(&s.ID), (*string)(&s.Run), &serial, &s.Reason, &s.Seen.Ticks}
	if content {
		dest = append(dest, &s.Raw)
	}
	if err := r.scan(append(dest, extra...)...); err != nil {
		return s, err
	}
	s.Serial = text(serial)
	return s, nil
}
