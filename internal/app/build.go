package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/google/uuid"

	"cloudpki/internal/auth"
	"cloudpki/internal/auth/issuer"
	"cloudpki/internal/config"
	"cloudpki/internal/estserver"
	"cloudpki/internal/graph"
	"cloudpki/internal/notify"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/all"
	"cloudpki/internal/secret"
	"cloudpki/internal/store"
	"cloudpki/internal/syncer"
	"cloudpki/internal/trust"
	"cloudpki/internal/web"
)

// A service is the rooms, built and not yet running.
type service struct {
	cfg     config.Config
	options Options
	origin  string
	root    *secret.Root
	closers []func() error // in the order of building

	catalog    provider.Catalog
	store      *store.DB
	metrics    *metrics
	pki        *pki.Service
	issuer     *issuer.Issuer // nil where others hand out the tokens
	issuerKeys *issuer.KeySet // nil as issuer is
	est        *estserver.Server
	verifier   *auth.Verifier
	graph      *graph.Server
	console    *web.Server
	tls        *tls.Config
	owner      string // names this process among all that share the store

	notifications *pki.Notifications
	bundles       *pki.Bundles
	estEndpoints  *pki.ESTEndpoints
	signer        *notify.Signer
	bundleSigner  *trust.Signer // nil for none
	deliverer     *notify.Deliverer
	alerter       *notify.Alerter

	estListener net.Listener // of devices that show a certificate; nil for none

	syncer   *syncer.Syncer
	stopping chan struct{} // closed when requests are no longer welcome
}

// build makes the rooms, each from those before it. What it had built when one
// fails is closed.
func build(ctx context.Context, cfg config.Config, o Options, address string) (s *service, err error) {
	s = &service{cfg: cfg, options: o, origin: cfg.Listen.PublicOrigin, owner: newOwner(), stopping: make(chan struct{})}
	if s.origin == "" {
		s.origin = "https://" + address
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	for _, step := range []func(context.Context) error{
		s.buildStore, s.buildSigner, s.buildPKI, s.buildNotifications, s.buildAuth, s.buildGraph, s.buildConsole, s.buildSyncer, s.buildEST,
	} {
		if err := step(ctx); err != nil {
			return s, err // not nil: the deferred close needs it
		}
	}
	s.tls, err = serverTLS(cfg, s.origin, o)
	return s, err
}

// newOwner returns a name that no other process has.
func newOwner() string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return net.JoinHostPort(host, uuid.NewString())
}

// close ends what holds files or connections, the last built first.
func (s *service) close() {
	for _, c := range slices.Backward(s.closers) {
		if err := c(); err != nil {
			s.options.Log.Error("closing failed", slog.Any("error", err))
		}
	}
}

func (s *service) buildStore(ctx context.Context) (err error) {
	if s.catalog, err = provider.NewCatalog(all.Kinds()...); err != nil {
		return fmt.Errorf("list the providers: %w", err)
	}
	s.store, err = store.Open(ctx, store.Options{
		URL: string(s.cfg.Database.URL), Log: s.options.Log, Now: s.options.Now, ServiceURI: s.serviceURI,
	})
	var fault *pki.Error
	if errors.As(err, &fault) && fault.Err != nil {
		err = fmt.Errorf("%w (%w)", err, fault.Err) // the operator is told the cause
	}
	if err != nil {
		return fmt.Errorf("database.url: %w", err)
	}
	s.closers = append(s.closers, s.store.Close)
	s.metrics = newMetrics(newQueue(s.store.Backlog, s.options.Now), newOutbox(s.store.NotificationBacklog, s.options.Now))
	if s.root, err = s.rootKey(ctx); err != nil {
		return fmt.Errorf("keys.root_file: %w", err)
	}
	return nil
}

// serviceURI is the usual base address of a kind of CA.
func (s *service) serviceURI(name string) string {
	kind, _ := s.catalog.Kind(name)
	return kind.DefaultURI
}

// rootKey reads the root key, or makes it for a database that has nothing
// sealed yet. Another key than the one that the database was sealed under is
// refused: it would open nothing, and what it seals would be lost with it.
func (s *service) rootKey(ctx context.Context) (*secret.Root, error) {
	path := s.cfg.Keys.RootFile
	sealed, _, found, err := s.store.AnyKey(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for sealed keys: %w", err)
	}
	if !found {
		root, created, err := secret.LoadOrCreateRoot(path)
		if created {
			s.options.Log.Warn("made a new root key; back it up apart from the database, nothing opens without it", slog.String("file", path))
		}
		return root, err
	}
	root, err := secret.LoadRoot(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s does not exist, but the database holds secrets sealed under a root key: restore that file", path)
	}
	if err == nil && !root.Wrapped(sealed) {
		return nil, fmt.Errorf("%s is not the root key that the database was sealed under: restore the right file", path)
	}
	return root, err
}

