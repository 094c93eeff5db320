package graph_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"cloudpki/internal/auth"
	"cloudpki/internal/graph"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
	"cloudpki/internal/store"
)

const (
	tenantA   = "aaaaaaaa-0000-4000-8000-000000000001"
	tenantB   = "bbbbbbbb-0000-4000-8000-000000000002"
	issuerURL = "https://login.example.com/tests"
	audience  = "https://graph.example.com"
)

// beginning is where the tests' clock starts.
var beginning = time.Date(2026, 11, 23, 12, 0, 0, 123456700, time.UTC)

// A clock stands still until it is told to move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// A world is the service behind real TLS and HTTP/2, with a real store, real
// tokens and a clock of its own.
type world struct {
	t       testing.TB
	origin  string
	clock   *clock
	store   *store.DB
	service *pki.Service

	notifications *pki.Notifications
	bundles       *pki.Bundles
	estEndpoints  *pki.ESTEndpoints
	consent       func(context.Context, pki.TenantID, string) error // of receivers; nil agrees

	server *graph.Server
	http   *http.Client
	key    *ecdsa.PrivateKey
	tokens sync.Map // by what is in them
	log    *syncBuffer
	seen   *observed
}

// A syncBuffer keeps the log.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

type observed struct {
	mu   sync.Mutex
	list []string
}

func newWorld(t testing.TB, change ...func(*graph.Options)) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{t: beginning}, log: &syncBuffer{}, seen: &observed{}}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.makeService(log)
	listening := httptest.NewUnstartedServer(nil)
	w.origin = "https://" + listening.Listener.Addr().String()
	o := graph.Options{
		Service: w.service, Notifications: w.notifications, Bundles: w.bundles, ESTEndpoints: w.estEndpoints, Verifier: w.verifier(log), Origin: w.origin, Authority: "https://login.example.com",
		TokenKey: bytes.Repeat([]byte{7}, 32), Log: log, Now: w.clock.Now,
		Observe: func(route, method string, status int, _ time.Duration, tenant pki.TenantID) {
			w.seen.mu.Lock()
			defer w.seen.mu.Unlock()
			w.seen.list = append(w.seen.list, strings.Join([]string{method, route, http.StatusText(status), string(tenant)}, " "))
		},
	}
	for _, f := range change {
		f(&o)
	}
	server, err := graph.New(o)
	if err != nil {
		t.Fatalf("graph.New: %v", err)
	}
	w.server = server
	listening.Config.Handler = server
	listening.EnableHTTP2 = true
	listening.Config.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelWarn)
	listening.StartTLS()
	t.Cleanup(listening.Close)
	w.http = listening.Client()
	w.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return w
}

func (w *world) makeService(log *slog.Logger) {
	w.t.Helper()
	root, err := secret.CreateRoot(filepath.Join(w.t.TempDir(), "root.key"))
	if err != nil {
		w.t.Fatalf("CreateRoot: %v", err)
	}
	w.store, err = store.Open(w.t.Context(), store.Options{URL: engines.URL(w.t), Log: log, Now: w.clock.Now})
	if err != nil {
		w.t.Fatalf("store.Open: %v", err)
	}
	w.t.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			w.t.Errorf("close store: %v", err)
		}
	})
	if w.bundles, err = pki.NewBundles(pki.BundleOptions{Store: w.store, Root: root, Now: w.clock.Now}); err != nil {
		w.t.Fatalf("NewBundles: %v", err)
	}
	w.estEndpoints = pki.NewESTEndpoints(pki.ESTOptions{Store: w.store, Service: w.service, Now: w.clock.Now})
	w.notifications = pki.NewNotifications(pki.NotificationOptions{
		Store: w.store, Keyring: secret.NewKeyring(root, w.store), Now: w.clock.Now, PerTenant: 20,
		Validate: func(ctx context.Context, t pki.TenantID, address string) error {
			if w.consent == nil {
				return nil
			}
			return w.consent(ctx, t, address)
		},
	})
	catalog, err := provider.NewCatalog(issuing(w.clock.Now))
	if err != nil {
		w.t.Fatalf("NewCatalog: %v", err)
	}
	w.service, err = pki.NewService(pki.Options{
		Store: w.store, Keyring: secret.NewKeyring(root, w.store), Root: root,
		Catalog: catalog, Transport: provider.NewTransport(provider.TransportOptions{}),
		Now: w.clock.Now, Log: log,
		Schedule:     pki.Schedule{Interval: time.Hour, MinimumInterval: 5 * time.Minute, RunTimeout: time.Hour, FullInterval: 7 * 24 * time.Hour, MaxMissingPercent: 50},
		KeepPrevious: 7 * 24 * time.Hour,
	})
	if err != nil {
		w.t.Fatalf("NewService: %v", err)
	}
}

