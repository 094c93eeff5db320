package chaos_test

import (
	"context"
	"io"
	"log"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/all"
	"cloudpki/internal/secret"
	"cloudpki/internal/store"
)

const tenant = pki.TenantID("8c3f1c8e-0000-4000-8000-000000000001")

// A world is a service over a SQLite file, with a clock that is moved by hand.
// Schedules run in it one after the other.
type world struct {
	ctx     context.Context //nolint:containedctx // of the test
	now     time.Time
	store   *store.DB
	service *pki.Service
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{ctx: t.Context(), now: time.Now().UTC().Truncate(time.Microsecond)}
	dir := t.TempDir()
	clock := func() time.Time { return w.now }
	var err error
	w.store, err = store.Open(t.Context(), store.Options{URL: "sqlite:" + filepath.Join(dir, "chaos.db"), Now: clock})
	must(t, err)
	t.Cleanup(func() { must(t, w.store.Close()) })
	root, err := secret.CreateRoot(filepath.Join(dir, "root.key"))
	must(t, err)
	catalog, err := provider.NewCatalog(all.Kinds()...)
	must(t, err)
	w.service, err = pki.NewService(pki.Options{
		Store: w.store, Keyring: secret.NewKeyring(root, w.store), Root: root, Catalog: catalog, Now: clock,
		Schedule: pki.Schedule{
			Interval: 6 * time.Hour, MinimumInterval: 15 * time.Minute, RunTimeout: 5 * time.Second,
			FullInterval: 7 * 24 * time.Hour, MaxMissingPercent: 25,
		},
		Transport: provider.NewTransport(provider.TransportOptions{
			Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Timeout: time.Second, MaxBody: 2 << 20, Now: clock,
		}),
	})
	must(t, err)
	return w
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
