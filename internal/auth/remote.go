package auth

import (
	"cmp"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

const (
	fetchTimeout = 5 * time.Second
	maxFetch     = 512 << 10 // bytes of a discovery document or key set
)

// remoteKeys are the keys that an issuer publishes over HTTPS. They are
// fetched when first needed, when they have grown old, and when a token names
// a key that is not among them, but never more often than once in an interval:
// a flood of made-up key ids costs the issuer nothing. When the issuer cannot
// be reached its last keys serve on until they are too old to trust.
//
// This is not keyfunc because that keeps old keys for ever, makes a request
// with an unknown key id wait for the limiter, and does not let its owner wait
// for its goroutines.
type remoteKeys struct {
	Fetch
	name      string // the issuer's, for the log
	issuer    string // what the discovery document must say
	discovery string // asked for the key set's address where keysURL is ""
	keysURL   string

	life context.Context // ends with the Verifier
	done *sync.WaitGroup // counts running fetches

	mu        sync.Mutex
	keys      map[string]Key
	version   uint64
	fetched   time.Time     // when keys were last confirmed
	attempted time.Time     // when a fetch last began
	running   chan struct{} // closed when the running fetch ends; nil if none
}

// Fetch says how remote keys are had. The zero value of a duration means its default.
type Fetch struct {
	Client     *http.Client  // its transport is used, its redirects are not; nil for the default
	Interval   time.Duration // least time between two fetches; 30 s
	Refresh    time.Duration // age at which keys are fetched again; 1 h
	StaleAfter time.Duration // age at which keys are trusted no longer; 24 h
	Now        func() time.Time
	Log        *slog.Logger
}

// Key implements Keys. A caller whose key is there never waits for the network.
func (r *remoteKeys) Key(ctx context.Context, id string) (Key, error) {
	r.mu.Lock()
	r.age()
	key, ok := r.keys[id]
	wait := r.running
	if !ok && wait == nil {
		wait = r.startFetch()
	}
	r.mu.Unlock()
	if ok {
		return key, nil
	}
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return Key{}, fmt.Errorf("wait for the issuer's keys: %w", ctx.Err())
		}
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.keys) == 0 {
		return Key{}, ErrNoKeys
	}
	if key, ok := r.keys[id]; ok {
		return key, nil
	}
	return Key{}, ErrUnknownKey
}

// Version implements Keys.
func (r *remoteKeys) Version() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.age()
	return r.version
}

// age drops keys that are too old and begins to fetch those that grow old.
func (r *remoteKeys) age() {
	if r.keys == nil {
		return
	}
	age := r.Now().Sub(r.fetched)
	if age >= r.StaleAfter {
		r.keys = nil
		r.version++
		return
	}
	if age >= r.Refresh {
		r.startFetch()
	}
}

// startFetch begins a fetch, unless one is running or the last began too short
// a time ago, and returns what to wait for, or nil. It needs r.mu.
func (r *remoteKeys) startFetch() chan struct{} {
	now := r.Now()
	if r.running != nil || r.life.Err() != nil {
		return r.running
	}
	if !r.attempted.IsZero() && now.Sub(r.attempted) < r.Interval {
		return nil
	}
	r.attempted = now
	running := make(chan struct{})
	r.running = running
	r.done.Go(func() {
		defer close(running)
		r.fetch()
	})
	return running
}

// fetch gets the key set and puts it in place.
func (r *remoteKeys) fetch() {
	ctx, cancel := context.WithTimeout(r.life, fetchTimeout)
	defer cancel()
	keys, err := r.get(ctx)

	r.mu.Lock()
	defer r.mu.Unlock()
	r.running = nil
	if err != nil {
		if r.life.Err() == nil {
			r.Log.LogAttrs(ctx, slog.LevelWarn, "cannot fetch the keys of a token issuer",
				slog.String("issuer", r.name), slog.Any("error", err), slog.Time("keys_from", r.fetched))
		}
		return
	}
	r.fetched = r.Now()
	if !maps.EqualFunc(r.keys, keys, sameKey) {
		r.keys = keys
		r.version++
		r.Log.LogAttrs(ctx, slog.LevelInfo, "keys of a token issuer have changed",
			slog.String("issuer", r.name), slog.Int("keys", len(keys)))
	}
}

func (r *remoteKeys) get(ctx context.Context) (map[string]Key, error) {
	at := r.keysURL
	if at == "" {
		var err error
		if at, err = r.discover(ctx); err != nil {
			return nil, fmt.Errorf("discover: %w", err)
		}
	}
	raw, err := getBounded(ctx, r.Client, at)
	if err != nil {
		return nil, fmt.Errorf("fetch key set: %w", err)
	}
	return parseKeySet(raw)
}

// discover reads jwks_uri out of the issuer's metadata.
func (r *remoteKeys) discover(ctx context.Context) (string, error) {
	m, err := Discover(ctx, r.Client, r.issuer, r.discovery)
	if err != nil {
		return "", err
	}
	if err := CheckEndpoint(r.discovery, m.KeysURL); err != nil {
		return "", fmt.Errorf("jwks_uri: %w", err)
	}
	return m.KeysURL, nil
}

// getBounded reads what is at an address, at most maxFetch bytes.
func getBounded(ctx context.Context, client *http.Client, at string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", at, resp.Status)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxFetch+1))
	if err != nil {
		return nil, fmt.Errorf("read answer of %s: %w", at, err)
	}
	if len(raw) > maxFetch {
		return nil, fmt.Errorf("%s answers with more than %d bytes", at, maxFetch)
	}
	return raw, nil
}

// withDefaults fills in what is not set.
func (f Fetch) withDefaults(now func() time.Time, log *slog.Logger) Fetch {
	f.Client = WithoutRedirects(f.Client)
	f.Interval = cmp.Or(f.Interval, 30*time.Second)
	f.Refresh = cmp.Or(f.Refresh, time.Hour)
	f.StaleAfter = cmp.Or(f.StaleAfter, 24*time.Hour)
	f.Now, f.Log = now, log
	return f
}

func checkHTTPS(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return errors.New("is no URL")
	}
	if u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("%q is no https URL of a host", u.Redacted())
	}
	return nil
}

// checkAddress wants https, or http to this machine, where nobody listens in:
// a provider under trial.
func checkAddress(address string) error {
	u, err := url.Parse(address)
	if err == nil && u.Scheme == "http" && u.User == nil && u.Fragment == "" {
		if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
			return nil
		}
	}
	return checkHTTPS(address)
}

func sameKey(a, b Key) bool {
	public, ok := a.Public.(interface{ Equal(crypto.PublicKey) bool })
	return ok && a.ID == b.ID && a.Algorithm == b.Algorithm && public.Equal(b.Public)
}
