package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// Bounds of the HTTP server.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 60 * time.Second
	writeTimeout  = 120 * time.Second
	idleTimeout   = 120 * time.Second
	maxHeader     = 128 << 10 // package graph refuses above 16 KiB, with an answer that says so

	// Rows that deleted subscriptions left behind go in batches, so that no
	// write waits long behind them.
	purgeBatch  = 1000
	purgePeriod = time.Minute

	// Credentials that come nearer to their end are told in batches, too.
	tendBatch = 100

	publishPeriod = 10 * time.Second
)

// serve answers requests until ctx is done, then lets those under way finish.
func (s *service) serve(ctx context.Context, listener net.Listener) error {
	server := s.server(ctx, s.handler(), s.tls)
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		close(s.stopping)
		stopped <- shutdown(ctx, server)
	}()
	if err := server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return <-stopped
}

// server returns an HTTPS server within our bounds. It has a copy of config:
// http.Server writes into its own.
func (s *service) server(ctx context.Context, handler http.Handler, config *tls.Config) *http.Server {
	return &http.Server{
		Handler: handler, TLSConfig: config.Clone(),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       slog.NewLogLogger(s.options.Log.Handler(), slog.LevelDebug),
		// Requests outlive ctx by their farewell, but no longer.
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
}

// serveMetrics answers scrapes on a plain listener of its own.
func (s *service) serveMetrics(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.cfg.Metrics.Address)
	if err != nil {
		return fmt.Errorf("metrics.address: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.metrics.handler())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: headerTimeout, MaxHeaderBytes: maxHeader}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		stopped <- shutdown(ctx, server)
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics: %w", err)
	}
	return <-stopped
}

// shutdown waits for the requests under way, then cuts what is left.
func shutdown(ctx context.Context, server *http.Server) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer stop()
	if err := server.Shutdown(ctx); err != nil {
		return server.Close()
	}
	return nil
}

// purge removes what deleted subscriptions left behind, in small batches.
func (s *service) purge(ctx context.Context) error {
	return s.periodically(ctx, "purge failed", func() (bool, error) {
		return s.store.Purge(ctx, odata.FromTime(s.options.Now().Add(-pki.ReplayWindow)), purgeBatch)
	})
}

// tend looks after credentials whose end is nearer than was told, and removes
// those that are kept no longer.
func (s *service) tend(ctx context.Context) error {
	return s.periodically(ctx, "credentials could not be looked after", func() (bool, error) { return s.pki.Tend(ctx, tendBatch) })
}

// periodically does a step every purgePeriod until ctx is done, and again at
// once while it says that there is more.
func (s *service) periodically(ctx context.Context, complaint string, step func() (more bool, err error)) error {
	tick := time.NewTicker(purgePeriod)
	defer tick.Stop()
	for {
		more, err := step()
		if err != nil && ctx.Err() == nil {
			s.options.Log.Warn(complaint, slog.Any("error", err))
		}
		if more && err == nil && ctx.Err() == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// publish brings trust bundles up to what the subscriptions trust, and notes who
// fetched them. Who fetches one need not wait for it: that publishes, too.
func (s *service) publish(ctx context.Context) error {
	tick := time.NewTicker(publishPeriod)
	defer tick.Stop()
	for {
		more, err := s.bundles.Tend(ctx, tendBatch)
		if err != nil && ctx.Err() == nil {
			s.options.Log.Warn("trust bundles could not be published", slog.Any("error", err))
		}
		if more && err == nil && ctx.Err() == nil {
			continue
		}
		s.noteFetches(context.WithoutCancel(ctx))
		select {
		case <-ctx.Done():
			s.noteFetches(context.WithoutCancel(ctx))
			return nil
		case <-tick.C:
		}
	}
}

// noteFetches stores who fetched which version of a bundle.
func (s *service) noteFetches(ctx context.Context) {
	ctx, stop := context.WithTimeout(ctx, farewell)
	defer stop()
	if err := s.bundles.Fetched(ctx, s.graph.Fetches()); err != nil {
		s.options.Log.Warn("fetches of trust bundles could not be noted", slog.Any("error", err))
	}
}

// observe counts and logs one answered request.
func (s *service) observe(route, method string, status int, took time.Duration, _ pki.TenantID) {
	s.metrics.request(route, method, status, took)
}
