package limit

import "sync"

// A tenant has at most half of all slots, a client a quarter: whoever takes all
// that they can leaves room for others.
const (
	tenantPart = 2
	clientPart = 4
)

// A Client is who pays for requests: an application or a person in a tenant, or
// the network of somebody unknown.
type Client struct{ Tenant, Name string }

// Slots bounds how many requests do something at once: all of them, those of a
// tenant and those of a client. It is safe for concurrent use.
type Slots struct {
	all, perTenant, perClient int

	mu      sync.Mutex
	taken   int
	tenants map[string]int
	clients map[Client]int
}

// NewSlots returns n slots.
func NewSlots(n int) *Slots {
	return &Slots{
		all: n, perTenant: max(1, n/tenantPart), perClient: max(1, n/clientPart),
		tenants: make(map[string]int), clients: make(map[Client]int),
	}
}

// NewDoors returns slots without shares: who comes is not known yet.
func NewDoors(n int) *Slots {
	s := NewSlots(n)
	s.perTenant, s.perClient = n, n
	return s
}

// A Shortage says whose share of the slots is taken.
type Shortage int

// The kinds of Shortage.
const (
	NoShortage Shortage = iota
	ClientShortage
	TenantShortage
	GeneralShortage
)

// Take takes a slot for key, which is to be given back, if there is no shortage.
func (s *Slots) Take(key Client) Shortage {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.taken >= s.all:
		return GeneralShortage
	case s.clients[key] >= s.perClient:
		return ClientShortage
	case s.tenants[key.Tenant] >= s.perTenant:
		return TenantShortage
	}
	s.taken++
	s.tenants[key.Tenant]++
	s.clients[key]++
	return NoShortage
}

// GiveBack gives a slot back that was taken for key.
func (s *Slots) GiveBack(key Client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken--
	countDown(s.tenants, key.Tenant)
	countDown(s.clients, key)
}

// countDown counts down and forgets what has come to nothing.
func countDown[K comparable](counts map[K]int, key K) {
	if counts[key]--; counts[key] == 0 {
		delete(counts, key)
	}
}
