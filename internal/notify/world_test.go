package notify_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudpki/internal/notify"
	"cloudpki/internal/odata"
	"cloudpki/internal/pgtest"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
	"cloudpki/internal/store"
	"cloudpki/internal/store/storetest"
)

var engines = pgtest.Engines{Prepare: storetest.Prepare}

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

func TestOnPostgreSQL(t *testing.T) { engines.Again(t) }

const (
	tenantA = pki.TenantID("aaaaaaaa-0000-4000-8000-000000000001")
	tenantB = pki.TenantID("bbbbbbbb-0000-4000-8000-000000000002")
)

// A world is a real store with receivers on real TLS.
type world struct {
	t             *testing.T
	store         *store.DB
	queue         notify.Queue // the store, or what stands before it
	notifications *pki.Notifications
	sender        *notify.Sender
	signer        *notify.Signer
	roots         *x509.CertPool
	ahead         time.Duration // of the deliverer's clock
	counts        counts
}

// counts are the outcomes that were observed.
type counts struct {
	mu      sync.Mutex
	n       map[string]int
	changed chan struct{}
}

func (c *counts) add(outcome string, n int) {
	c.mu.Lock()
	c.n[outcome] += n
	c.mu.Unlock()
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

func (c *counts) get(outcome string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[outcome]
}

// await waits until an outcome was observed n times.
func (w *world) await(outcome string, n int) {
	w.t.Helper()
	for w.counts.get(outcome) < n {
		select {
		case <-w.counts.changed:
		case <-w.t.Context().Done():
			w.t.Fatalf("waited in vain for %d %s", n, outcome)
		}
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, roots: x509.NewCertPool(), counts: counts{n: make(map[string]int), changed: make(chan struct{}, 1)}}
	var err error
	if w.store, err = store.Open(t.Context(), store.Options{URL: engines.URL(t)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	w.queue = w.store
	root, err := secret.CreateRoot(filepath.Join(t.TempDir(), "root.key"))
	if err != nil {
		t.Fatal(err)
	}
	w.notifications = pki.NewNotifications(pki.NotificationOptions{
		Store: w.store, Keyring: secret.NewKeyring(root, w.store), Now: time.Now, PerTenant: 50,
		Validate: func(context.Context, pki.TenantID, string) error { return nil },
	})
	w.sender = notify.NewSender(provider.Dialer([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}).DialContext, w.roots)
	t.Cleanup(func() { _ = w.sender.Close() })
	if w.signer, err = notify.NewSigner([]byte("a seed of thirty-two bytes, yes.")); err != nil {
		t.Fatal(err)
	}
	return w
}

// A beginning is a queue that tells when a deliverer has freed what dead
// processes had taken. With SQLite those are all others: what they take later is
// theirs.
type beginning struct {
	notify.Queue

	begun chan struct{}
}

func (b beginning) ReleaseReceivers(ctx context.Context, owner string) error {
	defer close(b.begun)
	return b.Queue.ReleaseReceivers(ctx, owner)
}

// deliver runs a deliverer until the test ends or stop is called, which waits
// for its end. It returns when the deliverer has begun.
func (w *world) deliver(owner string) (stop func()) {
	w.t.Helper()
	queue := beginning{w.queue, make(chan struct{})}
	d := notify.NewDeliverer(notify.Options{
		Queue: queue, Sender: w.sender, Signer: w.signer, Owner: owner, Workers: 32,
		Now: func() time.Time { return time.Now().Add(w.ahead) }, Log: slog.New(slog.DiscardHandler),
		Observe: w.counts.add, ClientState: w.notifications.ClientState,
	})
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	<-queue.begun
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	})
	w.t.Cleanup(stop)
	return stop
}

// A receiver is a TLS server that keeps what it has taken.
type receiver struct {
	t       *testing.T
	server  *httptest.Server
	changed chan struct{}

	mu       sync.Mutex
	answer   func(w http.ResponseWriter, r *http.Request, body []byte) bool // whether it was taken
	requests []request
	items    []item
}

// A request is one delivery as it came.
type request struct {
	path   string
	header http.Header
	body   []byte
	taken  bool
}

// An item is one notification.
type item struct {
	ID                             string
	SubscriptionID                 string
	SubscriptionExpirationDateTime string
	ClientState                    *string
	ChangeType                     string
	LifecycleEvent                 string
	Resource                       string
	TenantID                       string
	ResourceData                   map[string]string
}

func accept(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
	w.WriteHeader(http.StatusAccepted)
	return true
}

func (w *world) receiver(answer func(http.ResponseWriter, *http.Request, []byte) bool) *receiver {
	w.t.Helper()
	r := &receiver{t: w.t, answer: answer, changed: make(chan struct{}, 1)}
	r.server = httptest.NewUnstartedServer(r)
	r.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	r.server.StartTLS()
	w.t.Cleanup(r.server.Close)
	w.roots.AddCert(r.server.Certificate())
	return r
}

func (r *receiver) set(answer func(http.ResponseWriter, *http.Request, []byte) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return
	}
	r.mu.Lock()
	answer := r.answer
	r.mu.Unlock()
	taken := answer(w, q, body)
	var message struct{ Value []item }
	if err := json.Unmarshal(body, &message); err != nil {
		r.t.Errorf("body is no JSON: %v", err)
	}
	r.mu.Lock()
	r.requests = append(r.requests, request{q.URL.Path, q.Header, body, taken})
	if taken {
		r.items = append(r.items, message.Value...)
	}
	r.mu.Unlock()
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// await waits until done is content with what has come.
func (r *receiver) await(done func([]request, []item) bool) ([]request, []item) {
	r.t.Helper()
	for {
		r.mu.Lock()
		requests, items := slices.Clone(r.requests), slices.Clone(r.items)
		r.mu.Unlock()
		if done(requests, items) {
			return requests, items
		}
		select {
		case <-r.changed:
		case <-r.t.Context().Done():
			r.t.Fatalf("waited in vain; %d requests and %d notifications have come", len(requests), len(items))
		}
	}
}

// take waits for n notifications.
func (r *receiver) take(n int) []item {
	r.t.Helper()
	_, items := r.await(func(_ []request, items []item) bool { return len(items) >= n })
	if len(items) != n {
		r.t.Fatalf("%d notifications have come, want %d", len(items), n)
	}
	return items
}

// follow subscribes r to a tenant's cloudPkiSubscriptions.
func (w *world) follow(t pki.TenantID, address string, change ...func(*pki.NotificationDraft)) pki.NotificationSubscription {
	w.t.Helper()
	d := pki.NotificationDraft{
		ChangeType: pki.Given("created,updated,deleted"), Resource: pki.Given("cloudPkiSubscriptions"), URL: pki.Given(address),
		Expires: pki.Given(odata.FromTime(time.Now().Add(100 * time.Hour))), ClientState: pki.Given(secret.NewString("state of " + string(t))),
	}
	for _, f := range change {
		f(&d)
	}
	n, err := w.notifications.Create(w.t.Context(), t, pki.Actor{Client: "app", Subject: "ada"}, d)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *world) create(t pki.TenantID, id pki.ID) {
	w.t.Helper()
	now := odata.FromTime(time.Now())
	var key int64
	for _, c := range []byte(id) {
		key = key*31 + int64(c)
	}
	s := pki.Subscription{
		Tenant: t, ID: id, Key: key, Provider: pki.ProviderUnknown, Created: now, LastModified: now,
		LastSync: odata.Never(), NextSync: odata.Never(), Version: 1, Revision: 1,
	}
	if err := w.store.CreateSubscription(w.t.Context(), s, pki.Effects{}, nil); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) change(t pki.TenantID, id pki.ID) pki.Subscription {
	w.t.Helper()
	s, err := w.store.UpdateSubscription(w.t.Context(), t, id, func(*pki.Subscription) (pki.Effects, error) { return pki.Effects{}, nil })
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) remove(t pki.TenantID, id pki.ID) {
	w.t.Helper()
	if err := w.store.DeleteSubscription(w.t.Context(), t, id, nil, pki.AuditEvent{ID: "gone-" + id}); err != nil {
		w.t.Fatal(err)
	}
}

// story writes notifications as text.
func story(items []item) string {
	var b strings.Builder
	for _, i := range items {
		fmt.Fprintf(&b, "%s%s %s;", i.ChangeType, i.LifecycleEvent, i.ResourceData["id"])
	}
	return b.String()
}
