package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"

	"cloudpki/internal/estserver"
)

// buildEST makes what answers devices, and opens the listener for those that
// show a certificate.
func (s *service) buildEST(ctx context.Context) (err error) {
	s.est = estserver.New(estserver.Options{
		Endpoints: s.estEndpoints, Verifier: s.verifier, Log: s.options.Log, Now: s.options.Now, Observe: s.observe,
	})
	if s.cfg.EST.Address == "" {
		return nil
	}
	if s.estListener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", s.cfg.EST.Address); err != nil {
		return fmt.Errorf("est.address: %w", err)
	}
	s.closers = append(s.closers, func() error {
		if err := s.estListener.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return nil
}

// estAddress is where devices renew, "" for nowhere.
func (s *service) estAddress() string {
	if s.estListener == nil {
		return ""
	}
	return s.estListener.Addr().String()
}

// serveEST answers devices on a listener of their own, which asks for a client
// certificate: on the other, browsers would ask their user for one.
func (s *service) serveEST(ctx context.Context) error {
	config := s.tls.Clone()
	config.ClientAuth = tls.RequestClientCert // package pki checks it
	server := s.server(ctx, s.est, config)
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		stopped <- shutdown(ctx, server)
	}()
	if err := server.ServeTLS(s.estListener, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve EST: %w", err)
	}
	return <-stopped
}
