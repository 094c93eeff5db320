package provider

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A desk asks breakers on a clock of its own.
type desk struct {
	t   *testing.T
	now time.Time
	b   *breakers
}

func newDesk(t *testing.T) *desk {
	d := &desk{t: t, now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
	d.b = newBreakers(func() time.Time { return d.now }, slog.New(slog.DiscardHandler))
	return d
}

// call asks for a call and, where it is admitted, ends it by end.
func (d *desk) call(host, party string, end func(*guardedCall)) *Error {
	c, refused := d.b.begin(host, party, true)
	if refused == nil {
		end(c)
	}
	return refused
}

func down(c *guardedCall) {
	c.failed(false, &Error{Code: CodeConnect, Msg: "refuses the connection"})
}

func sick(c *guardedCall) {
	c.failed(true, &Error{Code: CodeUpstream5xx, Msg: "answers HTTP 502"})
}

func well(c *guardedCall) { c.answered() }

// times makes n calls, all of which must be admitted.
func (d *desk) times(n int, host, party string, end func(*guardedCall)) {
	d.t.Helper()
	for i := range n {
		if refused := d.call(host, party, end); refused != nil {
			d.t.Fatalf("call %d of %s was refused: %v", i+1, party, refused)
		}
	}
}

func (d *desk) refused(host, party string, code Code, wait time.Duration) {
	d.t.Helper()
	e := d.call(host, party, well)
	if e == nil {
		d.t.Fatalf("a call of %s was admitted", party)
	}
	if e.Code != code || e.RetryAfter != wait || !strings.Contains(e.Msg, host+" is not called until "+d.now.Add(wait).Format(time.RFC3339)) {
		d.t.Errorf("refused by %v after %v, want %s and %v", e, e.RetryAfter, code, wait)
	}
}

// A host that cannot be reached is closed to all; what one party's requests
// fail with closes it to that party.
func TestBreakerIsOfHostOrParty(t *testing.T) {
	d := newDesk(t)
	d.times(3, "a:443", "one", down)
	d.times(2, "a:443", "two", down)
	for _, party := range []string{"one", "two", "three"} {
		d.refused("a:443", party, CodeConnect, 30*time.Second)
	}
	d.times(1, "b:443", "one", well)

	d.times(5, "b:443", "one", sick)
	d.refused("b:443", "one", CodeUpstream5xx, 30*time.Second)
	d.times(9, "b:443", "two", well)
	d.refused("b:443", "one", CodeUpstream5xx, 30*time.Second)
}

// Failures count in a row.
func TestBreakerForgets(t *testing.T) {
	d := newDesk(t)
	for range 5 {
		d.times(4, "a:443", "one", down)
		d.times(1, "a:443", "one", well)
		d.times(4, "a:443", "one", sick)
		d.times(1, "a:443", "one", well)
	}
	if len(d.b.list) != 0 {
		t.Errorf("%d breakers remember a host that is well", len(d.b.list))
	}
}

// After its time one call decides; the opening doubles up to its bound.
func TestBreakerLetsOneCallDecide(t *testing.T) {
	d := newDesk(t)
	d.times(5, "a:443", "one", down)
	span := 30 * time.Second
	for range 8 {
		d.now = d.now.Add(span)
		try, refused := d.b.begin("a:443", "one", true)
		if refused != nil {
			t.Fatal(refused)
		}
		d.refused("a:443", "two", CodeConnect, firstOpening) // while it is under way
		down(try)
		span = min(2*span, 15*time.Minute)
		d.refused("a:443", "two", CodeConnect, span)
	}
	// A try that its caller gives up decides nothing; the next may.
	d.now = d.now.Add(span)
	d.times(1, "a:443", "one", (*guardedCall).abandoned)
	d.times(1, "a:443", "two", well)
	d.times(4, "a:443", "one", down) // as at first
	d.times(1, "a:443", "one", well)
}

// Calls that began before the opening neither lengthen it nor count.
func TestBreakerAndLateFailures(t *testing.T) {
	d := newDesk(t)
	var late []*guardedCall
	for range 20 {
		c, _ := d.b.begin("a:443", "one", true)
		late = append(late, c)
	}
	for _, c := range late {
		down(c)
	}
	d.refused("a:443", "one", CodeConnect, 30*time.Second)
	if d.b.opened != 1 {
		t.Errorf("opened %d times", d.b.opened)
	}
}

// What a host asks for is kept by the party that it asked, whatever happens
// meanwhile, and is no failure.
func TestBreakerRests(t *testing.T) {
	d := newDesk(t)
	c, _ := d.b.begin("a:443", "one", true)
	d.times(1, "a:443", "one", func(c *guardedCall) {
		c.rested(&Error{Code: CodeRateLimited, Msg: "too many calls", RetryAfter: 7 * time.Minute})
	})
	well(c) // a call that was under way
	d.refused("a:443", "one", CodeRateLimited, 7*time.Minute)
	d.times(1, "a:443", "two", well)
	d.now = d.now.Add(7 * time.Minute)
	d.times(1, "a:443", "one", well)
	d.times(1, "a:443", "one", func(c *guardedCall) {
		c.rested(&Error{Code: CodeUpstream5xx, Msg: "absurd", RetryAfter: 1e6 * time.Hour})
	})
	d.refused("a:443", "one", CodeUpstream5xx, MaxRetryAfter)
}

// A clock that is set back does not keep a host closed.
func TestBreakerAndClock(t *testing.T) {
	d := newDesk(t)
	d.times(5, "a:443", "one", down)
	d.now = d.now.Add(-10 * 365 * 24 * time.Hour)
	d.refused("a:443", "one", CodeConnect, longestOpening)
}

// However many hosts fail, little is remembered.
func TestBreakersAreBounded(t *testing.T) {
	d := newDesk(t)
	for i := range 2 * maxBreakers {
		d.now = d.now.Add(time.Millisecond)
		d.times(1, fmt.Sprintf("h%d:443", i), "one", down)
	}
	if len(d.b.list) != maxBreakers {
		t.Errorf("%d are remembered, want %d", len(d.b.list), maxBreakers)
	}
	if d.b.list[breakerKey{host: fmt.Sprintf("h%d:443", 2*maxBreakers-1)}] == nil {
		t.Error("the last one was forgotten")
	}
}

// TestBreakersModel has parties call hosts that break and mend at random. The
// well party of a host that is up is never refused for long, a host that is
// down is called seldom, and one that has mended is called again.
func TestBreakersModel(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		d := newDesk(t)
		isDown, mended, reached := false, d.now, 0
		for step := range 5000 {
			d.now = d.now.Add(time.Duration(r.IntN(10)) * time.Second)
			if r.IntN(400) == 0 {
				if isDown = !isDown; isDown {
					reached = 0
				} else {
					mended = d.now
				}
			}
			party, end := "well", well
			if r.IntN(2) == 0 {
				party, end = "sick", sick
			}
			if isDown {
				end = func(c *guardedCall) { reached++; down(c) }
			}
			refused := d.call("a:443", party, end)
			if refused != nil && (refused.RetryAfter <= 0 || refused.RetryAfter > longestOpening) {
				t.Fatalf("seed %d, step %d: refused for %v", seed, step, refused.RetryAfter)
			}
			if refused != nil && party == "well" && !isDown && d.now.Sub(mended) > longestOpening {
				t.Fatalf("seed %d, step %d: the well party was refused %v after the host had mended: %v", seed, step, d.now.Sub(mended), refused)
			}
			if reached > breakerFailures+40 {
				t.Fatalf("seed %d, step %d: a host that is down was called %d times", seed, step, reached)
			}
		}
	}
}

