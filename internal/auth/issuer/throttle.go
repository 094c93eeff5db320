package issuer

import (
	"sync"
	"time"
)

// maxCounted bounds the counters of a throttle. Beyond it counting starts
// afresh: that lends an attacker a few guesses at secrets which cannot be
// guessed, and locks nobody out.
const maxCounted = 1 << 14

// A throttle counts events by key within each minute. It is safe for
// concurrent use.
type throttle struct {
	mu     sync.Mutex
	minute time.Time
	counts map[string]int
}

func newThrottle() *throttle { return &throttle{counts: make(map[string]int)} }

// over reports whether key has reached limit in this minute, and how many
// seconds are left of it.
func (t *throttle) over(now time.Time, key string, limit int) (wait int, over bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn(now)
	if t.counts[key] < limit {
		return 0, false
	}
	left := t.minute.Add(time.Minute).Sub(now)
	return int((left + time.Second - 1) / time.Second), true
}

// count adds one event to key.
func (t *throttle) count(now time.Time, key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn(now)
	if _, known := t.counts[key]; !known && len(t.counts) >= maxCounted {
		clear(t.counts)
	}
	t.counts[key]++
}

func (t *throttle) turn(now time.Time) {
	if minute := now.Truncate(time.Minute); !minute.Equal(t.minute) {
		t.minute = minute
		clear(t.counts)
	}
}
