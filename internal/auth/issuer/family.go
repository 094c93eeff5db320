package issuer

import (
	"sync"
	"time"
)

const (
	// maxFamilies bounds the families remembered. Beyond it one is forgotten,
	// which lends its old tokens another use.
	maxFamilies = 1 << 16

	// reuseGrace is how long the token before the last is still good: an answer
	// may be lost on the way, and two threads may refresh at a time.
	reuseGrace = 30 * time.Second
)

// families remember the refresh tokens that descend from one sign-in, to
// notice when one that has been replaced is used (RFC 9700 section 4.14.2).
// The memory does not outlive the process and is not shared between replicas:
// a family that is not known is taken as its token says. It is safe for
// concurrent use.
type families struct {
	mu   sync.Mutex
	byID map[string]family
	next time.Time // when to look for expired ones again
}

type family struct {
	count   int // of the newest token
	since   time.Time
	revoked bool
	until   time.Time
}

func newFamilies() *families { return &families{byID: make(map[string]family)} }

// take uses token number count of a family and returns the number of the token
// that follows it, or AADSTS50173 for a token of a revoked family, and for one
// that was replaced a while ago: that revokes the family, for either its owner
// or a thief has it.
func (f *families) take(now time.Time, id string, count int, until time.Time) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known, ok := f.byID[id]
	switch {
	case !ok:
		f.makeRoom(now)
	case known.revoked:
		return 0, errRevoked()
	case count == known.count-1 && now.Sub(known.since) <= reuseGrace:
		return known.count, nil
	case count < known.count:
		known.revoked = true
		f.byID[id] = known
		return 0, errRevoked()
	}
	f.byID[id] = family{count: count + 1, since: now, until: until}
	return count + 1, nil
}

// revoke ends a family.
func (f *families) revoke(now time.Time, id string, until time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.byID[id]; !ok {
		f.makeRoom(now)
	}
	f.byID[id] = family{revoked: true, until: until}
}

// makeRoom forgets, once a minute, families whose tokens have expired and, if
// that does not do, one that is not revoked, else any.
func (f *families) makeRoom(now time.Time) {
	if !now.Before(f.next) {
		for id, known := range f.byID {
			if !now.Before(known.until) {
				delete(f.byID, id)
			}
		}
		f.next = now.Add(time.Minute)
	}
	for id, known := range f.byID {
		if len(f.byID) < maxFamilies {
			return
		}
		if !known.revoked {
			delete(f.byID, id)
		}
	}
	for id := range f.byID {
		if len(f.byID) < maxFamilies {
			return
		}
		delete(f.byID, id)
	}
}
