package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/store"
)

func subscription(id pki.ID, key int64) pki.Subscription {
	return pki.Subscription{Tenant: "t", ID: id, Key: key, Provider: "symantec", NextSync: odata.Never(), LastSync: odata.Never(), Version: 1, Revision: 1}
}

func TestSQLiteSharesCommits(t *testing.T) {
	db := openSQLite(t)
	before := db.Stats()
	const writers, each = 50, 10
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			for i := range each {
				id := pki.ID(fmt.Sprintf("%d-%d", w, i))
				if err := db.CreateSubscription(t.Context(), subscription(id, int64(w*each+i)), pki.Effects{}, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	after := db.Stats()
	writes, commits := after.Writes-before.Writes, after.Commits-before.Commits
	if writes != writers*each || commits > writes/4 {
		t.Errorf("%d writes took %d commits; want a quarter of that at most", writes, commits)
	}
}

func TestSQLiteIsForOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "cloudpki.db")
	db := open(t, "sqlite:"+path)
	_, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + path})
	if err == nil || !strings.Contains(err.Error(), "another cloudpki process has "+filepath.Dir(path)+" open") {
		t.Errorf("error is %v, want one that names the data directory", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(t, "sqlite:"+path).Ping(t.Context()); err != nil {
		t.Errorf("after the first was closed: %v", err)
	}
}

func TestSQLiteFilesArePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	db := open(t, "sqlite:"+filepath.Join(dir, "cloudpki.db"))
	if err := db.CreateSubscription(t.Context(), subscription("a", 1), pki.Effects{}, nil); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{"": 0o700, "cloudpki.db": 0o600, "cloudpki.db-wal": 0o600, "cloudpki.lock": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		} else if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
}

func TestSQLiteRefusesNewerSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cloudpki.db")
	if err := open(t, "sqlite:"+path).Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(raw.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)"), raw.Close()); err != nil {
		t.Fatal(err)
	}
	_, err = store.Open(t.Context(), store.Options{URL: "sqlite:" + path})
	if err == nil || !strings.Contains(err.Error(), "schema version 9999") {
		t.Errorf("error is %v, want one that names the version", err)
	}
}

// TestSQLiteStoresALongPageInParts stores a page in several commits, so that other
// writers get their turn.
func TestSQLiteStoresALongPageInParts(t *testing.T) {
	db := openSQLite(t)
	s := subscription("a", 1)
	s.NextSync = odata.FromTime(time.Unix(0, 0))
	if err := db.CreateSubscription(t.Context(), s, pki.Effects{}, nil); err != nil {
		t.Fatal(err)
	}
	leases, err := db.TakeDue(t.Context(), "w", odata.FromTime(time.Unix(1, 0)), odata.FromTime(time.Unix(100, 0)), 1, pki.Bounds{PerTenant: 1})
	if err != nil || len(leases) != 1 {
		t.Fatal(leases, err)
	}
	l, before := leases[0], db.Stats()
	page := pki.RunPage{Run: l.Run, Listing: pki.Listing{ID: l.Run.ID}}
	for i := range 5000 {
		page.Certificates = append(page.Certificates, pki.Certificate{ID: pki.ID(fmt.Sprintf("c%04d", i))})
	}
	if _, err := db.SavePage(t.Context(), l, page); err != nil {
		t.Fatal(err)
	}
	if commits := db.Stats().Commits - before.Commits; commits != 10 {
		t.Errorf("a page of 5,000 took %d commits, want 10", commits)
	}
}

func TestSQLiteUnderOverload(t *testing.T) {
	db := openSQLite(t)
	if err := db.CreateSubscription(t.Context(), subscription("a", 1), pki.Effects{}, nil); err != nil {
		t.Fatal(err)
	}
	hold, held := make(chan struct{}), make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		_, err := db.UpdateSubscription(t.Context(), "t", "a", func(*pki.Subscription) (pki.Effects, error) {
			close(held)
			<-hold
			return pki.Effects{}, nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-held
	impatient, stop := context.WithCancel(t.Context())
	results := make(chan error, 3000)
	for i := range cap(results) {
		wait.Go(func() {
			results <- db.CreateSubscription(impatient, subscription(pki.ID(fmt.Sprint(i)), int64(i+2)), pki.Effects{}, nil)
		})
	}
	for db.Stats().Queued < 1024 {
		time.Sleep(time.Millisecond)
	}
	if err := <-results; pki.CodeOf(err) != pki.CodeUnavailable {
		t.Errorf("error is %v, want CodeUnavailable where the queue is full", err)
	}
	stop()
	for range cap(results) - 1 {
		if err := <-results; !errors.Is(err, context.Canceled) && pki.CodeOf(err) != pki.CodeUnavailable {
			t.Errorf("error is %v, want that the caller gave up or was refused", err)
		}
	}
	close(hold)
	wait.Wait()
	p, err := db.Subscriptions(t.Context(), "t", odata.Query{Top: 1, Count: true})
	if err != nil || p.Count != 1 {
		t.Errorf("there are %d objects, %v; want the first alone, for all others gave up in the queue", p.Count, err)
	}
}

func TestSQLiteSurvivesAPanic(t *testing.T) {
	db := openSQLite(t)
	if err := db.CreateSubscription(t.Context(), subscription("a", 1), pki.Effects{}, nil); err != nil {
		t.Fatal(err)
	}
	_, err := db.UpdateSubscription(t.Context(), "t", "a", func(*pki.Subscription) (pki.Effects, error) { panic("oops") })
	if err == nil || !strings.Contains(err.Error(), "oops") {
		t.Errorf("error is %v, want one that tells of the panic", err)
	}
	if err := db.CreateSubscription(t.Context(), subscription("b", 2), pki.Effects{}, nil); err != nil {
		t.Errorf("after a panic: %v", err)
	}
}

func TestSQLiteStops(t *testing.T) {
	db := openSQLite(t)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.CreateSubscription(t.Context(), subscription("a", 1), pki.Effects{}, nil); pki.CodeOf(err) != pki.CodeUnavailable {
		t.Errorf("write after Close: %v, want CodeUnavailable", err)
	}
	if err := db.Ping(t.Context()); pki.CodeOf(err) != pki.CodeUnavailable {
		t.Errorf("read after Close: %v, want CodeUnavailable", err)
	}
}

func TestSQLiteReleasesOthers(t *testing.T) {
	db := openSQLite(t)
	s := subscription("a", 1)
	s.NextSync = odata.FromTime(time.Unix(0, 0))
	if err := db.CreateSubscription(t.Context(), s, pki.Effects{}, nil); err != nil {
		t.Fatal(err)
	}
	now, until := odata.FromTime(time.Unix(1, 0)), odata.FromTime(time.Unix(100, 0))
	dead, err := db.TakeDue(t.Context(), "dead", now, until, 1, pki.Bounds{PerTenant: 1})
	if err != nil || len(dead) != 1 {
		t.Fatal(dead, err)
	}
	if err := db.Recover(t.Context(), "new", now, until); err != nil {
		t.Fatal(err)
	}
	list, err := db.TakeDue(t.Context(), "new", now, until, 1, pki.Bounds{PerTenant: 1})
	if err != nil || len(list) != 1 || list[0].Run.ID != dead[0].Run.ID || list[0].Run.Attempt != 2 {
		t.Errorf("took %+v, %v; want the dead owner's run resumed at once", list, err)
	}
	if _, err := db.Extend(t.Context(), dead[0], until); pki.CodeOf(err) != pki.CodeLeaseLost {
		t.Errorf("the dead owner's lease: %v, want CodeLeaseLost", err)
	}
}