// caller makes calls of a party on a Transport, and returns how each ends.
func caller(t *testing.T, tr *Transport, o ClientOptions) func(url string) error {
	c := newClient(t, tr, o)
	return func(url string) error { _, err := get(t.Context(), c, url); return err }
}

func TestTransportHoldsBack(t *testing.T) {
	var calls, status atomic.Int64
	status.Store(http.StatusBadGateway)
	ca := newIssuer(t)
	s := serve(t, ca, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.WriteHeader(int(status.Load()))
	}, nil)
	tr := loopback(TransportOptions{})
	one := caller(t, tr.For("one"), ClientOptions{ServerCAs: ca.pem()})
	for range 5 {
		if err := one(s.URL); err != nil {
			t.Fatal(err) // a status is the caller's matter
		}
	}
	wantError(t, one(s.URL), CodeUpstream5xx, "is not called until")
	if calls.Load() != 5 {
		t.Errorf("%d calls arrived, want 5", calls.Load())
	}
	if open, opened := tr.Breakers(); open != 1 || opened != 1 {
		t.Errorf("%d open, %d opened", open, opened)
	}
	for _, other := range []*Transport{tr.For("two"), tr.For("one").Urgent(), tr} {
		if err := caller(t, other, ClientOptions{ServerCAs: ca.pem()})(s.URL); err != nil {
			t.Error(err)
		}
	}
	status.Store(http.StatusOK)
	if err := caller(t, tr.For("one").Urgent(), ClientOptions{ServerCAs: ca.pem()})(s.URL); err != nil {
		t.Error(err)
	}
	if err := one(s.URL); err != nil {
		t.Error("the success of an urgent call did not close the breaker:", err)
	}
}