// oneKey is the key set of the tests' issuer.
type oneKey struct{ key auth.Key }

func (k oneKey) Key(_ context.Context, id string) (auth.Key, error) {
	if id != k.key.ID {
		return auth.Key{}, auth.ErrUnknownKey
	}
	return k.key, nil
}
func (k oneKey) Version() uint64 { return 1 }

func (w *world) verifier(log *slog.Logger) *auth.Verifier {
	w.t.Helper()
	var err error
	if w.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		w.t.Fatal(err)
	}
	v, err := auth.NewVerifier(w.t.Context(), auth.Options{
		Issuers: []auth.Issuer{{
			Name: "tests", URL: issuerURL, Audiences: []string{audience},
			Keys: oneKey{auth.Key{ID: "k", Algorithm: "ES256", Public: w.key.Public()}},
		}},
		Now: w.clock.Now, Log: log,
	})
	if err != nil {
		w.t.Fatalf("NewVerifier: %v", err)
	}
	w.t.Cleanup(func() { _ = v.Close() })
	return v
}

// token returns an application's token for a tenant with the given roles: the
// same for as long as the clock stands, as a client would have it.
func (w *world) token(tenant, client string, roles ...string) string {
	w.t.Helper()
	now := w.clock.Now().Unix()
	known := fmt.Sprint(tenant, client, roles, now)
	if text, ok := w.tokens.Load(known); ok {
		return text.(string)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": issuerURL, "aud": audience, "iat": now, "nbf": now, "exp": now + 3600,
		"sub": client + "-subject", "tid": tenant, "azp": client, "roles": roles, "idtyp": "app",
	})
	token.Header["kid"] = "k"
	text, err := token.SignedString(w.key)
	if err != nil {
		w.t.Fatal(err)
	}
	w.tokens.Store(known, text)
	return text
}

func (w *world) admin() string { return w.token(tenantA, "client-a", auth.ScopeReadWrite) }

// An answer is a response with its body read.
type answer struct {
	*http.Response
	body string
}

// do sends a request. Header lines are "Name: value"; without an Authorization
// among them the admin of tenant A calls.
func (w *world) do(method, path, body string, header ...string) answer {
	w.t.Helper()
	url := strings.ReplaceAll(path, " ", "%20")
	if strings.HasPrefix(path, "/") {
		url = w.origin + url
	}
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(w.t.Context(), method, url, reader)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer "+w.admin())
	for _, line := range header {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if value == "" {
			r.Header.Del(name)
			continue
		}
		r.Header.Set(name, value)
	}
	return w.send(r)
}

func (w *world) send(r *http.Request) answer {
	w.t.Helper()
	resp, err := w.http.Do(r)
	if err != nil {
		w.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatalf("read %s %s: %v", r.Method, r.URL, err)
	}
	return answer{resp, string(got)}
}

// object returns the body as a JSON object.
func (a answer) object(t testing.TB) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(a.body), &o); err != nil {
		t.Fatalf("%s: body is no JSON object: %v\n%s", a.Status, err, a.body)
	}
	return o
}

// create makes a subscription and returns its id.
func (w *world) create(body string, header ...string) string {
	w.t.Helper()
	got := w.do("POST", "/beta/cloudPkiSubscriptions", body, header...)
	if got.StatusCode != http.StatusCreated {
		w.t.Fatalf("create: %s\n%s", got.Status, got.body)
	}
	return got.object(w.t)["id"].(string)
}
