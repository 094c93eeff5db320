package store

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// ReserveReceipt implements pki.EnrolmentStore.
func (db *DB) ReserveReceipt(ctx context.Context, r pki.Receipt) error {
	return db.engine.write(ctx, func(c conn) error { return insertReceipt(ctx, c, r) })
}

// KeepPending implements pki.EnrolmentStore.
func (db *DB) KeepPending(ctx context.Context, r pki.Receipt) error {
	return db.engine.write(ctx, func(c conn) error {
		_, err := c.exec(ctx, "UPDATE receipts SET created_at = ?4, pending = ?5, ask_after = ?6 WHERE tenant = ?1 AND client = ?2 AND key = ?3 AND id = ''",
			string(r.Tenant), r.Client, r.Key, r.At.Ticks, r.Pending, r.AskAfter.Ticks)
		return err
	})
}

// ClaimPending implements pki.EnrolmentStore.
func (db *DB) ClaimPending(ctx context.Context, r pki.Receipt, now, until odata.DateTimeOffset) (claimed bool, err error) {
	err = db.engine.write(ctx, func(c conn) error {
		n, err := c.exec(ctx, "UPDATE receipts SET ask_after = ?5 WHERE tenant = ?1 AND client = ?2 AND key = ?3 AND id = '' AND pending <> '' AND ask_after <= ?4",
			string(r.Tenant), r.Client, r.Key, now.Ticks, until.Ticks)
		claimed = n > 0
		return err
	})
	return claimed, err
}

// DropReceipt implements pki.EnrolmentStore.
func (db *DB) DropReceipt(ctx context.Context, r pki.Receipt) error {
	return db.engine.write(ctx, func(c conn) error {
		_, err := c.exec(ctx, "DELETE FROM receipts WHERE tenant = ?1 AND client = ?2 AND key = ?3 AND id = ''", string(r.Tenant), r.Client, r.Key)
		return err
	})
}

// RecordCertificate implements pki.EnrolmentStore. The subscription's row is
// locked as a worker locks it that stores a page, so the two take turns; what is
// written counts as not listed, and so never as missing, until a listing has it.
func (db *DB) RecordCertificate(ctx context.Context, t pki.TenantID, id pki.ID, p pki.RunPage, e pki.AuditEvent, r *pki.Receipt) error {
	return db.engine.write(ctx, func(c conn) error {
		s, err := db.lockSubscription(ctx, c, t, id)
		if err != nil {
			return err
		}
		l := leaseOn(&s)
		w := pageWriter{db: db, ctx: ctx, c: c, lease: l, page: p, seen: pki.Seen{}}
		if w.row, err = inventoryOf(ctx, c, l); err != nil {
			return err
		}
		if err := w.all(false); err != nil {
			return err
		}
		if err := insertAudit(ctx, c, t, e); err != nil {
			return err
		}
		if r == nil {
			return nil
		}
		_, err = c.exec(ctx, "UPDATE receipts SET id = ?4 WHERE tenant = ?1 AND client = ?2 AND key = ?3 AND id = ''", string(t), r.Client, r.Key, string(r.ID))
		return err
	})
}
