package store

import (
	"context"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// Receipt implements pki.SubscriptionStore.
func (db *DB) Receipt(ctx context.Context, t pki.TenantID, client, key string) (pki.Receipt, error) {
	r := pki.Receipt{Tenant: t, Client: client, Key: key}
	err := db.engine.read(ctx, func(c conn) error {
		scan := func(row rows) (struct{}, error) {
			return struct{}{}, row.scan(&r.BodyMAC, (*string)(&r.ID), &r.At.Ticks, &r.Pending, &r.AskAfter.Ticks)
		}
		_, found, err := first(ctx, c, scan,
			"SELECT body_mac, id, created_at, pending, ask_after FROM receipts WHERE tenant = ?1 AND client = ?2 AND key = ?3", string(t), client, key)
		if err == nil && !found {
			err = pki.NotFound("receipt", pki.ID(key))
		}
		return err
	})
	if err != nil {
		return pki.Receipt{}, err
	}
	return r, nil
}

// insertReceipt stores r in the place of one that has expired. CodeExists
// where one is in force: another request with the same key was faster.
func insertReceipt(ctx context.Context, c conn, r pki.Receipt) error {
	expired := odata.FromTime(r.At.Time().Add(-pki.ReplayWindow - time.Nanosecond))
	n, err := c.exec(ctx, `INSERT INTO receipts (tenant, client, key, body_mac, id, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (tenant, client, key) DO UPDATE SET body_mac = excluded.body_mac, id = excluded.id, created_at = excluded.created_at, pending = '', ask_after = 0
WHERE receipts.created_at <= ?7`, string(r.Tenant), r.Client, r.Key, r.BodyMAC, string(r.ID), r.At.Ticks, expired.Ticks)
	if err == nil && n == 0 {
		return &pki.Error{Code: pki.CodeExists, Msg: "A request with the same idempotency key was answered already."}
	}
	return err
}
