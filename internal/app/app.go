// Package app builds the rooms of the service from its configuration, runs
// them, and stops them in reverse. The whole program can be started inside a
// test.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"cloudpki/internal/config"
)

// Options are what a program brings along besides its configuration.
type Options struct {
	Log     *slog.Logger
	Now     func() time.Time // nil is time.Now
	Started func(Running)    // called once the service answers; nil for nobody
	LinkFor string           // name of a user of the embedded issuer who is given a one-time link to the console; "" for nobody
}

// Running tells where a started service is reached.
type Running struct {
	Origin string // public origin: "https://127.0.0.1:8443"
	Addr   string // address of the listener
	CAFile string // certificate for clients to trust, PEM; "" where the operator brings one

	ESTAddr string // address of the listener for devices that show a certificate; "" for none

	ConsoleLink string // signs Options.LinkFor in to the console, once, within ten minutes; "" without
}

// farewell bounds how long requests under way may take once the service stops.
const farewell = 10 * time.Second

// Run serves until ctx is done, then stops in order: no new requests, those
// under way answered, running syncs given back to be resumed, the store closed.
// It returns nil after an orderly stop.
func Run(ctx context.Context, cfg config.Config, o Options) error {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(cfg.Data.Directory, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen.Address)
	if err != nil {
		return fmt.Errorf("listen.address: %w", err)
	}
	s, err := build(ctx, cfg, o, listener.Addr().String())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer s.close()
	link, err := s.consoleLink()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	return s.run(ctx, listener, link)
}

// run starts what has a life of its own and waits for its end. link is
// Running.ConsoleLink.
func (s *service) run(ctx context.Context, listener net.Listener, link string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.syncer.Run(ctx) })
	group.Go(func() error { return s.purge(ctx) })
	group.Go(func() error { return s.tend(ctx) })
	group.Go(func() error { return s.publish(ctx) })
	group.Go(func() error { return s.deliverer.Run(ctx) })
	group.Go(func() error { return s.watch(ctx) })
	group.Go(func() error { return s.alerter.Run(ctx) })
	group.Go(func() error { return s.serve(ctx, listener) })
	if s.issuerKeys != nil {
		group.Go(func() error { return s.issuerKeys.Run(ctx) })
	}
	if s.cfg.Metrics.Enabled && s.cfg.Metrics.Address != "" {
		group.Go(func() error { return s.serveMetrics(ctx) })
	}
	if s.estListener != nil {
		group.Go(func() error { return s.serveEST(ctx) })
	}
	s.options.Log.Info("service started", slog.String("origin", s.origin), slog.String("address", listener.Addr().String()), slog.String("est_address", s.estAddress()), slog.String("ca_file", CAFile(s.cfg)))
	if s.options.Started != nil {
		s.options.Started(Running{Origin: s.origin, Addr: listener.Addr().String(), CAFile: CAFile(s.cfg), ESTAddr: s.estAddress(), ConsoleLink: link})
	}
	err := group.Wait()
	s.options.Log.Info("service stopped")
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
