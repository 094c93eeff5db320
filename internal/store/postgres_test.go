package store_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cloudpki/internal/odata"
	"cloudpki/internal/pgtest"
	"cloudpki/internal/pki"
	"cloudpki/internal/store"
)

func TestPostgresReplicasStartTogether(t *testing.T) {
	url := cluster.Database(t)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			db, err := store.Open(t.Context(), store.Options{URL: url})
			if err != nil {
				t.Error(err)
				return
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

func TestPostgresRefusesNewerSchema(t *testing.T) {
	url := cluster.Database(t)
	open(t, url)
	sql(t, url, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)")
	_, err := store.Open(t.Context(), store.Options{URL: url})
	if err == nil || !strings.Contains(err.Error(), "schema version 9999") {
		t.Errorf("error is %v, want one that names the version", err)
	}
}

func sql(t *testing.T, url, text string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exec(t.Context(), text); err != nil {
		t.Error(err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestPostgresReplicasShareWork has two processes take leases on the same
// subscriptions: none is taken twice, and no tenant gets more than it may.
func TestPostgresReplicasShareWork(t *testing.T) {
	url := cluster.Database(t)
	replicas := []*store.DB{open(t, url), open(t, url)}
	const tenants, each, perTenant = 5, 40, 7
	for i := range tenants * each {
		s := subscription(pki.ID(fmt.Sprint(i)), int64(i))
		s.Tenant = pki.TenantID(fmt.Sprint("t", i%tenants))
		s.NextSync = odata.FromTime(time.Unix(int64(i%3), 0))
		if err := replicas[0].CreateSubscription(t.Context(), s, pki.Effects{}, nil); err != nil {
			t.Fatal(err)
		}
	}
	now, until := odata.FromTime(time.Unix(10, 0)), odata.FromTime(time.Unix(1e6, 0))
	var mu sync.Mutex
	held, done := make(map[pki.TenantID]int), make(map[string]int)
	var wait sync.WaitGroup
	for w := range 6 {
		wait.Go(func() {
			db := replicas[w%2]
			for idle := 0; idle < 20; {
				list, err := db.TakeDue(t.Context(), fmt.Sprint(w), now, until, 4, pki.Bounds{PerTenant: perTenant})
				if err != nil {
					t.Error(err)
					return
				}
				if idle++; len(list) > 0 {
					idle = 0
				}
				mu.Lock()
				for _, l := range list {
					held[l.Tenant]++
					done[string(l.Tenant)+"/"+string(l.Subscription)]++
					if held[l.Tenant] > perTenant {
						t.Errorf("tenant %s has %d leases", l.Tenant, held[l.Tenant])
					}
				}
				mu.Unlock()
				for _, l := range list {
					mu.Lock()
					held[l.Tenant]-- // before it is given back, so that the count errs on the small side
					mu.Unlock()
					l.Run.Status = pki.RunSucceeded
					if err := db.FinishRun(t.Context(), l, l.Run, func(s *pki.Subscription) pki.Effects {
						s.NextSync = odata.Never()
						return pki.Effects{}
					}); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wait.Wait()
	if len(done) != tenants*each {
		t.Errorf("%d subscriptions were taken, want %d", len(done), tenants*each)
	}
	for name, n := range done {
		if n != 1 {
			t.Errorf("%s was taken %d times", name, n)
		}
	}
}

func TestPostgresWakesOtherProcesses(t *testing.T) {
	url := cluster.Database(t)
	here, there := open(t, url), open(t, url)
	woken := func() bool {
		select {
		case <-there.Wake():
			return true
		case <-time.After(5 * time.Second):
			return false
		}
	}
	if !woken() {
		t.Fatal("the listener did not begin")
	}
	if err := here.CreateSubscription(t.Context(), subscription("a", 1), pki.Effects{}, nil); err != nil {
		t.Fatal(err)
	}
	run, err := pki.NewRun(pki.TriggerManual, odata.FromTime(time.Unix(0, 0)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := here.RequestRun(t.Context(), "t", "a", run, pki.AuditEvent{ID: "e"}); err != nil {
		t.Fatal(err)
	}
	if !woken() {
		t.Error("the other process was not woken")
	}
	sql(t, url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
	if !woken() {
		t.Error("after its connection was cut the listener did not come back")
	}
}

// TestPostgresCreateDoesNotNotify has notifications fail: they must not be part
// of the transactions that they tell of, for those would commit one by one.
func TestPostgresCreateDoesNotNotify(t *testing.T) {
	url := cluster.Database(t)
	open(t, url)
	sql(t, url, "CREATE FUNCTION public.pg_notify(text, text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'no notifications'; END $$")
	separator := "?"
	if strings.Contains(url, "?") {
		separator = "&"
	}
	db := open(t, url+separator+"search_path=public,pg_catalog")
	run, err := pki.NewRun(pki.TriggerCreated, odata.FromTime(time.Unix(0, 0)))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.CreateSubscription(t.Context(), subscription("a", 1), pki.Effects{Run: &run}, nil); err != nil {
		t.Errorf("create: %v", err)
	}
	if _, err := db.RequestRun(t.Context(), "t", "a", run, pki.AuditEvent{ID: "e"}); err != nil {
		t.Errorf("request: %v", err)
	}
}

// TestPostgresServerDies kills the server again and again under creates: what
// was acknowledged is there afterwards, and callers are told to try again.
func TestPostgresServerDies(t *testing.T) {
	durable, err := pgtest.Start(pgtest.Options{Durable: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := durable.Stop(); err != nil {
			t.Error(err)
		}
	}()
	db, err := store.Open(t.Context(), store.Options{URL: durable.URL("postgres")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	var mu sync.Mutex
	var acknowledged []pki.ID
	stop := make(chan struct{})
	var wait sync.WaitGroup
	for w := range 4 {
		wait.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				id := pki.ID(fmt.Sprintf("%d-%d", w, i))
				err := db.CreateSubscription(t.Context(), subscription(id, int64(w)<<32+int64(i)), pki.Effects{}, nil)
				if err == nil {
					mu.Lock()
					acknowledged = append(acknowledged, id)
					mu.Unlock()
				} else if pki.CodeOf(err) != pki.CodeUnavailable {
					t.Errorf("error is %v, want CodeUnavailable", err)
				}
			}
		})
	}
	for range 3 {
		time.Sleep(300 * time.Millisecond)
		if err := durable.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := db.Ping(t.Context()); pki.CodeOf(err) != pki.CodeUnavailable {
			t.Errorf("error is %v while the server is down, want CodeUnavailable", err)
		}
		if err := durable.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(300 * time.Millisecond)
	close(stop)
	wait.Wait()
	if len(acknowledged) < 10 {
		t.Errorf("only %d creates succeeded", len(acknowledged))
	}
	for _, id := range acknowledged {
		if _, err := db.Subscription(t.Context(), "t", id); err != nil {
			t.Errorf("the acknowledged create of %s is lost: %v", id, err)
		}
	}
}

func TestPostgresHidesThePassword(t *testing.T) {
	for _, url := range []string{"postgres://u:geheim@h:port/d", "postgres://u:geheim@127.0.0.1:1/d", "host=/nowhere password=geheim"} {
		_, err := store.Open(t.Context(), store.Options{URL: url})
		if err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("error for %s is %v", url, err)
		}
	}
}
