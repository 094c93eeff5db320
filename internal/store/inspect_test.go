package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ncruces/go-sqlite3"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/store"
)

func inspect(t *testing.T, url string) store.Inspection {
	t.Helper()
	found, err := store.Inspect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// An inspection tells what there is beside a running service and after it, and
// leaves no trace.
func TestInspectSQLite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	url := "sqlite:" + filepath.Join(dir, "cloudpki.db")
	if found := inspect(t, url); found.Exists {
		t.Errorf("a file that is not there: %+v", found)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the folder was made")
	}
	db := open(t, url)
	sub := subscription("a", 1)
	address := "https://ca.example:8443/api"
	sub.ServiceURI = &address
	if err := db.CreateSubscription(t.Context(), sub, pki.Effects{}, nil); err != nil {
		t.Fatal(err)
	}
	endpoints := []store.Endpoint{{Host: "ca.example:8443"}}
	found := inspect(t, url)
	if !found.Exists || !found.InUse || found.Checked || found.Version != found.Latest || found.Version == 0 {
		t.Errorf("in use: %+v", found)
	}
	if diff := cmp.Diff(endpoints, found.Endpoints); diff != "" {
		t.Errorf("in use: endpoints (-want +got):\n%s", diff)
	}
	if err := db.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	before := names(t, dir)
	found = inspect(t, url)
	if found.InUse || !found.Checked || found.Damage != "" || cmp.Diff(endpoints, found.Endpoints) != "" {
		t.Errorf("closed: %+v", found)
	}
	if diff := cmp.Diff(before, names(t, dir)); diff != "" {
		t.Errorf("files (-before +after):\n%s", diff)
	}
}

func TestInspectPostgres(t *testing.T) {
	if found := inspect(t, cluster.Database(t)); !found.Exists || found.Version != 0 {
		t.Errorf("an empty database: %+v", found)
	}
	url := cluster.Copy(t, prepared.postgres)
	db := open(t, url)
	sub := subscription("a", 1)
	address := "https://ca.example/api"
	sub.ServiceURI = &address
	if err := db.CreateSubscription(t.Context(), sub, pki.Effects{}, nil); err != nil {
		t.Fatal(err)
	}
	found := inspect(t, url)
	if found.Version != found.Latest || cmp.Diff([]store.Endpoint{{Host: "ca.example:443"}}, found.Endpoints) != "" {
		t.Errorf("%+v", found)
	}
	if _, err := store.Inspect(t.Context(), "postgres://u:s3cret@127.0.0.1:1/d"); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("error %v", err)
	}
}

func names(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// An old schema stays as it is, a newer one is told, and damage is found.
func TestInspectSQLiteThatIsNotAsItShouldBe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cloudpki.db")
	url := "sqlite:" + path
	if err := open(t, url).Close(); err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"9999", "1"} {
		raw, err := sqlite3.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(raw.Exec("DELETE FROM goose_db_version; INSERT INTO goose_db_version (version_id, is_applied) VALUES ("+version+", 1)"), raw.Close()); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if found := inspect(t, url); found.Version == found.Latest || !found.Checked || found.Damage != "" {
				t.Errorf("version %s: %+v", version, found)
			}
		}
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	for i := 3 * page; i < len(whole); i++ {
		whole[i] = 0xff
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if found, err := store.Inspect(t.Context(), url); err == nil && found.Damage == "" {
		t.Errorf("damaged: %+v", found)
	}
	if _, err := store.Inspect(t.Context(), "mysql://u:s3cret@h/d"); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("error %v", err)
	}
}

// An inspection tells how the ways out for alerts have fared.
func TestInspectAlertSinks(t *testing.T) {
	for _, url := range []string{"sqlite:" + filepath.Join(t.TempDir(), "cloudpki.db"), cluster.Copy(t, prepared.postgres)} {
		db := open(t, url)
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		at := func(s int64) odata.DateTimeOffset { return odata.FromTime(time.Unix(s, 0)) }
		must(db.CreateSubscription(t.Context(), subscription("a", 1), pki.Effects{}, nil))
		sub := subscription("a", 1)
		must(db.JudgeAlerts(t.Context(), sub.Tenant, "a", []string{"gone", "mail"}, func(*pki.Subscription, pki.AlertFacts) (pki.AlertVerdict, error) {
			return pki.AlertVerdict{Alerts: []pki.Alert{{ID: "1", At: at(10).Time()}, {ID: "2", At: at(30).Time()}, {ID: "3", At: at(30).Time()}}}, nil
		}))
		for _, failure := range []string{"", "down"} {
			q, found, err := db.TakeAlert(t.Context(), "mail", at(40), at(50))
			must(err)
			if !found {
				t.Fatal("nothing waits")
			}
			must(db.SettleAlert(t.Context(), q, pki.AlertAttempt{At: at(41), Error: failure, Again: at(60)}))
		}
		for range 2 {
			_, err := db.ExpireAlerts(t.Context(), []string{"mail"}, at(20), at(42))
			must(err)
		}
		want := []store.AlertSink{
			{Name: "gone", Waiting: 2, Oldest: at(30), Delivered: odata.Never(), Failed: odata.Never(), Dropped: 1, DroppedAt: at(42)},
			{Name: "mail", Waiting: 2, Oldest: at(30), Delivered: at(41), Failed: at(41), Error: "down", DroppedAt: odata.Never()},
		}
		if d := cmp.Diff(want, inspect(t, url).AlertSinks); d != "" {
			t.Error(d)
		}
		n, err := db.GiveUpAlerts(t.Context(), "mail", at(31), at(43))
		must(err)
		if got := inspect(t, url).AlertSinks[1]; n != 1 || got.Waiting != 1 || got.Dropped != 1 || got.DroppedAt != at(43) {
			t.Errorf("%d given up: %+v", n, got)
		}
	}
}

// An inspection says how many servers of CAs it leaves out.
func TestInspectLeavesOut(t *testing.T) {
	url := "sqlite:" + filepath.Join(t.TempDir(), "cloudpki.db")
	db := open(t, url)
	for i := range store.MaxEndpoints + 2 {
		sub, address := subscription(pki.ID(fmt.Sprintf("s%d", i)), int64(i+1)), fmt.Sprintf("https://ca%d.example", max(i, 1)) // the first two share one
		sub.ServiceURI = &address
		if err := db.CreateSubscription(t.Context(), sub, pki.Effects{}, nil); err != nil {
			t.Fatal(err)
		}
		if n := int64(i); n >= store.MaxEndpoints {
			if found := inspect(t, url); len(found.Endpoints) != store.MaxEndpoints || found.Further != n-store.MaxEndpoints {
				t.Errorf("of %d servers: %d named, %d further", n, len(found.Endpoints), found.Further)
			}
		}
	}
}
