package issuer

import (
	"crypto/sha256"
	"sync"
	"time"
)

// maxReplays bounds the assertions remembered. Beyond it assertions are refused
// rather than taken unseen.
const maxReplays = 1 << 16

// replays remembers used assertions until they expire (RFC 7523 section 3,
// item 7). It is safe for concurrent use.
type replays struct {
	mu    sync.Mutex
	until map[[sha256.Size]byte]time.Time
	next  time.Time // when to look for expired ones again
}

// A verdict says what came of remembering an assertion.
type verdict int

const (
	fresh verdict = iota
	replayed
	full
)

func newReplays() *replays { return &replays{until: make(map[[sha256.Size]byte]time.Time)} }

// add remembers the client's assertion called name until it expires.
func (r *replays) add(now time.Time, client, name string, expires time.Time) verdict {
	key := sha256.Sum256([]byte(client + "\x00" + name))
	r.mu.Lock()
	defer r.mu.Unlock()
	if until, ok := r.until[key]; ok && !now.After(until) {
		return replayed
	}
	if !now.Before(r.next) {
		for k, until := range r.until {
			if now.After(until) {
				delete(r.until, k)
			}
		}
		r.next = now.Add(time.Minute)
	}
	if len(r.until) >= maxReplays {
		return full
	}
	r.until[key] = expires
	return fresh
}
