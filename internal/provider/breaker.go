package provider

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// The bounds of circuit breakers.
const (
	breakerFailures = 5                // in a row, which open a breaker
	firstOpening    = 30 * time.Second // how long it stays open; each further time twice as long
	longestOpening  = 15 * time.Minute
	maxBreakers     = 4096 // with something to remember
)

// Breakers keep calls from hosts that do not answer, or that asked for a rest.
// There are two for a call: that of the host, for what would fail for anyone
// (the name, the connection, the handshake before a client certificate is
// shown), and that of the party on the host, for what its own requests may have
// caused (no answer in time, HTTP 5xx, a Retry-After). So no party can close a
// host to the others. A success forgets all failures.
type breakers struct {
	now func() time.Time
	log *slog.Logger

	mu     sync.Mutex
	list   map[breakerKey]*breaker // those with something to remember; at most maxBreakers
	opened int64
}

// A breakerKey names a breaker: host and port in lower case, and the party,
// where it is not the host's own.
type breakerKey struct {
	host, party string
	ofParty     bool
}

// A breaker is what is remembered of a host. All is guarded by breakers.mu.
type breaker struct {
	failures int       // in a row
	openings int       // in a row
	until    time.Time // end of the opening; zero while closed
	trying   bool      // after its end one call is under way that decides
	rest     time.Time // what the host asked for (Retry-After); zero for nothing
	why      *Error    // the last failure
	met      time.Time // when that was
}

func newBreakers(now func() time.Time, log *slog.Logger) *breakers {
	return &breakers{now: now, log: log, list: make(map[breakerKey]*breaker)}
}

// A guardedCall is one call as the breakers see it. Exactly one of answered,
// failed and abandoned ends it.
type guardedCall struct {
	b     *breakers
	keys  [2]breakerKey // of the host, and of the party on it
	tries [2]bool       // the call that decides whether a breaker closes
}

// begin admits a call or says why it must not be made. A call that is not
// guarded goes out whatever the breakers say.
func (b *breakers) begin(host, party string, guarded bool) (*guardedCall, *Error) {
	c := &guardedCall{b: b, keys: [2]breakerKey{{host: host}, {host, party, true}}}
	if !guarded {
		return c, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	for _, k := range c.keys {
		if refused := b.list[k].refusal(host, now); refused != nil {
			return nil, refused
		}
	}
	for i, k := range c.keys {
		if s := b.list[k]; s != nil && !s.until.IsZero() {
			s.trying, c.tries[i] = true, true
		}
	}
	return c, nil
}

// refusal says why s lets no call through now, nil where it does.
func (s *breaker) refusal(host string, now time.Time) *Error {
	if s == nil {
		return nil
	}
	// A clock that was set back must not make it longer.
	wait := min(max(s.until.Sub(now), s.rest.Sub(now)), longestOpening)
	if wait <= 0 && s.trying {
		wait = firstOpening // until the call under way has decided
	}
	if wait <= 0 {
		return nil
	}
	return &Error{
		Code: s.why.Code, UpstreamCode: s.why.UpstreamCode, RetryAfter: wait, Err: s.why,
		Msg: fmt.Sprintf("%s is not called until %s because of its last failure: %s", host, now.Add(wait).UTC().Format(time.RFC3339), s.why.Msg),
	}
}

// answered ends a call that the host answered well.
func (c *guardedCall) answered() {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	for i := range c.keys {
		c.forget(i)
	}
}

// failed ends a call that failed by e, which counts against the party where
// the host was reached, else against the host.
func (c *guardedCall) failed(reached bool, e *Error) {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	if !reached {
		c.count(0, e)
		c.release(1)
		return
	}
	c.forget(0)
	c.count(1, e)
}

// abandoned ends a call that tells nothing of the host.
func (c *guardedCall) abandoned() {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	for i := range c.keys {
		c.release(i)
	}
}

// rested ends a call by whose answer e the host asks the party for a rest.
func (c *guardedCall) rested(e *Error) {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	now := c.b.now()
	c.forget(0)
	c.release(1)
	s := c.b.at(c.keys[1], now)
	s.rest, s.why, s.met = now.Add(min(e.RetryAfter, MaxRetryAfter)), e, now
}

// count adds a failure, and opens the breaker where they are enough. A failure
// of a call that began before the opening, or past it, does not lengthen it.
func (c *guardedCall) count(i int, e *Error) {
	now := c.b.now()
	s := c.b.at(c.keys[i], now)
	if !s.until.IsZero() && !c.tries[i] {
		return
	}
	s.trying = false
	s.failures++
	s.why, s.met = e, now
	if s.failures < breakerFailures {
		return
	}
	span := min(firstOpening<<min(s.openings, 10), longestOpening)
	s.openings++
	s.until = now.Add(span)
	c.b.opened++
	c.b.log.Warn("CA host is not called for a while", c.attrs(i, slog.Duration("for", span), slog.String("code", string(e.Code)))...)
}

// forget drops what is remembered of failures. What the host asked for stays.
func (c *guardedCall) forget(i int) {
	s := c.b.list[c.keys[i]]
	if s == nil {
		return
	}
	if !s.until.IsZero() {
		c.b.log.Info("CA host answers again", c.attrs(i)...)
	}
	s.failures, s.openings, s.until, s.trying = 0, 0, time.Time{}, false
	if c.b.now().After(s.rest) {
		delete(c.b.list, c.keys[i])
	}
}

// release lets another call decide.
func (c *guardedCall) release(i int) {
	if s := c.b.list[c.keys[i]]; s != nil && c.tries[i] {
		s.trying = false
	}
}

func (c *guardedCall) attrs(i int, more ...any) []any {
	k := c.keys[i]
	attrs := append([]any{slog.String("host", k.host)}, more...)
	if k.party != "" {
		attrs = append(attrs, slog.String("party", k.party))
	}
	return attrs
}

// at returns the breaker of k, making it. Where there are too many, the one
// whose failure is longest ago is forgotten.
func (b *breakers) at(k breakerKey, now time.Time) *breaker {
	if s := b.list[k]; s != nil {
		return s
	}
	if len(b.list) >= maxBreakers {
		var oldest breakerKey
		first := true
		for k, s := range b.list {
			if first || s.met.Before(b.list[oldest].met) {
				oldest, first = k, false
			}
		}
		delete(b.list, oldest)
	}
	s := &breaker{met: now}
	b.list[k] = s
	return s
}

// Breakers tells how many circuit breakers are open, and how often one opened.
func (t *Transport) Breakers() (open int, opened int64) {
	b := t.breakers
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.list {
		if !s.until.IsZero() {
			open++
		}
	}
	return open, b.opened
}