// What is the fault of a subscription, or its own business, opens no breaker.
func TestTransportCountsHostsFailures(t *testing.T) {
	ca, another := newIssuer(t), newIssuer(t)
	answer := func(status int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
		}
	}
	mutual := func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		server  func(*tls.Config)
		trusts  issuer
		open    int
	}{
		"403":                        {answer(403), nil, ca, 0},
		"404":                        {answer(404), nil, ca, 0},
		"429 without a wish":         {answer(429), nil, ca, 0},
		"SOAP fault":                 {answer(500, "Content-Type", "text/xml; charset=utf-8"), nil, ca, 0},
		"500":                        {answer(500), nil, ca, 1},
		"503 of a SOAP gateway":      {answer(503, "Content-Type", "text/xml"), nil, ca, 1},
		"untrusted server":           {hello, nil, another, 0},
		"client certificate missing": {hello, mutual, ca, 0},
		"no TLS version in common":   {hello, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 }, ca, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, ca, c.handler, c.server)
			tr := loopback(TransportOptions{})
			for range 6 {
				_ = caller(t, tr.For("one"), ClientOptions{ServerCAs: c.trusts.pem()})(s.URL)
			}
			if open, _ := tr.Breakers(); open != c.open {
				t.Errorf("%d breakers are open, want %d", open, c.open)
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		s := serve(t, ca, hello, nil)
		s.Close()
		tr := loopback(TransportOptions{})
		for range 5 {
			wantError(t, caller(t, tr.For("one"), ClientOptions{})(s.URL), CodeConnect, "refuses")
		}
		wantError(t, caller(t, tr.For("two"), ClientOptions{})(s.URL), CodeConnect, "is not called until")
	})
	t.Run("an address that is not allowed", func(t *testing.T) {
		tr := NewTransport(TransportOptions{})
		for range 9 {
			wantError(t, caller(t, tr.For("one"), ClientOptions{})("https://127.0.0.1:1/"), CodeConnect, "not public")
		}
	})
}

// A Retry-After holds back the whole party on that host, and says how long.
func TestTransportHonoursRetryAfter(t *testing.T) {
	ca := newIssuer(t)
	for value, want := range map[string]time.Duration{"120": 2 * time.Minute, "99999999999999999999": MaxRetryAfter, "-5": 0, "soon": 0} {
		s := serve(t, ca, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", value)
			w.WriteHeader(http.StatusServiceUnavailable)
		}, nil)
		now := time.Now()
		tr := loopback(TransportOptions{Now: func() time.Time { return now }})
		one := caller(t, tr.For("one"), ClientOptions{ServerCAs: ca.pem()})
		if err := one(s.URL); err != nil {
			t.Fatal(err)
		}
		var e *Error
		err := caller(t, tr.For("one"), ClientOptions{ServerCAs: ca.pem()})(s.URL)
		if errors.As(err, &e) != (want > 0) || e != nil && e.RetryAfter != want {
			t.Errorf("Retry-After %s: %v", value, err)
		}
		if err := caller(t, tr.For("two"), ClientOptions{ServerCAs: ca.pem()})(s.URL); err != nil {
			t.Errorf("Retry-After %s holds back another party: %v", value, err)
		}
	}
}

// Whatever a CA writes into Retry-After, the wait is within its bounds.
func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, v := range []string{"", "0", "7", "-7", "86400", "18446744073709551616", "1e9", " 5", "Tue, 01 Jan 2030 00:00:30 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "Tuesday, 01-Jan-30 00:01:00 GMT", "Tue Jan  1 00:01:00 2030"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		if d := retryAfter(v, now); d < 0 || d > MaxRetryAfter {
			t.Errorf("%q: %v", v, d)
		}
	})
}

func TestHostOf(t *testing.T) {
	for uri, want := range map[string]string{
		"https://CA.Example.com/pki-ws/": "ca.example.com:443",
		"https://ca.example.com.:8443":   "ca.example.com:8443",
		"https://[2001:DB8::1]/":         "[2001:db8::1]:443",
		"":                               "",
		"ftp://ca.example.com/":          "",
	} {
		if got := HostOf(uri); got != want {
			t.Errorf("%s: %q, want %q", uri, got, want)
		}
	}
}
