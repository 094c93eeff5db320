package globalsignatlas_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"cloudpki/internal/casim"
	casimatlas "cloudpki/internal/casim/globalsignatlas"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/globalsignatlas"
)

// A service is a simulated account that listens. Its clock stands still unless
// it is set.
type service struct {
	ca      *casim.CA
	serials []string
	config  provider.Config
	before  func(*http.Request) // sees each request
	answer  func(w http.ResponseWriter, r *http.Request, honest http.Handler)
	clock   atomic.Int64 // nanoseconds added to the time of the test
}

func stand(t *testing.T, o casim.Options, issued int) *service {
	t.Helper()
	s := &service{}
	begun := time.Now()
	now := func() time.Time { return begun.Add(time.Duration(s.clock.Load())) }
	o.Now = now
	s.ca, s.serials = newCA(t, o, issued)
	honest := casimatlas.Dialect().Handler(s.ca)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.before != nil {
			s.before(r)
		}
		if s.answer != nil {
			s.answer(w, r, honest)
			return
		}
		honest.ServeHTTP(w, r)
	}))
	srv.TLS = s.ca.TLSConfig()
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	s.config = provider.Config{
		ServiceURI: srv.URL + "/v2", ServerCAs: s.ca.ServerCAs(), Credentials: credentials(t, s.ca), Now: now,
		Transport: provider.NewTransport(provider.TransportOptions{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Now: now}),
	}
	return s
}

// A session is all that a session of the kind can do.
type session interface {
	provider.Session
	provider.RootSource
	provider.Inventory
}

func (s *service) open(t *testing.T) session {
	t.Helper()
	opened, err := globalsignatlas.Kind().Open(t.Context(), s.config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() }) // twice for some
	full, ok := opened.(session)
	if !ok {
		t.Fatalf("%T lacks a capability that its kind declares", opened)
	}
	return full
}
