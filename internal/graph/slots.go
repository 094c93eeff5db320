package graph

import "sync"

// slots bounds how many requests do something at once: all of them, those of a
// tenant and those of a client. It is safe for concurrent use.
type slots struct {
	all, perTenant, perClient int

	mu      sync.Mutex
	taken   int
	tenants map[string]int
	clients map[clientKey]int
}

func newSlots(n int) *slots {
	return &slots{
		all: n, perTenant: max(1, n/tenantPart), perClient: max(1, n/clientPart),
		tenants: make(map[string]int), clients: make(map[clientKey]int),
	}
}

// newDoors returns slots without shares: who comes is not known yet.
func newDoors(n int) *slots {
	s := newSlots(n)
	s.perTenant, s.perClient = n, n
	return s
}

// A shortage says whose share of the slots is taken.
type shortage int

const (
	noShortage shortage = iota
	clientShortage
	tenantShortage
	generalShortage
)

// take takes a slot for key, which is to be given back, if there is no shortage.
func (s *slots) take(key clientKey) shortage {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.taken >= s.all:
		return generalShortage
	case s.clients[key] >= s.perClient:
		return clientShortage
	case s.tenants[key.tenant] >= s.perTenant:
		return tenantShortage
	}
	s.taken++
	s.tenants[key.tenant]++
	s.clients[key]++
	return noShortage
}

func (s *slots) giveBack(key clientKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken--
	countDown(s.tenants, key.tenant)
	countDown(s.clients, key)
}

// countDown counts down and forgets what has come to nothing.
func countDown[K comparable](counts map[K]int, key K) {
	if counts[key]--; counts[key] == 0 {
		delete(counts, key)
	}
}
