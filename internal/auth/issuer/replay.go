package issuer

import (
	"crypto/sha256"
	"sync"
	"time"
)

// maxReplays bounds what is remembered. Beyond it assertions and codes are
// refused rather than taken unseen.
const maxReplays = 1 << 16

// replays remembers what may be used once until it expires: assertions (RFC
// 7523 section 3, item 7), authorization codes (RFC 6749 section 4.1.2), ended
// sessions. It is safe for concurrent use.
type replays struct {
	mu    sync.Mutex
	until map[[sha256.Size]byte]time.Time
	next  time.Time // when to look for expired ones again
}

// A verdict says what came of remembering something.
type verdict int

const (
	fresh verdict = iota
	replayed
	full
)

func newReplays() *replays { return &replays{until: make(map[[sha256.Size]byte]time.Time)} }

// add remembers the owner's assertion, code or session called name until it
// expires.
func (r *replays) add(now time.Time, owner, name string, expires time.Time) verdict {
	key := replayKey(owner, name)
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

// known reports whether name of that owner is remembered.
func (r *replays) known(now time.Time, owner, name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	until, ok := r.until[replayKey(owner, name)]
	return ok && !now.After(until)
}

func replayKey(owner, name string) [sha256.Size]byte {
	return sha256.Sum256([]byte(owner + "\x00" + name))
}
