package store_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/store"
)

// BenchmarkTakeDue takes one lease and ends its run while 10,000 subscriptions
// of one tenant, or of a hundred, are due.
func BenchmarkTakeDue(b *testing.B) {
	for _, tenants := range []int{1, 100} {
		for _, engine := range []string{"sqlite", "postgres"} {
			b.Run(fmt.Sprintf("%s/%d tenants", engine, tenants), func(b *testing.B) {
				url := "sqlite:" + filepath.Join(b.TempDir(), "cloudpki.db")
				if engine == "postgres" {
					url = cluster.Database(b)
				}
				benchTakeDue(b, open(b, url), tenants)
			})
		}
	}
}

func benchTakeDue(b *testing.B, db *store.DB, tenants int) {
	for i := range 10_000 {
		s := subscription(pki.ID(fmt.Sprint(i)), int64(i))
		s.Tenant, s.NextSync = pki.TenantID(fmt.Sprint("t", i%tenants)), odata.FromTime(time.Unix(int64(i), 0))
		if err := db.CreateSubscription(b.Context(), s, pki.Effects{}, nil); err != nil {
			b.Fatal(err)
		}
	}
	now, until, bounds := odata.FromTime(time.Unix(1e6, 0)), odata.FromTime(time.Unix(2e6, 0)), pki.Bounds{PerTenant: 4, PerHost: 2}
	take := func(limit int) []pki.Lease {
		list, err := db.TakeDue(b.Context(), "w", now, until, limit, bounds)
		if err != nil || len(list) != limit {
			b.Fatal(len(list), err)
		}
		return list
	}
	take(3)
	b.ResetTimer()
	for range b.N {
		l := take(1)[0]
		l.Run.Status = pki.RunSucceeded
		if err := db.FinishRun(b.Context(), l, l.Run, func(s *pki.Subscription) pki.Effects {
			s.NextSync = until
			return pki.Effects{}
		}); err != nil {
			b.Fatal(err)
		}
	}
}
