package store_test

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/secret"
	"cloudpki/internal/store"
)

// realistic returns a subscription of the size that admins make, about 1.6 kB.
func realistic(n int64) pki.Subscription {
	s := subscription(pki.ID(fmt.Sprintf("%08d-0000-7000-8000-000000000000", n)), n)
	s.DisplayName, s.Description = new(fmt.Sprint("Subscription ", n)), new("The CA of the branch office")
	s.TrustedRoot = make([]byte, 900)
	s.Credentials = &pki.Credentials{
		UserName: new("admin@example.com"), Password: make(secret.Sealed, 60), Certificate: make(secret.Sealed, 500),
		CertificatePassword: make(secret.Sealed, 60), Key: make(secret.Sealed, 93), Accepted: odata.Never(),
	}
	return s
}

// cpu reports the processor time of f's b.N operations, of all threads.
func cpu(b *testing.B, f func()) {
	b.ReportAllocs()
	b.ResetTimer()
	before := used(b)
	f()
	b.ReportMetric(float64((used(b)-before).Nanoseconds())/1000/float64(b.N), "cpu-us/op")
}

func used(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkCreate(b *testing.B) {
	for _, callers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			db := openSQLite(b)
			var n atomic.Int64
			b.SetParallelism(callers)
			cpu(b, func() {
				b.RunParallel(func(p *testing.PB) {
					for p.Next() {
						i := n.Add(1)
						run, err := pki.NewRun(pki.TriggerCreated, odata.FromTime(time.Now()))
						if err != nil {
							b.Error(err)
						}
						e := pki.AuditEvent{ID: run.ID, Activity: pki.ActivityCreate}
						if err := db.CreateSubscription(b.Context(), realistic(i), pki.Effects{Run: &run, Audit: &e}, nil); err != nil {
							b.Error(err)
						}
					}
				})
			})
			s := db.Stats()
			b.ReportMetric(float64(s.Writes)/float64(s.Commits), "writes/commit")
		})
	}
}

func filled(b *testing.B, n int64) *store.DB {
	db := openSQLite(b)
	for i := range n {
		if err := db.CreateSubscription(b.Context(), realistic(i), pki.Effects{}, nil); err != nil {
			b.Fatal(err)
		}
	}
	return db
}

func BenchmarkGet(b *testing.B) {
	db := filled(b, 1000)
	id := realistic(500).ID
	cpu(b, func() {
		for range b.N {
			if _, err := db.Subscription(b.Context(), "t", id); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkList100(b *testing.B) {
	db := filled(b, 1000)
	name := odata.Path{Property: pki.SubscriptionType().Property("displayName")}
	for _, q := range []struct {
		name  string
		query odata.Query
	}{
		{"byID", odata.Query{Top: 100}},
		{"byName", odata.Query{Top: 100, OrderBy: []odata.Order{{Path: name}}}},
		{"filtered", odata.Query{Top: 100, Filter: odata.Match{Path: name, Fold: true, Func: odata.Contains, Text: "9"}}},
	} {
		b.Run(q.name, func(b *testing.B) {
			cpu(b, func() {
				for range b.N {
					p, err := db.Subscriptions(b.Context(), "t", q.query)
					if err != nil || len(p.Items) != 100 {
						b.Fatal(len(p.Items), err)
					}
				}
			})
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	url := "sqlite:" + filepath.Join(b.TempDir(), "cloudpki.db")
	for b.Loop() {
		db, err := store.Open(b.Context(), store.Options{URL: url})
		if err != nil {
			b.Fatal(err)
		}
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
