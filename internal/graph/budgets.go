package graph

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A budget may be spent at once for burstPart of its minute.
const burstPart = 6

// budgets holds a token bucket for each key. It is safe for concurrent use.
type budgets[K comparable] struct {
	perMinute func(K) int
	max       int

	mu      sync.Mutex
	buckets map[K]*rate.Limiter
}

func newBudgets[K comparable](perMinute func(K) int, most int) *budgets[K] {
	return &budgets[K]{perMinute: perMinute, max: most, buckets: make(map[K]*rate.Limiter)}
}

// A usage tells how far a budget is spent.
type usage struct {
	limit     int // requests that may be sent at once
	remaining int // of them
	reset     int // whole seconds until none is spent
	wait      int // whole seconds after which a request will succeed; 0 where it did
}

// share is the part of the budget that is spent, from 0 to 1.
func (u usage) share() float64 { return 1 - float64(u.remaining)/float64(u.limit) }

// spend takes one request from the budget of key.
func (b *budgets[K]) spend(key K, now time.Time) usage {
	bucket := b.bucket(key, now)
	u := usage{limit: bucket.Burst()}
	r := bucket.ReserveN(now, 1)
	if delay := r.DelayFrom(now); delay > 0 {
		r.CancelAt(now)
		u.wait = int(math.Ceil(delay.Seconds()))
	}
	tokens := max(0, bucket.TokensAt(now))
	u.remaining = min(u.limit, int(tokens))
	u.reset = int(math.Ceil((float64(u.limit) - tokens) / float64(bucket.Limit())))
	return u
}

func (b *budgets[K]) bucket(key K, now time.Time) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if bucket, ok := b.buckets[key]; ok {
		return bucket
	}
	if len(b.buckets) >= b.max {
		b.evict(now)
	}
	perMinute := b.perMinute(key)
	bucket := rate.NewLimiter(rate.Limit(float64(perMinute)/60), max(1, perMinute/burstPart))
	b.buckets[key] = bucket
	return bucket
}

// evict forgets the keys whose bucket is full: a new one is as good. Where all
// are busy, it forgets an eighth of them, so that memory stays bounded.
func (b *budgets[K]) evict(now time.Time) {
	for key, bucket := range b.buckets {
		if bucket.TokensAt(now) >= float64(bucket.Burst()) {
			delete(b.buckets, key)
		}
	}
	for key := range b.buckets {
		if len(b.buckets) <= b.max-max(1, b.max/8) {
			return
		}
		delete(b.buckets, key)
	}
}
