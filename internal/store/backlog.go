package store

import (
	"context"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// Backlog returns what monitoring wants to know over all tenants, read in one
// transaction.
func (db *DB) Backlog(ctx context.Context) (b pki.Backlog, err error) {
	now := odata.FromTime(db.now())
	err = db.engine.view(ctx, func(c conn) error {
		b = pki.Backlog{}
		var oldest, expiry *int64
		scan := func(r rows) (struct{}, error) { return struct{}{}, r.scan(&b.Subscriptions, &expiry) }
		if _, _, err := first(ctx, c, scan, "SELECT COUNT(*), MIN(credential_info_not_after) FROM subscriptions"); err != nil {
			return err
		}
		scan = func(r rows) (struct{}, error) { return struct{}{}, r.scan(&b.Due, &oldest) }
		if _, _, err := first(ctx, c, scan, "SELECT COUNT(*), MIN(due_at) FROM subscriptions WHERE due_at <= ?1 AND due_at > 0", now.Ticks); err != nil {
			return err
		}
		b.OldestDue, b.FirstExpiry = date(oldest), date(expiry)
		return countExpiring(ctx, c, &b, now)
	})
	return b, err
}

// countExpiring counts client certificates by the time they have left.
func countExpiring(ctx context.Context, c conn, b *pki.Backlog, now odata.DateTimeOffset) error {
	days := pki.ExpiryDays()
	for i, d := range days {
		least := int64(-1 << 62)
		if i+1 < len(days) {
			least = after(now, days[i+1])
		}
		n, _, err := first(ctx, c, scanNumber,
			"SELECT COUNT(*) FROM subscriptions WHERE credential_info_not_after > ?1 AND credential_info_not_after <= ?2", least, after(now, d))
		if err != nil {
			return err
		}
		b.Expiring = append(b.Expiring, pki.Expiring{Days: d, Count: n})
	}
	return nil
}

// after is the instant so many days from now, in ticks.
func after(now odata.DateTimeOffset, days int) int64 {
	return odata.FromTime(now.Time().Add(time.Duration(days) * 24 * time.Hour)).Ticks
}
