package limit

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A budget may be spent at once for burstPart of its minute.
const burstPart = 6

// Budgets holds a token bucket for each key. It is safe for concurrent use.
type Budgets[K comparable] struct {
	perMinute func(K) int
	max       int

	mu      sync.Mutex
	buckets map[K]*rate.Limiter
}

// NewBudgets returns budgets of perMinute requests a minute each, and remembers
// at most so many keys at once.
func NewBudgets[K comparable](perMinute func(K) int, most int) *Budgets[K] {
	return &Budgets[K]{perMinute: perMinute, max: most, buckets: make(map[K]*rate.Limiter)}
}

// A Usage tells how far a budget is spent.
type Usage struct {
	Limit     int // requests that may be sent at once
	Remaining int // of them
	Reset     int // whole seconds until none is spent
	Wait      int // whole seconds after which a request will succeed; 0 where it did
}

// Share is the part of the budget that is spent, from 0 to 1.
func (u Usage) Share() float64 { return 1 - float64(u.Remaining)/float64(u.Limit) }

// Spend takes one request from the budget of key.
func (b *Budgets[K]) Spend(key K, now time.Time) Usage {
	bucket := b.bucket(key, now)
	u := Usage{Limit: bucket.Burst()}
	r := bucket.ReserveN(now, 1)
	if delay := r.DelayFrom(now); delay > 0 {
		r.CancelAt(now)
		u.Wait = int(math.Ceil(delay.Seconds()))
	}
	tokens := max(0, bucket.TokensAt(now))
	u.Remaining = min(u.Limit, int(tokens))
	u.Reset = int(math.Ceil((float64(u.Limit) - tokens) / float64(bucket.Limit())))
	return u
}

func (b *Budgets[K]) bucket(key K, now time.Time) *rate.Limiter {
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
func (b *Budgets[K]) evict(now time.Time) {
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
