package providertest

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloudpki/internal/provider"
)

// status answers with a status and a body that repeats what the client sent, as
// careless servers do.
func status(code int, header ...string) failure {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(code)
		_ = r.Header.Write(w)
		_, _ = w.Write([]byte("<html><body>" + r.URL.String() + "</body></html>"))
	}
}

// cut ends the connection in the middle of the honest answer.
func cut(w http.ResponseWriter, r *http.Request, honest http.Handler) {
	rec := httptest.NewRecorder()
	honest.ServeHTTP(rec, r)
	if rec.Body.Len() > 0 { // else the connection ends before the answer
		w.Header().Set("Content-Length", strconv.Itoa(rec.Body.Len()+1))
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes()[:rec.Body.Len()/2])
		_ = http.NewResponseController(w).Flush()
	}
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = conn.Close()
	}
}

// huge sends 1 GB, or as much as the client takes.
func huge(sent *atomic.Int64) failure {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		block := []byte(strings.Repeat(" ", 64<<10))
		for sent.Load() < 1<<30 {
			n, err := w.Write(block)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}
}

func testFailures(t *testing.T, s *stand) {
	var sent atomic.Int64
	for _, f := range []struct {
		name  string
		fail  failure
		code  provider.Code // "" is not asked
		retry provider.RetryClass
		after time.Duration
	}{
		{"429", status(429, "Retry-After", "7"), provider.CodeRateLimited, provider.RetryBackOff, 7 * time.Second},
		{"500", status(500), provider.CodeUpstream5xx, provider.RetryBackOff, 0},
		{"503 with a wish", status(503, "Retry-After", "86400"), provider.CodeUpstream5xx, provider.RetryBackOff, provider.MaxRetryAfter},
		{"401 of a proxy", status(401), provider.CodeCredentialInvalid, provider.RetryNever, 0},
		{"401 with a challenge", status(401, "WWW-Authenticate", "Basic"), provider.CodeCredentialInvalid, provider.RetryCredentials, 0},
		{"403 of a proxy", status(403), provider.CodePermission, provider.RetryNever, 0},
		{"410", status(410), provider.CodeRetired, provider.RetryNever, 0},
		{"login page", status(200), "", provider.RetryBackOff, 0},
		{"cut connection", cut, provider.CodeConnect, provider.RetryBackOff, 0},
		{"answer of 1 GB", huge(&sent), "", provider.RetryBackOff, 0},
	} {
		for _, a := range s.abilities(t) {
			t.Run(f.name+"/"+a.name, func(t *testing.T) {
				s.fail(f.fail)
				err := s.try(t.Context(), a)
				if err == nil {
					t.Fatal("a success")
				}
				e := s.hear(t, err)
				if (f.code != "" && e.Code != f.code) || e.RetryClass() != f.retry || e.RetryAfter != f.after {
					t.Errorf("got %v (retry %s, after %v), want %s, %s, %v", e, e.RetryClass(), e.RetryAfter, f.code, f.retry, f.after)
				}
				if n := sent.Swap(0); n > 8*maxBody {
					t.Errorf("%d bytes of the answer were taken", n)
				}
			})
		}
	}
}

// testRedirect sees that no other host is called, whatever the kind of redirect.
func testRedirect(t *testing.T, s *stand) {
	var strangers atomic.Int64
	stranger := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strangers.Add(1) }))
	defer stranger.Close()
	for _, code := range []int{301, 302, 303, 307, 308} {
		for _, a := range s.abilities(t) {
			s.fail(status(code, "Location", stranger.URL))
			err := s.try(t.Context(), a)
			if err == nil {
				t.Errorf("%s after HTTP %d: a success", a.name, code)
			} else if e := s.hear(t, err); e.Code != provider.CodeProtocol {
				t.Errorf("%s after HTTP %d: %v, want %s", a.name, code, e, provider.CodeProtocol)
			}
		}
	}
	if n := strangers.Load(); n != 0 {
		t.Errorf("another host was called %d times", n)
	}
}

