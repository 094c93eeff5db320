package graph

import "cloudpki/internal/limit"

// Limits bound what clients may take. Zero values mean the defaults. A client
// is an application in one tenant.
type Limits struct {
	PerMinute         int                     // requests of one client; DefaultPerMinute
	TenantPerMinute   int                     // requests of all clients of a tenant; tenantFactor times PerMinute
	FailuresPerMinute int                     // refused tokens from one address before they are answered 429; DefaultFailures
	FetchesPerMinute  int                     // files of public trust bundles sent to one address; DefaultFetches
	Override          func(client string) int // another budget for a client, requests per minute; 0 keeps PerMinute; may be nil
	Concurrent        int                     // requests under way at once; DefaultConcurrent
	BudgetCount       int                     // clients remembered at once; DefaultBudgetCount
	Body              int                     // bytes of a body, as sent and inflated; DefaultBody
}

// The defaults of Limits.
const (
	DefaultPerMinute   = 3000
	DefaultFailures    = 600
	DefaultFetches     = 6000
	DefaultConcurrent  = 512
	DefaultBudgetCount = 1 << 16
	DefaultBody        = 4 << 20

	tenantFactor = 4

	// doorFactor is how many requests may be inside for each that may be under
	// way: the others show their token or send their body, and hold no slot.
	doorFactor = 4
)

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		field *int
		value int
	}{
		{&l.PerMinute, DefaultPerMinute},
		{&l.FailuresPerMinute, DefaultFailures},
		{&l.FetchesPerMinute, DefaultFetches},
		{&l.Concurrent, DefaultConcurrent},
		{&l.BudgetCount, DefaultBudgetCount},
		{&l.Body, DefaultBody},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	if l.TenantPerMinute <= 0 {
		l.TenantPerMinute = l.PerMinute * tenantFactor
	}
	return l
}

// limits is what enforces Limits.
type limits struct {
	clients  *limit.Budgets[limit.Client]
	tenants  *limit.Budgets[string]
	failures *limit.Budgets[string] // by the network that a request comes from
	fetches  *limit.Budgets[string] // likewise

	body int // bytes

	doors  *limit.Slots // of requests that are inside
	bodies *limit.Slots // of bodies that are being sent
	runs   *limit.Slots // of requests that are being answered
}

func newLimits(l Limits) limits {
	l = l.withDefaults()
	perClient := func(key limit.Client) int {
		if l.Override != nil {
			if n := l.Override(key.Name); n > 0 {
				return n
			}
		}
		return l.PerMinute
	}
	return limits{
		clients:  limit.NewBudgets(perClient, l.BudgetCount),
		tenants:  limit.NewBudgets(func(string) int { return l.TenantPerMinute }, l.BudgetCount),
		failures: limit.NewBudgets(func(string) int { return l.FailuresPerMinute }, l.BudgetCount),
		fetches:  limit.NewBudgets(func(string) int { return l.FetchesPerMinute }, l.BudgetCount),
		body:     l.Body,
		doors:    limit.NewDoors(l.Concurrent * doorFactor),
		bodies:   limit.NewSlots(l.Concurrent),
		runs:     limit.NewSlots(l.Concurrent),
	}
}
