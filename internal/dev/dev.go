// Package dev is a whole cloudpki in one process and one directory: its own TLS
// CA and keys, the API, the embedded token issuer and a simulated CA, set up
// and used through the public API as an engineer would.
package dev

import (
	"cmp"
	"context"
	_ "embed" // for the documented example
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"cloudpki/internal/app"
	"cloudpki/internal/config"
	"cloudpki/internal/secret"
)

// Options say where and what to run.
type Options struct {
	Data     string    // directory of everything; made where missing
	Listen   string    // address of the API; "" is 127.0.0.1:8443, or a free port where that is taken
	Database string    // postgres://...; "" is SQLite in Data
	Once     bool      // stop after the first sync
	With     []string  // further CAs: "step-ca"
	Program  string    // how this program is called, for the commands that are printed; "" is cloudpki
	Out      io.Writer // what an engineer wants to see
	Color    bool      // Out is a terminal that may be coloured
	Log      *slog.Logger
}

// ErrSyncFailed is returned with Once where a sync did not succeed.
var ErrSyncFailed = errors.New("the sync did not succeed")

// Run starts everything, performs the main job (create a subscription, wait
// for its first sync, report it) and serves until ctx is done, or with Once
// until the report. It returns nil after an orderly stop.
func Run(ctx context.Context, o Options) error {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	data, err := filepath.Abs(o.Data)
	if err != nil {
		return fmt.Errorf("find the data directory: %w", err)
	}
	o.Data, o.Program = data, cmp.Or(o.Program, "cloudpki")
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	s := &session{Options: o, out: printer{o.Out, o.Color}}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	if err := s.start(ctx, group); err != nil {
		stop()
		waited := group.Wait()
		if errors.Is(err, waited) {
			waited = nil // the service's own end is told once
		}
		return errors.Join(ignoreStop(err), ignoreStop(waited))
	}
	err = s.mainJob(ctx)
	if s.closeIdle != nil {
		s.closeIdle() // an idle connection would hold up the service's stop
	}
	if err != nil || o.Once {
		stop()
	} else {
		s.out.line("")
		s.out.line("Serving until Ctrl-C.")
	}
	stopped := ignoreStop(group.Wait())
	if !o.Once && err == nil {
		s.out.line("Stopped.")
	}
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, stopped)
}

func ignoreStop(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// A session is one run.
type session struct {
	Options

	out     printer
	state   *state
	sources []source // the CAs to subscribe to
	running app.Running

	connection connection
	closeIdle  func() // closes the connections of our own client; nil before there is one
}

// example is the request body of Microsoft's document, for the user to replay.
//
//go:embed example.json
var example []byte

// start brings up the CAs and the service and returns once it answers.
func (s *session) start(ctx context.Context, group *errgroup.Group) error {
	s.out.step("Preparing %s", s.Data)
	var err error
	if s.state, err = loadState(s.Data); err != nil {
		return err
	}
	if s.servesAlready(ctx) {
		return fmt.Errorf("cloudpki dev runs on %s already, at https://%s; stop it, or give another --data", s.Data, s.state.Listen)
	}
	if err := s.startSources(ctx, group); err != nil {
		return err
	}
	cfg, err := s.configure(ctx)
	if err != nil {
		return err
	}
	s.out.step("Starting the service")
	started := make(chan app.Running, 1)
	failed := make(chan error, 1)
	group.Go(func() error {
		err := app.Run(ctx, cfg, app.Options{Log: s.Log, LinkFor: userName, Started: func(r app.Running) { started <- r }})
		failed <- err
		return err
	})
	select {
	case s.running = <-started:
	case err := <-failed:
		if err == nil {
			err = ctx.Err() // told to stop before it had begun
		}
		return err
	}
	return s.writeConnection()
}

// configure writes the configuration file and loads it, so that
// `cloudpki serve` can run on the same directory.
func (s *session) configure(ctx context.Context) (config.Config, error) {
	listen, err := s.chooseListen(ctx)
	if err != nil {
		return config.Config{}, err
	}
	if err := s.state.writeClients(s.Data); err != nil {
		return config.Config{}, err
	}
	if s.state.fresh {
		// The service makes its root key itself, with a warning to back it up;
		// that is for production.
		if _, _, err := secret.LoadOrCreateRoot(filepath.Join(s.Data, rootKeyFile)); err != nil {
			return config.Config{}, err
		}
	}
	path := filepath.Join(s.Data, configFile)
	if err := os.WriteFile(path, s.configText(listen), 0o600); err != nil {
		return config.Config{}, fmt.Errorf("write the configuration: %w", err)
	}
	return config.Load(config.Sources{File: path})
}
