package issuer

import (
	"sync"
	"time"
)

const (
	// maxLocks bounds the names and addresses remembered. Beyond it any of them
	// is forgotten, which lends an attacker a few guesses and locks nobody out.
	maxLocks = 1 << 14

	firstLock   = time.Minute
	longestLock = 15 * time.Minute
	forgetAfter = time.Hour // without a further failure
)

// A lockout refuses guesses after a number of failures in a row: for a minute
// first, then for twice as long with each further failure, up to a quarter of
// an hour. It heals by itself. It is safe for concurrent use.
type lockout struct {
	limit int // failures before the first lock

	mu    sync.Mutex
	locks map[string]lock
	next  time.Time // when to look for old ones again
}

type lock struct {
	failures int
	until    time.Time
	last     time.Time
}

func newLockout(limit int) *lockout { return &lockout{limit: limit, locks: make(map[string]lock)} }

// locked reports whether key is locked.
func (l *lockout) locked(now time.Time, key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return now.Before(l.locks[key].until)
}

// failed counts a failure of key.
func (l *lockout) failed(now time.Time, key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	entry, known := l.locks[key]
	if now.Sub(entry.last) > forgetAfter {
		entry = lock{}
	}
	if !known && len(l.locks) >= maxLocks {
		l.makeRoom(now)
	}
	entry.failures++
	entry.last = now
	if over := entry.failures - l.limit; over >= 0 {
		entry.until = now.Add(min(firstLock<<min(over, 4), longestLock))
	}
	l.locks[key] = entry
}

// succeeded forgets the failures of key.
func (l *lockout) succeeded(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.locks, key)
}

// makeRoom forgets, once a minute, what is old, else any one.
func (l *lockout) makeRoom(now time.Time) {
	if !now.Before(l.next) {
		for key, entry := range l.locks {
			if now.Sub(entry.last) > forgetAfter {
				delete(l.locks, key)
			}
		}
		l.next = now.Add(time.Minute)
	}
	for key := range l.locks {
		if len(l.locks) < maxLocks {
			return
		}
		delete(l.locks, key)
	}
}
