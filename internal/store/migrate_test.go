package store_test

import (
	database "database/sql"
	"path/filepath"
	"slices"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/ncruces/go-sqlite3/driver"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/store"
)

const (
	oldSubscription = `INSERT INTO subscriptions (tenant, id, key, cloud_pki_provider, created_date_time,
	last_modified_date_time, last_modified_offset, sync_status, last_sync_date_time, last_sync_offset, version, revision, credentials, failures, edits)
VALUES ('t', 'old', 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0)`
	oldCertificate = `INSERT INTO certificates (tenant, subscription_key, id, status, first_seen_date_time, last_changed_date_time, first_run, last_run)
VALUES ('t', 1, 'cert', 0, 0, 0, 'r', 'r')`
)

// TestChangesOfOldRows: what was stored by the first schema is kept, is told to
// who begins to follow, and what comes later is told after it.
func TestChangesOfOldRows(t *testing.T) {
	file, url := filepath.Join(t.TempDir(), "cloudpki.db"), cluster.Database(t)
	for _, engine := range []struct{ name, driver, source, url string }{
		{"sqlite", "sqlite3", "file:" + file, "sqlite:" + file},
		{"postgres", "pgx", url, url},
	} {
		t.Run(engine.name, func(t *testing.T) {
			old, err := database.Open(engine.driver, engine.source)
			if err != nil {
				t.Fatal(err)
			}
			if err := store.MigrateTo(t.Context(), old, engine.name, 1); err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{oldSubscription, oldCertificate} {
				if _, err := old.ExecContext(t.Context(), text); err != nil {
					t.Fatal(err)
				}
			}
			if err := old.Close(); err != nil {
				t.Fatal(err)
			}
			db := open(t, engine.url)
			told, from := changesSince(t, db, pki.DeltaPosition{Initial: true})
			if !slices.Equal(told, []pki.ID{"old"}) {
				t.Errorf("who begins is told of %v, want old", told)
			}
			page, err := db.CertificateChanges(t.Context(), "t", "old", odata.Query{}, pki.DeltaPosition{Initial: true})
			if err != nil || len(page.Items) != 1 {
				t.Errorf("who begins is told of the certificates %v, %v, want one", page.Items, err)
			}
			if err := db.CreateSubscription(t.Context(), subscription("new", 2), pki.Effects{}, nil); err != nil {
				t.Fatal(err)
			}
			if told, _ := changesSince(t, db, from); !slices.Equal(told, []pki.ID{"new"}) {
				t.Errorf("then it is told of %v, want new", told)
			}
			notifiedOfOldRow(t, db)
		})
	}
}

func notifiedOfOldRow(t *testing.T, db *store.DB) {
	t.Helper()
	follow(t, db, "cloudPkiSubscriptions/old", "updated")
	s, err := db.UpdateSubscription(t.Context(), "t", "old", rename("changed"))
	if err != nil || s.Key != 1 || s.Version != 1 {
		t.Errorf("the old one is %+v, %v", s, err)
	}
	now := time.Now()
	list, err := db.TakeDeliveries(t.Context(), "worker", odata.FromTime(now), odata.FromTime(now.Add(time.Minute)), false, 9, 9)
	if err != nil || len(list) != 1 || len(list[0].Batch) != 1 || list[0].Batch[0].Object != "old" {
		t.Errorf("to be delivered is %+v, %v", list, err)
	}
}
