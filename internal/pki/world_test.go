package pki_test

import (
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"cloudpki/internal/casim"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/all"
	"cloudpki/internal/secret"
	"cloudpki/internal/store"
)

const tenant = pki.TenantID("8c3f1c8e-0000-4000-8000-000000000001")

// A world is a service over a real SQLite file, with a clock that stands still
// until it is moved.
type world struct {
	t       *testing.T
	now     time.Time
	store   *store.DB
	keyring *secret.Keyring
	root    *secret.Root
	service *pki.Service

	schedule    pki.Schedule
	testTimeout time.Duration // 0 is the service's own
	alerts      pki.AlertPolicy

	ca   *casim.CA
	uri  string
	pfx  []byte
	pass string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Now().UTC().Truncate(time.Microsecond)}
	dir := t.TempDir()
	db, err := store.Open(t.Context(), store.Options{URL: engines.URL(t), Now: w.clock})
	w.must(err)
	t.Cleanup(func() { w.must(db.Close()) })
	w.root, err = secret.CreateRoot(filepath.Join(dir, "root.key"))
	w.must(err)
	w.store, w.keyring = db, secret.NewKeyring(w.root, db)
	w.schedule = pki.Schedule{Interval: 6 * time.Hour, MinimumInterval: 15 * time.Minute, RunTimeout: time.Minute, FullInterval: 7 * 24 * time.Hour, MaxMissingPercent: 25}
	w.makeService()
	return w
}

// makeService makes the service with w.schedule.
func (w *world) makeService() {
	w.t.Helper()
	catalog, err := provider.NewCatalog(all.Kinds()...)
	w.must(err)
	w.service, err = pki.NewService(pki.Options{
		Store: w.store, Keyring: w.keyring, Root: w.root, Catalog: catalog, Now: w.clock, Schedule: w.schedule,
		Transport: provider.NewTransport(provider.TransportOptions{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Timeout: 2 * time.Second, Now: w.clock}),

		KeepPrevious: 7 * 24 * time.Hour, TestTimeout: w.testTimeout, Alerts: w.alerts,
	})
	w.must(err)
}

func (w *world) clock() time.Time { return w.now }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// startCA brings up a simulated CA with n certificates.
func (w *world) startCA(n int) {
	w.t.Helper()
	ca, err := casim.New(casim.Options{Now: w.clock})
	w.must(err)
	server, err := ca.Start(w.t.Context(), "127.0.0.1:0")
	w.must(err)
	w.t.Cleanup(func() { _ = server.Close() })
	_, err = ca.Issue(n)
	w.must(err)
	w.ca, w.uri = ca, server.URL
	w.pfx, w.pass, err = ca.IssueRA("test", 24*time.Hour)
	w.must(err)
}

// draft subscribes to the simulated CA.
func (w *world) draft() pki.Draft {
	return pki.Draft{
		Provider:    pki.Given("symantec"),
		DisplayName: pki.Given("Device CA"),
		ServiceURI:  pki.Given(w.uri),
		ServerCAs:   pki.Given(w.ca.ServerCAs()),
		Credentials: pki.Given(pki.DraftCredentials{
			Certificate:         pki.Given(secret.New(w.pfx)),
			CertificatePassword: pki.Given(secret.NewString(w.pass)),
		}),
	}
}

func (w *world) create(d pki.Draft) pki.Subscription {
	w.t.Helper()
	sub, err := w.service.Create(w.t.Context(), tenant, pki.Actor{Client: "test"}, d, nil)
	w.must(err)
	return sub
}

func (w *world) update(id pki.ID, d pki.Draft) pki.Subscription {
	w.t.Helper()
	sub, err := w.service.Update(w.t.Context(), tenant, pki.Actor{Client: "test"}, id, d, nil)
	w.must(err)
	return sub
}

func (w *world) get(id pki.ID) pki.Subscription {
	w.t.Helper()
	sub, err := w.service.Get(w.t.Context(), tenant, id)
	w.must(err)
	return sub
}

// takeDue leases what is due.
func (w *world) takeDue() []pki.Lease {
	w.t.Helper()
	now := odata.FromTime(w.now)
	leases, err := w.store.TakeDue(w.t.Context(), "worker", now, odata.FromTime(w.now.Add(time.Minute)), 10, pki.Bounds{PerTenant: 10})
	w.must(err)
	return leases
}

// syncDue runs what is due and returns the runs as they ended.
func (w *world) syncDue() []pki.Run {
	w.t.Helper()
	var runs []pki.Run
	for _, l := range w.takeDue() {
		w.must(w.service.Sync(w.t.Context(), l))
		run, err := w.service.Run(w.t.Context(), tenant, l.Subscription, l.Run.ID)
		w.must(err)
		runs = append(runs, run)
	}
	return runs
}

// syncOne is syncDue where exactly one run is expected.
func (w *world) syncOne() pki.Run {
	w.t.Helper()
	runs := w.syncDue()
	if len(runs) != 1 {
		w.t.Fatalf("%d runs were due, want 1", len(runs))
	}
	return runs[0]
}

func (w *world) query(t *odata.EntityType, raw string) odata.Query {
	w.t.Helper()
	q, err := odata.ParseQuery(raw, t)
	w.must(err)
	return q
}
