package estserver

import (
	"sync"
	"time"
)

const (
	// maxAttempts bounds the logins of one network that are under way, or have
	// failed, in a minute.
	maxAttempts = 120

	// maxNetworks bounds those that are counted. Beyond it counting starts
	// afresh: that lends an attacker a few guesses, and locks nobody out.
	maxNetworks = 1 << 14
)

// attempts counts logins by the network that they come from. It is safe for
// concurrent use.
type attempts struct {
	mu     sync.Mutex
	minute time.Time
	counts map[string]int
}

func newAttempts() *attempts { return &attempts{counts: make(map[string]int)} }

// begin counts a login before it is looked at, so that many at once are not
// free. It returns the seconds to wait where there were too many, else 0.
func (a *attempts) begin(network string, now time.Time) (wait int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if minute := now.Truncate(time.Minute); !minute.Equal(a.minute) {
		a.minute = minute
		clear(a.counts)
	}
	if _, known := a.counts[network]; !known && len(a.counts) >= maxNetworks {
		clear(a.counts)
	}
	if a.counts[network] >= maxAttempts {
		left := a.minute.Add(time.Minute).Sub(now)
		return max(1, int((left+time.Second-1)/time.Second))
	}
	a.counts[network]++
	return 0
}

// forgive takes back one that was no failure.
func (a *attempts) forgive(network string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.counts[network] > 0 {
		a.counts[network]--
	}
}