// testCancel cancels while the CA is silent: at the first call, in the middle, and
// at the last, where several may be under way.
func testCancel(t *testing.T, s *stand) {
	for _, a := range s.abilities(t) {
		calls := s.callsOf(func() {
			if err := s.try(t.Context(), a); err != nil {
				t.Fatalf("%s: %v", a.name, s.hear(t, err))
			}
		})
		for _, at := range slices.Compact([]int64{1, max(1, calls/2), max(1, calls-1)}) {
			s.cancelAt(t, a, at)
		}
	}
}

func (s *stand) cancelAt(t *testing.T, a ability, at int64) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var cancelled atomic.Int64 // Unix time in nanoseconds
	s.failAt(at, func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		if ctx.Err() != nil { // the end of a login
			honest.ServeHTTP(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // else net/http does not notice that the client left
		cancelled.Store(time.Now().UnixNano())
		cancel()
		<-r.Context().Done()
	})
	defer s.mend()
	err := s.try(ctx, a)
	took := time.Since(time.Unix(0, cancelled.Load()))
	if err == nil {
		if ctx.Err() != nil && at == 1 {
			t.Errorf("%s: a success", a.name)
		}
		return // the call at which it was to end was the one that ends the login
	}
	if e := s.hear(t, err); e.Code != provider.CodeCancelled {
		t.Errorf("%s, call %d: %v, want %s", a.name, at, e, provider.CodeCancelled)
	}
	if took > time.Second {
		t.Errorf("%s, call %d: came back %v after it was cancelled", a.name, at, took)
	}
}

// testBrokenPage breaks each page but the first in turn: the listing must fail
// there and go on from the same cursor when the CA has recovered.
func testBrokenPage(t *testing.T, s *stand) {
	session := s.open(t)
	inv := session.(provider.Inventory)
	var after provider.Cursor
	var pages []provider.Page
	for {
		s.fail(cut)
		if p, err := inv.List(t.Context(), provider.Scan{}, after); err == nil {
			t.Fatalf("page %d broke off, and List tells of %d records and no error", len(pages)+1, len(p.Records))
		} else {
			s.hear(t, err)
		}
		s.mend()
		p, err := inv.List(t.Context(), provider.Scan{}, after)
		if err != nil {
			t.Fatalf("page %d after the CA recovered: %v", len(pages)+1, s.hear(t, err))
		}
		pages = append(pages, p)
		if !p.More {
			break
		}
		after = p.Next
	}
	if got := len(serials(pages)); got != 123 {
		t.Errorf("%d records, want 123", got)
	}
}

// testFailingCall lets single calls of a page fail, also those of which a
// provider makes many: that is an error, never a page that tells of less.
func testFailingCall(t *testing.T, s *stand) {
	list := func() (provider.Page, error) {
		return s.open(t).(provider.Inventory).List(t.Context(), provider.Scan{}, nil)
	}
	var whole provider.Page
	calls := s.callsOf(func() {
		var err error
		if whole, err = list(); err != nil {
			t.Fatalf("List: %v", s.hear(t, err))
		}
	})
	logins := s.callsOf(func() { s.open(t) })
	for code, n := range map[int]int64{500: calls / 2, 429: calls - 1, 403: calls} {
		if n <= logins {
			continue
		}
		at := s.calls.Load() + n
		s.fail(func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
			if s.calls.Load() == at {
				honest = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { status(code)(w, r, nil) })
			}
			honest.ServeHTTP(w, r)
		})
		p, err := list()
		s.mend()
		if err != nil {
			s.hear(t, err)
		} else if len(p.Records) != len(whole.Records) || len(p.Skipped) != len(whole.Skipped) {
			t.Errorf("call %d of %d answers HTTP %d, and List tells of %d records and %d skipped, were %d and %d",
				n, calls, code, len(p.Records), len(p.Skipped), len(whole.Records), len(whole.Skipped))
		}
	}
}
