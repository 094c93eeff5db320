package syncer_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/store"
	"cloudpki/internal/syncer"
)

// BenchmarkFairness syncs 200 subscriptions of one tenant, each at a TLS server
// of its own, for the first time: without and with every tenth server hanging.
// It reports how many times as long the healthy 180 take beside those.
func BenchmarkFairness(b *testing.B) {
	open := make(chan struct{})
	servers := make([]*httptest.Server, fleetSize)
	for i := range servers {
		servers[i] = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if i%hangs == 0 {
				select {
				case <-open:
				case <-r.Context().Done():
				}
				return
			}
			time.Sleep(20 * time.Millisecond) // the way to a CA
			_, _ = io.WriteString(w, "{}")
		}))
		servers[i].Config.ErrorLog = log.New(io.Discard, "", 0)
		servers[i].StartTLS()
		defer servers[i].Close()
	}
	defer close(open)
	var alone, beside time.Duration
	for b.Loop() {
		alone += syncFleet(b, servers, false)
		beside += syncFleet(b, servers, true)
	}
	b.ReportMetric(float64(beside)/float64(alone), "ratio")
	b.ReportMetric(alone.Seconds()/float64(b.N), "alone-s")
}

// syncFleet returns how long the healthy ones took.
func syncFleet(b *testing.B, servers []*httptest.Server, hanging bool) time.Duration {
	b.Helper()
	db, err := store.Open(b.Context(), store.Options{URL: "sqlite:" + filepath.Join(b.TempDir(), "cloudpki.db")})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	now := odata.FromTime(time.Now())
	var healthy sync.WaitGroup
	for i, s := range servers {
		if i%hangs == 0 && !hanging {
			continue
		}
		if i%hangs != 0 {
			healthy.Add(1)
		}
		if err := db.CreateSubscription(b.Context(), pki.Subscription{
			Tenant: "t", ID: pki.ID(fmt.Sprint("s", i)), Key: int64(i), Provider: "symantec", ServiceURI: &s.URL,
			Created: now, LastModified: now, LastSync: odata.Never(), NextSync: now, Version: 1, Revision: 1,
		}, pki.Effects{}, nil); err != nil {
			b.Fatal(err)
		}
	}
	transport := provider.NewTransport(provider.TransportOptions{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	ctx, stop := context.WithCancel(b.Context())
	s := syncer.New(syncer.Options{
		Leases: db, Owner: "a", Workers: 8, PerTenant: 4, PerHost: 2, Waiting: 256, Lease: 30 * time.Second, Stall: 2 * time.Minute, Now: time.Now,
		Sync: func(ctx context.Context, l pki.Lease) error {
			if err := callServer(ctx, transport.For(string(l.Tenant)), servers[l.Key]); err != nil {
				return ctx.Err()
			}
			defer healthy.Done()
			l.Run.Status, l.Run.Ended = pki.RunSucceeded, odata.FromTime(time.Now())
			return db.FinishRun(ctx, l, l.Run, func(s *pki.Subscription) pki.Effects {
				s.NextSync = odata.FromTime(time.Now().Add(time.Hour))
				return pki.Effects{}
			})
		},
	})
	var running sync.WaitGroup
	begun := time.Now()
	running.Go(func() { _ = s.Run(ctx) })
	healthy.Wait()
	took := time.Since(begun)
	stop()
	running.Wait()
	return took
}

// callServer makes the calls of one sync.
func callServer(ctx context.Context, t *provider.Transport, s *httptest.Server) error {
	c, err := t.Client(provider.ClientOptions{ServerCAs: s.Certificate().Raw})
	if err != nil {
		return err
	}
	defer c.Close()
	for range 4 {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
		if err != nil {
			return err
		}
		resp, err := c.Do(req)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		if err := resp.Body.Close(); err != nil {
			return err
		}
		if err != nil {
			return err
		}
	}
	return nil
}
