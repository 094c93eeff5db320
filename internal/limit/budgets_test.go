package limit

import (
	"fmt"
	"testing"
	"time"
)

func TestBudget(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	b := NewBudgets(func(c Client) int {
		if c.Name == "large" {
			return 600
		}
		return 60
	}, 10)
	for client, burst := range map[string]int{"small": 10, "large": 100} {
		key := Client{"t", client}
		for i := range burst {
			u := b.Spend(key, now)
			if u.Wait != 0 || u.Limit != burst || u.Remaining != burst-i-1 {
				t.Fatalf("%s: request %d of a burst of %d: %+v", client, i+1, burst, u)
			}
		}
		u := b.Spend(key, now)
		if u.Wait != 1 || u.Remaining != 0 || u.Reset != 10 || u.Share() != 1 {
			t.Errorf("%s: after its burst: %+v", client, u)
		}
		if u := b.Spend(key, now.Add(time.Duration(u.Wait)*time.Second)); u.Wait != 0 {
			t.Errorf("%s: refused although it waited as told: %+v", client, u)
		}
	}
	if u := b.Spend(Client{"other tenant", "small"}, now); u.Wait != 0 {
		t.Error("a client's budget in one tenant is spent in another")
	}
}

// TestBudgetWaitSuffices holds Retry-After against slow budgets, where a
// request is granted less than once a second.
func TestBudgetWaitSuffices(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 999_999_999, time.UTC)
	for _, perMinute := range []int{1, 7, 59, 61, 1000} {
		b := NewBudgets(func(string) int { return perMinute }, 10)
		var u Usage
		for range 1000 {
			if u = b.Spend("c", now); u.Wait > 0 {
				break
			}
		}
		if u.Wait < 1 {
			t.Fatalf("%d a minute: never refused", perMinute)
		}
		if again := b.Spend("c", now.Add(time.Duration(u.Wait)*time.Second)); again.Wait > 0 {
			t.Errorf("%d a minute: refused after waiting %d s as told", perMinute, u.Wait)
		}
	}
}

func TestBudgetsAreBounded(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	b := NewBudgets(func(string) int { return 60 }, 100)
	for i := range 1000 {
		b.Spend(fmt.Sprint("busy", i), now)
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
