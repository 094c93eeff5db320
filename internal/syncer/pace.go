package syncer

import (
	"sync"
	"time"
)

// The bounds of patience, and where it begins.
const (
	firstPatience   = 250 * time.Millisecond
	leastPatience   = 100 * time.Millisecond
	longestPatience = 2 * time.Second
)

// A pace knows how long a run usually takes. A CA that is silent for as long
// may not answer at all: so one in ten that hang costs the others a ninth of
// their time, whatever their pace is. It is safe for concurrent use.
type pace struct {
	mu    sync.Mutex
	usual time.Duration // moving average; 0 before the first
}

// add takes in a run that had its worker to its end.
func (p *pace) add(took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	took = min(took, longestPatience) // one long run is not the usual
	if p.usual == 0 {
		p.usual = firstPatience
	}
	p.usual += (took - p.usual) / 8
}

// patience is how long a run may hear nothing and keep its worker.
func (p *pace) patience() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.usual == 0 {
		return firstPatience
	}
	return min(max(p.usual, leastPatience), longestPatience)
}
