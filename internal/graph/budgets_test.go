package graph

import (
	"fmt"
	"testing"
	"time"
)

func TestBudget(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	b := newBudgets(Limits{PerMinute: 60, Override: func(client string) int {
		if client == "large" {
			return 600
		}
		return 0
	}})
	for client, burst := range map[string]int{"small": 10, "large": 100} {
		for i := range burst {
			if _, ok := b.spend("t", client, now); !ok {
				t.Fatalf("%s: request %d of a burst of %d is refused", client, i+1, burst)
			}
		}
		wait, ok := b.spend("t", client, now)
		if ok || wait != 1 {
			t.Errorf("%s: after its burst: wait %d, ok %t", client, wait, ok)
		}
		if _, ok := b.spend("t", client, now.Add(time.Duration(wait)*time.Second)); !ok {
			t.Errorf("%s: refused although it waited as told", client)
		}
	}
	if _, ok := b.spend("other tenant", "small", now); !ok {
		t.Error("a client's budget in one tenant is spent in another")
	}
}

// TestBudgetWaitSuffices holds Retry-After against slow budgets, where a
// request is granted less than once a second.
func TestBudgetWaitSuffices(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 999_999_999, time.UTC)
	for _, perMinute := range []int{1, 7, 59, 61, 1000} {
		b := newBudgets(Limits{PerMinute: perMinute})
		wait, ok := 0, true
		for range 1000 {
			if wait, ok = b.spend("t", "c", now); !ok {
				break
			}
		}
		if ok || wait < 1 {
			t.Fatalf("%d a minute: never refused", perMinute)
		}
		if _, ok := b.spend("t", "c", now.Add(time.Duration(wait)*time.Second)); !ok {
			t.Errorf("%d a minute: refused after waiting %d s as told", perMinute, wait)
		}
	}
}

func TestBudgetsAreBounded(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	b := newBudgets(Limits{PerMinute: 60, BudgetCount: 100})
	for i := range 1000 {
		b.spend("t", fmt.Sprint("busy", i), now)
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
