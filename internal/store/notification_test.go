package store_test

import (
	"testing"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/store"
)

// A process is woken by what another has put into the outbox.
func TestPostgresTellsOtherProcesses(t *testing.T) {
	url := cluster.Database(t)
	one, other := open(t, url), open(t, url)
	awaitWake(t, other) // it listens
	follow(t, one, "cloudPkiSubscriptions", "created")
	if err := one.CreateSubscription(t.Context(), subscription("a", 0), pki.Effects{}, nil); err != nil {
		t.Fatal(err)
	}
	awaitWake(t, other)
}

func awaitWake(t *testing.T, db *store.DB) {
	t.Helper()
	select {
	case <-db.NotificationWake():
	case <-time.After(30 * time.Second):
		t.Fatal("the deliverer was not woken")
	}
}

// follow makes the one subscription to change notifications of its tenant.
func follow(t *testing.T, db *store.DB, resource, changes string) pki.NotificationSubscription {
	t.Helper()
	n := pki.NotificationSubscription{
		Tenant: "t", ID: "n", Key: 1, ChangeType: changes, Resource: resource, URL: "https://receiver.example/",
		LatestTLS: "v1_2", Expires: odata.FromTime(time.Now().Add(time.Hour)), RemindAt: odata.Never(),
	}
	if err := db.CreateNotificationSubscription(t.Context(), n, 1, pki.AuditEvent{ID: "e"}); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestQueuesAreBounded: of what waits for a receiver that fails the newest
// 100,000 are kept, and of what was given up the newest 1,000.
func TestQueuesAreBounded(t *testing.T) {
	for name, open := range map[string]func(testing.TB) *store.DB{"sqlite": openSQLite, "postgres": openPostgres} {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			n := follow(t, db, "cloudPkiSubscriptions", "created")
			const waiting, kept = 101_700, 100_000
			now := odata.FromTime(time.Now())
			if err := db.Execute(t.Context(), `INSERT INTO notification_outbox (tenant, subscription_key, lane, event, subscription_id, object_id, created_at)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
SELECT 't', 1, 0, 'created', 'x', 'x', CAST(?2 AS BIGINT) + i FROM n`, waiting, now.Ticks); err != nil {
				t.Fatal(err)
			}
			list, err := db.TakeDeliveries(t.Context(), "worker", now, odata.FromTime(now.Time().Add(time.Minute)), false, 1, 1)
			if err != nil || len(list) != 1 {
				t.Fatal(list, err)
			}
			dropped := 0
			for more := true; more; {
				var some int
				if some, more, err = db.GiveUp(t.Context(), list[0].Lease, odata.Never(), now, "no answer"); err != nil {
					t.Fatal(err)
				}
				dropped += some
			}
			if b, err := db.NotificationBacklog(t.Context()); dropped != waiting-kept || b.Queued != kept || b.Oldest.Ticks != now.Ticks+waiting-kept+1 {
				t.Errorf("%d were given up, %+v wait, %v; want %d to wait", dropped, b, err, kept)
			}
			page, err := db.DeadLetters(t.Context(), n, odata.Query{Top: 1, Count: true})
			if err != nil || page.Count != 1000 || page.Items[0].Created.Ticks != now.Ticks+waiting-kept {
				t.Errorf("dead letters are %+v, %v; want the newest 1000", page, err)
			}
		})
	}
}
