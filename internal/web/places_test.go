package web

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/pki"
)

// newBound returns a console that has nothing but its limits.
func newBound(t *testing.T, l Limits) *Server {
	t.Helper()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s, err := New(Options{
		Origin: "https://console.example", SealKey: make([]byte, 32), Limits: l, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// askAs asks a handler in a session of a person.
func (s *Server) askAs(t *testing.T, handler http.HandlerFunc, tenant pki.TenantID, name, method string, body io.Reader) *httptest.ResponseRecorder {
	t.Helper()
	signedIn := httptest.NewRecorder()
	if err := s.start(signedIn, auth.Principal{Tenant: tenant, Subject: name, Scopes: []string{auth.ScopeReadWrite}}, "", maxSession); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, "/", body)
	r.AddCookie(signedIn.Result().Cookies()[0])
	got := httptest.NewRecorder()
	handler(got, r)
	return got
}

// While a person has all the places that one may have, further requests of
// theirs are refused, others' are served; while all are taken, everybody's are.
// A request that has ended makes room.
func TestPlaces(t *testing.T) {
	s := newBound(t, Limits{Concurrent: 8, Long: 4})
	type who struct {
		tenant pki.TenantID
		name   string
	}
	statuses := make(map[string]int)
	var nest func(wrap func(func(*visit) error) http.HandlerFunc, people []who)
	nest = func(wrap func(func(*visit) error) http.HandlerFunc, people []who) {
		if len(people) == 0 {
			return
		}
		p := people[0]
		held := wrap(func(*visit) error { nest(wrap, people[1:]); return nil })
		got := s.askAs(t, held, p.tenant, p.name, http.MethodGet, nil)
		statuses[fmt.Sprint(len(people))] = got.Code
		if got.Code == http.StatusOK {
			return
		}
		if got.Header().Get("Retry-After") != "5" {
			t.Errorf("%v: refused without Retry-After: %v", p, got.Header())
		}
		nest(wrap, people[1:])
	}
	check := func(kind string, wrap func(func(*visit) error) http.HandlerFunc, people []who, want ...int) {
		t.Helper()
		for range 2 { // the places are given back
			nest(wrap, people)
			for i, status := range want {
				if got := statuses[fmt.Sprint(len(people)-i)]; got != status {
					t.Errorf("%s: %v as number %d is answered %d, want %d", kind, people[i], i+1, got, status)
				}
			}
		}
	}
	long := func(serve func(*visit) error) http.HandlerFunc { return s.takesLong(auth.Read, serve) }
	short := func(serve func(*visit) error) http.HandlerFunc { return s.signedIn(auth.Read, serve) }
	people := []who{{"a", "1"}, {"a", "1"}, {"a", "2"}, {"a", "3"}, {"b", "1"}, {"c", "1"}, {"d", "1"}}
	check("long", long, people, 200, 429, 200, 429, 200, 200, 503)
	people = []who{{"a", "1"}, {"a", "1"}, {"a", "1"}, {"b", "1"}}
	check("pages", short, people, 200, 200, 429, 200)
}

// An upload beyond the places is not read.
func TestPlacesOfUploads(t *testing.T) {
	s := newBound(t, Limits{Long: 1})
	unread := &countedReader{from: strings.NewReader(strings.Repeat("x", 1000))}
	inner := 0
	held := s.takesLong(auth.Read, func(*visit) error {
		upload := s.withFile(func(*visit) error { return errors.New("served") })
		inner = s.askAs(t, upload, "b", "1", http.MethodPost, unread).Code
		return nil
	})
	s.askAs(t, held, "a", "1", http.MethodGet, nil)
	if inner != http.StatusServiceUnavailable || unread.read != 0 {
		t.Errorf("answered %d, %d bytes read", inner, unread.read)
	}
}

type countedReader struct {
	from io.Reader
	read int
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.read += n
	return n, err
}

// As many networks are remembered as may be: whoever came first of many is
// forgotten, so that memory is not theirs to fill.
func TestNetworksAreBounded(t *testing.T) {
	s := newBound(t, Limits{SignInsPerMinute: 6, Count: 2})
	from := func(network int) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/console/signin", nil)
		r.RemoteAddr = fmt.Sprintf("[2001:db8:0:%x::1]:1", network)
		got := httptest.NewRecorder()
		s.ServeHTTP(got, r)
		return got.Code
	}
	if first, second := from(0), from(0); first != http.StatusOK || second != http.StatusTooManyRequests {
		t.Fatalf("answered %d, then %d", first, second)
	}
	for i := range 200 {
		from(i + 1)
	}
	if again := from(0); again != http.StatusOK {
		t.Errorf("remembered after 200 others: %d", again)
	}
}
