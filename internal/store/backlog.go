package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// Each of these is answered from one index.
const (
	countSubscriptions = "SELECT COUNT(*) FROM subscriptions"
	countDue           = "SELECT COUNT(*), MIN(due_at) FROM subscriptions WHERE due_at <= ?1 AND due_at > 0"
	firstExpiry        = "SELECT MIN(credential_info_expiration_date_time) FROM subscriptions WHERE credential_info_expiration_date_time IS NOT NULL"

	firstRootExpiry = `SELECT not_after FROM certificate_authorities a WHERE kind = 0 AND state IN (2, 3)
	AND EXISTS (SELECT 1 FROM subscriptions s WHERE s.tenant = a.tenant AND s.key = a.subscription_key)
ORDER BY not_after LIMIT 1`
)

// Backlog returns what monitoring wants to know over all tenants, read in one
// transaction.
func (db *DB) Backlog(ctx context.Context) (b pki.Backlog, err error) {
	now := odata.FromTime(db.now())
	err = db.engine.view(ctx, func(c conn) error {
		b = pki.Backlog{}
		var oldest *int64
		scan := func(r rows) (n int64, err error) {
			err = r.scan(&n, &oldest)
			return n, err
		}
		if b.Subscriptions, _, err = first(ctx, c, scanNumber, countSubscriptions); err != nil {
			return err
		}
		if b.Due, _, err = first(ctx, c, scan, countDue, now.Ticks); err != nil {
			return err
		}
		expiry, _, err := first(ctx, c, scanOptional, firstExpiry)
		if err != nil {
			return err
		}
		root, _, err := first(ctx, c, scanOptional, firstRootExpiry)
		if err != nil {
			return err
		}
		b.OldestDue, b.FirstExpiry, b.FirstRootExpiry = date(oldest), date(expiry), date(root)
		b.Expiring, err = countExpiring(ctx, c, now)
		return err
	})
	return b, err
}

func scanOptional(r rows) (n *int64, err error) {
	err = r.scan(&n)
	return n, err
}

// countExpiring counts credentials by the time they have left.
func countExpiring(ctx context.Context, c conn, now odata.DateTimeOffset) ([]pki.Expiring, error) {
	days := pki.ExpiryDays()
	args := make([]any, len(days))
	for i, d := range days {
		args[i] = odata.FromTime(now.Time().Add(time.Duration(d) * 24 * time.Hour)).Ticks
	}
	scan := func(r rows) ([]int64, error) {
		counts := make([]int64, len(days))
		dest := make([]any, len(days))
		for i := range counts {
			dest[i] = &counts[i]
		}
		return counts, r.scan(dest...)
	}
	within, _, err := first(ctx, c, scan, countWithin(len(days)), args...)
	if err != nil {
		return nil, err
	}
	list := make([]pki.Expiring, len(days))
	for i, d := range days {
		list[i] = pki.Expiring{Days: d, Count: within[i]}
		if i+1 < len(days) {
			list[i].Count -= within[i+1] // each in the narrowest class only
		}
	}
	return list, nil
}

// countWithin counts the credentials that end by ?1, ?2 and so on, ?1 being
// the latest.
func countWithin(n int) string {
	var b strings.Builder
	b.WriteString("SELECT COUNT(*)")
	for i := 2; i <= n; i++ {
		fmt.Fprintf(&b, ", COUNT(CASE WHEN credential_info_expiration_date_time <= ?%d THEN 1 END)", i)
	}
	b.WriteString(" FROM subscriptions WHERE credential_info_expiration_date_time <= ?1")
	return b.String()
}