func (s *service) buildPKI(context.Context) (err error) {
	transport := provider.NewTransport(provider.TransportOptions{
		Allow: s.cfg.Outbound.Allow, MaxBody: int64(s.cfg.Outbound.MaxResponseBytes), Logger: s.options.Log, Now: s.options.Now,
	})
	s.metrics.watchBreakers(transport.Breakers)
	s.pki, err = pki.NewService(pki.Options{
		Store:     s.store,
		Keyring:   secret.NewKeyring(s.root, s.store),
		Root:      s.root,
		Catalog:   s.catalog,
		Transport: transport,
		Now:       s.options.Now,
		Log:       s.options.Log,
		Schedule: pki.Schedule{
			Interval: s.cfg.Sync.Interval, MinimumInterval: s.cfg.Sync.MinimumInterval,
			FullInterval: s.cfg.Sync.FullInterval, RunTimeout: s.cfg.Sync.RunTimeout, MaxMissingPercent: s.cfg.Sync.MaxRemovalPercent,
		},
		Observe:      s.metrics.sync,
		KeepPrevious: s.cfg.Credentials.KeepPrevious,
		TrustOverlap: s.cfg.Trust.Overlap,
		Alerts:       alertPolicy(s.cfg.Alerts),
	})
	if err != nil {
		return err
	}
	s.bundles, err = pki.NewBundles(pki.BundleOptions{Store: s.store, Root: s.root, Now: s.options.Now})
	s.estEndpoints = pki.NewESTEndpoints(pki.ESTOptions{Store: s.store, Service: s.pki, Now: s.options.Now})
	return err
}

// unbounded is a budget that nobody spends.
const unbounded = math.MaxInt32

func (s *service) buildGraph(context.Context) error {
	tokenKey, err := s.root.Derive("skip tokens")
	if err != nil {
		return err
	}
	budgets := make(map[string]int)
	for _, c := range s.cfg.Issuer.Clients {
		budgets[c.ID] = c.RequestsPerMinute
	}
	authority, tokenURL := s.authority()
	s.graph, err = graph.New(graph.Options{
		Service: s.pki, Notifications: s.notifications, Bundles: s.bundles, Signer: s.bundleSigner, ESTEndpoints: s.estEndpoints, Verifier: s.verifier,
		Origin: s.origin, Authority: authority, TokenURL: tokenURL, TokenKey: tokenKey,
		Limits: graph.Limits{
			PerMinute:       cmp.Or(s.cfg.API.RequestsPerMinute, unbounded),
			TenantPerMinute: cmp.Or(s.cfg.API.TenantRequestsPerMinute, unbounded), FailuresPerMinute: s.cfg.API.FailedTokensPerMinute,
			FetchesPerMinute: cmp.Or(s.cfg.Trust.FetchesPerMinute, unbounded),
			Override:         func(client string) int { return budgets[client] },
			Concurrent:       s.cfg.API.MaxConcurrent, Body: int(s.cfg.API.MaxBodyBytes),
		},
		Browsers: s.cfg.API.AllowedOrigins, Log: s.options.Log, Now: s.options.Now,
		Observe: s.observe,
	})
	return err
}

func (s *service) buildSyncer(context.Context) error {
	s.syncer = syncer.New(syncer.Options{
		Leases: s.store, Sync: s.pki.Sync, Owner: s.owner,
		Workers: s.cfg.Sync.Workers, PerTenant: s.cfg.Sync.PerTenant, PerHost: s.cfg.Sync.PerHost,
		Waiting: s.cfg.Sync.Waiting, Lease: s.cfg.Sync.Lease, Stall: s.cfg.Sync.StallTimeout,
		Now: s.options.Now, Log: s.options.Log,
	})
	s.metrics.watchSyncer(s.syncer.Load)
	return nil
}

// handler sends each request to the room that answers it.
func (s *service) handler() http.Handler {
	readiness := ready(s.store.Ping, s.stopping)
	figures := s.metrics.handler()
	ownMetrics := s.cfg.Metrics.Enabled && s.cfg.Metrics.Address == ""
	lost, openAPI, azure := s.graph.NotFound(), s.graph.OpenAPI(), s.graph.ResourceManager()
	manual, trust := s.graph.Documentation(), s.graph.Trust()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		switch {
		case strings.EqualFold(first, "beta"):
			s.graph.ServeHTTP(w, r)
		case r.URL.Path == notify.KeysPath:
			s.signer.ServeHTTP(w, r)
		case r.URL.Path == "/openapi.json":
			openAPI.ServeHTTP(w, r)
		case r.URL.Path == "/subscriptions", r.URL.Path == "/tenants":
			azure.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, "/docs/"):
			manual.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, "/trust/"):
			trust.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, estserver.Path):
			s.est.ServeHTTP(w, r)
		case r.URL.Path == "/livez":
			live(w, r)
		case r.URL.Path == "/readyz":
			readiness(w, r)
		case r.URL.Path == "/metrics" && ownMetrics:
			figures.ServeHTTP(w, r)
		case s.console.Serves(r.URL):
			s.console.ServeHTTP(w, r)
		case s.issuer != nil && s.issuer.Serves(r):
			s.issuer.ServeHTTP(w, r)
		default:
			lost.ServeHTTP(w, r)
		}
	})
}
