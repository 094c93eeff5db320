package store

import (
	"context"

	"cloudpki/internal/pki"
)

// An inventoryRow is the row of a subscription in the table inventories.
type inventoryRow struct {
	ordinals int64 // how many were given to certificates
	position *string
	listing  *string
	id       string // of the last complete listing that was begun
	from     int64  // ordinals when it was begun
}

// inventoryOf reads the row of l's subscription, where there is one.
func inventoryOf(ctx context.Context, c conn, l pki.Lease) (inventoryRow, error) {
	scan := func(r rows) (row inventoryRow, err error) {
		var id *string
		var from *int64
		err = r.scan(&row.ordinals, &row.position, &row.listing, &id, &from)
		if row.id = text(id); from != nil {
			row.from = *from
		}
		return row, err
	}
	row, _, err := first(ctx, c, scan, `SELECT ordinals, position, listing, listing_id, listing_from FROM inventories
WHERE tenant = ?1 AND subscription_key = ?2`, string(l.Tenant), l.Key)
	return row, err
}

func (row inventoryRow) save(ctx context.Context, c conn, l pki.Lease) error {
	_, err := c.exec(ctx, `INSERT INTO inventories (tenant, subscription_key, ordinals, position, listing, listing_id, listing_from)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (tenant, subscription_key) DO UPDATE SET ordinals = excluded.ordinals, position = excluded.position,
	listing = excluded.listing, listing_id = excluded.listing_id, listing_from = excluded.listing_from`,
		string(l.Tenant), l.Key, row.ordinals, row.position, row.listing, nullText(row.id), row.from)
	return err
}

// Following implements pki.ScanStore.
func (db *DB) Following(ctx context.Context, l pki.Lease) (f pki.Following, err error) {
	var row inventoryRow
	err = db.engine.view(ctx, func(c conn) (err error) {
		if err := checkLease(ctx, c, l, ""); err != nil {
			return err
		}
		row, err = inventoryOf(ctx, c, l)
		return err
	})
	if err == nil && row.position != nil {
		err = decode(*row.position, &f.Position)
	}
	if err == nil && row.listing != nil {
		err = decode(*row.listing, &f.Listing)
	}
	return f, err
}

// followOn stores what the end of a run says of the inventory.
func followOn(ctx context.Context, c conn, l pki.Lease, e pki.Effects) error {
	if e.Reread.Ticks > 0 {
		if _, err := c.exec(ctx, "DELETE FROM skipped_items WHERE tenant = ?1 AND subscription_key = ?2 AND seen_date_time < ?3",
			string(l.Tenant), l.Key, e.Reread.Ticks); err != nil {
			return err
		}
	}
	if e.Following == nil {
		return nil
	}
	row, err := inventoryOf(ctx, c, l)
	if err != nil {
		return err
	}
	if row.position, err = encodePosition(e.Following.Position); err != nil {
		return err
	}
	if row.listing, err = encodeListing(e.Following.Listing); err != nil {
		return err
	}
	return row.save(ctx, c, l)
}

func encodePosition(p pki.Position) (*string, error) {
	if p.Mode == "" {
		return nil, nil
	}
	text, err := encode(p)
	return &text, err
}

func encodeListing(l pki.Listing) (*string, error) {
	if l.IsNone() {
		return nil, nil
	}
	text, err := encode(l)
	return &text, err
}
