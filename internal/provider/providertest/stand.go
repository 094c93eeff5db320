package providertest

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
)

// maxBody is what the suite's transport takes of one answer.
const maxBody = 8 << 20

// A stand is a CA that listens, with the transport to reach it.
type stand struct {
	Fixture
	ca      CA
	server  *httptest.Server
	failure atomic.Pointer[failure]
	calls   atomic.Int64 // that the CA has got
	log     *lines

	revocable []byte   // DER of the first of Serials, for the ability to revoke; nil until it was asked for
	said      []string // texts of all errors seen
}

// A failure answers in the CA's place.
type failure = func(w http.ResponseWriter, r *http.Request, honest http.Handler)

// start makes a stand that ends with the test.
func start(t *testing.T, ca CA, w World) *stand {
	t.Helper()
	s := newStand(t, ca, w)
	t.Cleanup(func() { s.end(t) })
	return s
}

// newStand makes a stand; the caller ends it.
func newStand(t *testing.T, ca CA, w World) *stand {
	t.Helper()
	s := &stand{Fixture: ca.Serve(t, w), ca: ca, log: &lines{}}
	s.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.calls.Add(1)
		if f := s.failure.Load(); f != nil {
			(*f)(w, r, s.Handler)
			return
		}
		s.Handler.ServeHTTP(w, r)
	}))
	s.server.TLS = s.TLS
	s.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.server.StartTLS()
	s.Config.ServiceURI = s.server.URL + s.Path
	s.Config.Now = time.Now
	s.Config.Transport = provider.NewTransport(provider.TransportOptions{
		Allow:   []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Timeout: 20 * time.Second,
		MaxBody: maxBody,
		Logger:  slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	return s
}

// end closes the server and holds every error and every log line against the
// secrets.
func (s *stand) end(t *testing.T) {
	t.Helper()
	s.server.CloseClientConnections()
	s.server.Close()
	s.noSecret(t)
}

func (s *stand) fail(f failure) { s.failure.Store(&f) }
func (s *stand) mend()          { s.failure.Store(nil) }

// failAt lets f answer the n-th call from now on and all behind it.
func (s *stand) failAt(n int64, f failure) {
	before := s.calls.Load()
	s.fail(func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		if s.calls.Load() < before+n {
			honest.ServeHTTP(w, r)
			return
		}
		f(w, r, honest)
	})
}

// callsOf returns how many calls of the CA it takes.
func (s *stand) callsOf(it func()) int64 {
	before := s.calls.Load()
	it()
	return s.calls.Load() - before
}

// open opens a session that is closed with the test.
func (s *stand) open(t *testing.T) provider.Session {
	t.Helper()
	session, err := s.ca.Kind.Open(t.Context(), s.Config)
	if err != nil {
		t.Fatalf("Open: %v", s.hear(t, err))
	}
	t.Cleanup(func() {
		if err := session.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return session
}

// hear notes the error and returns it as what it must be.
func (s *stand) hear(t *testing.T, err error) *provider.Error {
	t.Helper()
	var e *provider.Error
	if !errors.As(err, &e) {
		t.Fatalf("not a *provider.Error: %v", err)
	}
	if e.Code == "" || e.Msg == "" {
		t.Errorf("an error without code or message: %#v", e)
	}
	if s := e.Error(); !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("an error that is unfit to show: %q", s)
	}
	for err := err; err != nil; err = errors.Unwrap(err) {
		s.said = append(s.said, err.Error())
	}
	return e
}

// noSecret looks for the credentials in what was said and logged.
func (s *stand) noSecret(t *testing.T) {
	t.Helper()
	c := s.Config.Credentials
	said := strings.Join(s.said, "\n") + s.log.String()
	for name, x := range map[string]secret.Text{"password": c.Password, "certificate": c.Certificate, "certificate password": c.CertificatePassword} {
		if x.IsEmpty() {
			continue
		}
		for _, form := range []string{string(x.Reveal()), base64.StdEncoding.EncodeToString(x.Reveal())} {
			if strings.Contains(said, form) {
				t.Errorf("the %s is in an error or in the log", name)
			}
		}
	}
}

// An ability is one call a session of the kind can make.
type ability struct {
	name string
	call func(ctx context.Context, s provider.Session) error
}

func (s *stand) abilities(t *testing.T) []ability {
	t.Helper()
	k := s.ca.Kind
	all := []ability{{"Probe", func(ctx context.Context, s provider.Session) error {
		_, err := s.Probe(ctx)
		return err
	}}}
	if k.Can.Authorities {
		all = append(all, ability{"Authorities", func(ctx context.Context, s provider.Session) error {
			_, err := s.(provider.RootSource).Authorities(ctx)
			return err
		}})
	}
	if k.Can.Inventory != provider.InventoryNone {
		all = append(all, ability{"List", func(ctx context.Context, s provider.Session) error {
			_, err := s.(provider.Inventory).List(ctx, provider.Scan{}, nil)
			return err
		}})
	}
	if k.Can.Revocations {
		all = append(all, ability{"CRLs", func(ctx context.Context, s provider.Session) error {
			_, err := s.(provider.RevocationSource).CRLs(ctx)
			return err
		}})
	}
	return append(all, s.enrolments(t)...)
}

// try opens a session, makes the call and closes. The error is that of the
// first step that fails.
func (s *stand) try(ctx context.Context, a ability) error {
	session, err := s.ca.Kind.Open(ctx, s.Config)
	if err != nil {
		return err
	}
	return errors.Join(a.call(ctx, session), session.Close())
}

// lines is a log in memory, safe for concurrent use.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
