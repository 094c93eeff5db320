package limit

import (
	"maps"
	"testing"
)

// TestSlots: a client that takes all that it can, and a tenant that does, leave
// room for others.
func TestSlots(t *testing.T) {
	s := NewSlots(8)
	greedy, brother, other := Client{"t", "greedy"}, Client{"t", "brother"}, Client{"u", "other"}
	for i, step := range []struct {
		key  Client
		want Shortage
	}{
		{greedy, NoShortage},
		{greedy, NoShortage},
		{greedy, ClientShortage},
		{brother, NoShortage},
		{brother, NoShortage},
		{Client{"t", "third"}, TenantShortage},
		{other, NoShortage},
		{other, NoShortage},
		{Client{"v", "v"}, NoShortage},
		{Client{"w", "w"}, NoShortage},
		{Client{"x", "x"}, GeneralShortage},
	} {
		if got := s.Take(step.key); got != step.want {
			t.Errorf("step %d, %v: %d, want %d", i, step.key, got, step.want)
		}
	}
	s.GiveBack(greedy)
	if s.Take(Client{"x", "x"}) != NoShortage {
		t.Error("a slot that was given back is not to be had")
	}
	for key, n := range maps.Clone(s.clients) {
		for range n {
			s.GiveBack(key)
		}
	}
	if s.taken != 0 || len(s.clients) != 0 || len(s.tenants) != 0 {
		t.Errorf("after all: %d taken, %v, %v", s.taken, s.clients, s.tenants)
	}
}
