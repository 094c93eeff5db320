package casim

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// A Server is a CA that listens.
type Server struct {
	URL  string // base address, as serviceUri wants it: "https://127.0.0.1:8443/pki-ws/"
	http *http.Server
	done chan error
}

// Start serves the CA as MPKI 8 on addr ("127.0.0.1:0" takes a free port) until
// Close or the end of ctx, at which open connections are cut.
func (c *CA) Start(ctx context.Context, addr string) (*Server, error) {
	return c.start(ctx, addr, c.Handler(), "/pki-ws/", c.TLSConfig())
}

// A Dialect is the API of another kind of CA, which tells of the same world.
type Dialect struct {
	Name     string // the member of cloudPkiProvider: "ejbca"
	Doc      string // what it is, for a person
	Path     string // of the base address, ends in a slash: "/ejbca/ejbca-rest-api/"
	MayLogIn bool   // a client certificate is asked for, but another login does as well
	Open     bool   // no client certificate is asked for
	Handler  func(c *CA) http.Handler
}

// StartAs is Start with the API of a dialect.
func (c *CA) StartAs(ctx context.Context, addr string, d Dialect) (*Server, error) {
	conf := c.TLSConfig()
	switch {
	case d.Open:
		conf.ClientAuth = tls.NoClientCert
	case d.MayLogIn:
		conf.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return c.start(ctx, addr, c.Front(d.Handler(c)), d.Path, conf)
}

func (c *CA) start(ctx context.Context, addr string, handler http.Handler, path string, conf *tls.Config) (*Server, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	honest := conf.Clone()
	conf.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		fault := c.meet(func(f Fault) bool { return f.Handshake != nil }).Handshake
		if fault == nil {
			return nil, nil //nolint:nilnil // crypto/tls: nil keeps the configuration
		}
		return fault(c, honest.Clone())
	}
	s := &Server{
		URL:  "https://" + l.Addr().String() + path,
		done: make(chan error, 1),
		http: &http.Server{
			Handler:           handler,
			TLSConfig:         conf,
			ReadHeaderTimeout: 10 * time.Second,
			ErrorLog:          log.New(slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug).Writer(), "", 0),
			BaseContext:       func(net.Listener) context.Context { return ctx },
		},
	}
	stop := context.AfterFunc(ctx, func() { _ = s.http.Close() }) // nobody is left to tell
	go func() {
		err := s.http.ServeTLS(faultyListener{l, c}, "", "")
		stop()
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
		s.done <- err
		close(s.done)
	}()
	return s, nil
}

// Close cuts all connections and waits until the server has ended. It may be
// called twice.
func (s *Server) Close() error {
	return errors.Join(s.http.Close(), <-s.done)
}
