package graph

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits bound what clients may take. Zero values mean the defaults.
type Limits struct {
	PerMinute   int                     // requests of one client in one tenant; DefaultPerMinute
	Override    func(client string) int // another budget for a client, requests per minute; 0 keeps PerMinute; may be nil
	Concurrent  int                     // requests under way at once; DefaultConcurrent
	BudgetCount int                     // clients remembered at once; DefaultBudgetCount
}

// The defaults of Limits. A budget may be spent at once for burstPart of its
// minute.
const (
	DefaultPerMinute   = 3000
	DefaultConcurrent  = 512
	DefaultBudgetCount = 1 << 16

	burstPart = 6
)

// budgets holds a token bucket for each client and tenant. It is safe for
// concurrent use.
type budgets struct {
	perMinute int
	override  func(client string) int
	max       int

	mu      sync.Mutex
	buckets map[budgetKey]*rate.Limiter
}

type budgetKey struct{ tenant, client string }

func newBudgets(l Limits) *budgets {
	if l.PerMinute <= 0 {
		l.PerMinute = DefaultPerMinute
	}
	if l.BudgetCount <= 0 {
		l.BudgetCount = DefaultBudgetCount
	}
	return &budgets{perMinute: l.PerMinute, override: l.Override, max: l.BudgetCount, buckets: make(map[budgetKey]*rate.Limiter)}
}

// spend takes one request from a client's budget. Where it is used up it
// returns the whole seconds after which a request will succeed.
func (b *budgets) spend(tenant, client string, now time.Time) (wait int, ok bool) {
	bucket := b.bucket(budgetKey{tenant, client}, now)
	r := bucket.ReserveN(now, 1)
	delay := r.DelayFrom(now)
	if delay <= 0 {
		return 0, true
	}
	r.CancelAt(now)
	return int(math.Ceil(delay.Seconds())), false
}

func (b *budgets) bucket(key budgetKey, now time.Time) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if bucket, ok := b.buckets[key]; ok {
		return bucket
	}
	if len(b.buckets) >= b.max {
		b.evict(now)
	}
	perMinute := b.perMinute
	if b.override != nil {
		if n := b.override(key.client); n > 0 {
			perMinute = n
		}
	}
	bucket := rate.NewLimiter(rate.Limit(float64(perMinute)/60), max(1, perMinute/burstPart))
	b.buckets[key] = bucket
	return bucket
}

// evict forgets the clients whose bucket is full: a new one is as good. Where
// all are busy, it forgets an eighth of them, so that memory stays bounded.
func (b *budgets) evict(now time.Time) {
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

// slots bounds how many requests are under way.
type slots chan struct{}

func newSlots(l Limits) slots {
	if l.Concurrent <= 0 {
		l.Concurrent = DefaultConcurrent
	}
	return make(slots, l.Concurrent)
}

func (s slots) take() bool {
	select {
	case s <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s slots) giveBack() { <-s }
