package chaos_test

import (
	"bytes"
	"context"
	"io"
	"log"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloudpki/internal/pgtest"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/all"
	"cloudpki/internal/secret"
	"cloudpki/internal/store"
)

const tenant = pki.TenantID("8c3f1c8e-0000-4000-8000-000000000001")

// A world is a service over a database of its own, with a clock that is moved by
// hand. Schedules run in it one after the other.
type world struct {
	ctx     context.Context //nolint:containedctx // of the test
	clock   atomic.Int64    // Unix microseconds
	store   *store.DB
	service *pki.Service // waits as long as it takes: only a CA that hangs is given up, and at once
	hasty   *pki.Service // the same, but a call may take a second
	log     journal
}

// newWorlds returns a world for each worker, on SQLite and PostgreSQL in turn.
func newWorlds(t *testing.T, n int) []*world {
	t.Helper()
	cluster, err := pgtest.Start(pgtest.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, cluster.Stop()) })
	list := make([]*world, n)
	for i := range list {
		url := "sqlite:" + filepath.Join(t.TempDir(), "chaos.db")
		if i%2 == 1 {
			url = cluster.Database(t)
		}
		list[i] = newWorld(t, url)
	}
	return list
}

func newWorld(t *testing.T, url string) *world {
	t.Helper()
	w := &world{ctx: t.Context()}
	w.clock.Store(time.Now().UnixMicro())
	var err error
	logger := slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.store, err = store.Open(t.Context(), store.Options{URL: url, Now: w.now, Log: logger})
	must(t, err)
	t.Cleanup(func() { must(t, w.store.Close()) })
	root, err := secret.CreateRoot(filepath.Join(t.TempDir(), "root.key"))
	must(t, err)
	catalog, err := provider.NewCatalog(all.Kinds()...)
	must(t, err)
	service := func(timeout time.Duration) *pki.Service {
		s, err := pki.NewService(pki.Options{
			Store: w.store, Keyring: secret.NewKeyring(root, w.store), Root: root, Catalog: catalog, Now: w.now, Log: logger,
			Schedule: pki.Schedule{
				Interval: 6 * time.Hour, MinimumInterval: 15 * time.Minute, RunTimeout: time.Hour,
				FullInterval: 7 * 24 * time.Hour, MaxMissingPercent: maxMissingPercent,
			},
			Transport: provider.NewTransport(provider.TransportOptions{
				Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Timeout: timeout, MaxBody: 2 << 20, Now: w.now, Logger: logger,
			}),
		})
		must(t, err)
		return s
	}
	w.service, w.hasty = service(time.Hour), service(time.Second)
	return w
}

// maxMissingPercent is what one run may call missing, beside the few that are
// always believed.
const maxMissingPercent, alwaysBelieved = 25, 10

func (w *world) now() time.Time { return time.UnixMicro(w.clock.Load()).UTC() }

func (w *world) pass(d time.Duration) { w.clock.Add(d.Microseconds()) }

// A journal is a log that is read for secrets.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

// take returns what was written since the last take.
func (j *journal) take() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	text := j.text.String()
	j.text.Reset()
	return text
}

// net/http writes to the standard logger what servers send without being asked.
func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	os.Exit(m.Run())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
