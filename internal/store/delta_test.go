package store_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/store"
)

// changesSince reads one round and returns what it tells of, and where the next
// one begins.
func changesSince(t *testing.T, db *store.DB, from pki.DeltaPosition) ([]pki.ID, pki.DeltaPosition) {
	t.Helper()
	ids := []pki.ID{}
	for {
		page, err := db.SubscriptionChanges(t.Context(), "t", odata.Query{Top: 2}, from)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			ids = append(ids, item.ID)
		}
		if from = page.Next; !page.More {
			return ids, from
		}
	}
}

func rename(name string) func(*pki.Subscription) (pki.Effects, error) {
	return func(s *pki.Subscription) (pki.Effects, error) {
		s.DisplayName = &name
		return pki.Effects{}, nil
	}
}

// TestPostgresTellsOfLateCommits has one transaction change an object and
// commit long after a later one was begun: a client that reads in between is
// told of both in the end.
func TestPostgresTellsOfLateCommits(t *testing.T) {
	url := cluster.Database(t)
	db, other := open(t, url), open(t, url)
	for i, id := range []pki.ID{"early", "late"} {
		if err := db.CreateSubscription(t.Context(), subscription(id, int64(i+1)), pki.Effects{}, nil); err != nil {
			t.Fatal(err)
		}
	}
	_, begin := changesSince(t, db, pki.DeltaPosition{Initial: true})

	written := make(chan struct{})
	held, release := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	defer wait.Wait()
	defer release() // also where the test fails: the store waits for its transactions
	wait.Go(func() {
		reached := sync.OnceFunc(func() { close(written) })
		defer reached()
		if err := db.Atomically(t.Context(), func(ctx context.Context) error {
			_, err := db.UpdateSubscription(ctx, "t", "late", rename("1"))
			reached()
			<-held.Done()
			return err
		}); err != nil {
			t.Error(err)
		}
	})
	<-written
	var done atomic.Bool
	wait.Go(func() {
		defer done.Store(true)
		if _, err := other.UpdateSubscription(t.Context(), "t", "early", rename("2")); err != nil {
			t.Error(err)
		}
	})
	for !done.Load() && !waits(t, url) {
		time.Sleep(time.Millisecond)
	}
	told, from := changesSince(t, other, begin)
	release()
	wait.Wait()
	rest, _ := changesSince(t, other, from)
	if told = append(told, rest...); !slices.Contains(told, "late") || !slices.Contains(told, "early") {
		t.Errorf("a client was told of %v, want early and late", told)
	}
}

// waits reports whether a transaction waits for a lock.
func waits(t *testing.T, url string) (found bool) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.QueryRow(t.Context(), "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')").Scan(&found); err != nil {
		t.Error(err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	return found
}

// TestTombstonesOutliveLinks: a deletion is told as long as a link may ask for
// it, and is forgotten then. What is forgotten of is counted in rows.
func TestTombstonesOutliveLinks(t *testing.T) {
	for name, url := range map[string]string{"sqlite": "sqlite:" + t.TempDir() + "/cloudpki.db", "postgres": cluster.Database(t)} {
		t.Run(name, func(t *testing.T) {
			var now atomic.Int64
			begin := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
			now.Store(begin.UnixNano())
			db, err := store.Open(t.Context(), store.Options{URL: url, Now: func() time.Time { return time.Unix(0, now.Load()) }})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
			for i := range 5 {
				id := pki.ID(fmt.Sprint("k", i))
				if err := db.CreateSubscription(t.Context(), subscription(id, int64(i+1)), pki.Effects{}, nil); err != nil {
					t.Fatal(err)
				}
			}
			_, from := changesSince(t, db, pki.DeltaPosition{Initial: true})
			for i := range 5 {
				id := pki.ID(fmt.Sprint("k", i))
				if err := db.DeleteSubscription(t.Context(), "t", id, nil, pki.AuditEvent{ID: "e" + id}); err != nil {
					t.Fatal(err)
				}
			}
			for _, step := range []struct {
				age  time.Duration
				want int
			}{{pki.DeltaLinkLife + pki.DeltaRoundLife, 5}, {pki.TombstoneLife + time.Second, 0}} {
				now.Store(begin.Add(step.age).UnixNano())
				for more := true; more; {
					if more, err = db.Purge(t.Context(), odata.FromTime(begin), 2); err != nil {
						t.Fatal(err)
					}
				}
				if told, _ := changesSince(t, db, from); len(told) != step.want {
					t.Errorf("after %v the deletions told are %v, want %d", step.age, told, step.want)
				}
			}
		})
	}
}
