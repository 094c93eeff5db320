package graph

import (
	"fmt"
	"maps"
	"net/http"
	"testing"
	"time"
)

func TestBudget(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	b := newLimits(Limits{PerMinute: 60, Override: func(client string) int {
		if client == "large" {
			return 600
		}
		return 0
	}}).clients
	for client, burst := range map[string]int{"small": 10, "large": 100} {
		key := clientKey{"t", client}
		for i := range burst {
			u := b.spend(key, now)
			if u.wait != 0 || u.limit != burst || u.remaining != burst-i-1 {
				t.Fatalf("%s: request %d of a burst of %d: %+v", client, i+1, burst, u)
			}
		}
		u := b.spend(key, now)
		if u.wait != 1 || u.remaining != 0 || u.reset != 10 || u.share() != 1 {
			t.Errorf("%s: after its burst: %+v", client, u)
		}
		if u := b.spend(key, now.Add(time.Duration(u.wait)*time.Second)); u.wait != 0 {
			t.Errorf("%s: refused although it waited as told: %+v", client, u)
		}
	}
	if u := b.spend(clientKey{"other tenant", "small"}, now); u.wait != 0 {
		t.Error("a client's budget in one tenant is spent in another")
	}
}

// TestBudgetWaitSuffices holds Retry-After against slow budgets, where a
// request is granted less than once a second.
func TestBudgetWaitSuffices(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 999_999_999, time.UTC)
	for _, perMinute := range []int{1, 7, 59, 61, 1000} {
		b := newBudgets(func(string) int { return perMinute }, 10)
		var u usage
		for range 1000 {
			if u = b.spend("c", now); u.wait > 0 {
				break
			}
		}
		if u.wait < 1 {
			t.Fatalf("%d a minute: never refused", perMinute)
		}
		if again := b.spend("c", now.Add(time.Duration(u.wait)*time.Second)); again.wait > 0 {
			t.Errorf("%d a minute: refused after waiting %d s as told", perMinute, u.wait)
		}
	}
}

func TestBudgetsAreBounded(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	b := newBudgets(func(string) int { return 60 }, 100)
	for i := range 1000 {
		b.spend(fmt.Sprint("busy", i), now)
		if len(b.buckets) > 100 {
			t.Fatalf("%d clients are remembered, want at most 100", len(b.buckets))
		}
	}
	before := len(b.buckets)
	b.mu.Lock()
	b.evict(now.Add(time.Hour))
	b.mu.Unlock()
	if len(b.buckets) != 0 {
		t.Errorf("%d of %d clients are remembered although a new bucket would be as good", len(b.buckets), before)
	}
}

// TestSlots: a client that takes all that it can, and a tenant that does, leave
// room for others.
func TestSlots(t *testing.T) {
	s := newSlots(8)
	greedy, brother, other := clientKey{"t", "greedy"}, clientKey{"t", "brother"}, clientKey{"u", "other"}
	for i, step := range []struct {
		key  clientKey
		want shortage
	}{
		{greedy, noShortage},
		{greedy, noShortage},
		{greedy, clientShortage},
		{brother, noShortage},
		{brother, noShortage},
		{clientKey{"t", "third"}, tenantShortage},
		{other, noShortage},
		{other, noShortage},
		{clientKey{"v", "v"}, noShortage},
		{clientKey{"w", "w"}, noShortage},
		{clientKey{"x", "x"}, generalShortage},
	} {
		if got := s.take(step.key); got != step.want {
			t.Errorf("step %d, %v: %d, want %d", i, step.key, got, step.want)
		}
	}
	s.giveBack(greedy)
	if s.take(clientKey{"x", "x"}) != noShortage {
		t.Error("a slot that was given back is not to be had")
	}
	for key, n := range maps.Clone(s.clients) {
		for range n {
			s.giveBack(key)
		}
	}
	if s.taken != 0 || len(s.clients) != 0 || len(s.tenants) != 0 {
		t.Errorf("after all: %d taken, %v, %v", s.taken, s.clients, s.tenants)
	}
}

// TestNetwork: one host may have every address of a /64, and a name that is no
// address is a network of its own.
func TestNetwork(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.7:443":             "192.0.2.7",
		"[2001:db8:1:2:3:4:5:6]:80": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:80":         "fe80::/64",
		"[::ffff:192.0.2.7]:80":     "192.0.2.7",
		"@":                         "@",
	} {
		x := &exchange{r: &http.Request{RemoteAddr: remote}}
		if got := x.client(); got.client != want || got.tenant != "network "+want {
			t.Errorf("%s: %+v, want %s", remote, got, want)
		}
	}
}
