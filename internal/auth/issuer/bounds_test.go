package issuer

import (
	"fmt"
	"testing"
	"time"
)

func TestReplaysAreBounded(t *testing.T) {
	r, now := newReplays(), time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	until := now.Add(10 * time.Minute)
	for n := range maxReplays {
		if got := r.add(now, "client", fmt.Sprint(n), until); got != fresh {
			t.Fatalf("assertion %d: %v", n, got)
		}
	}
	if got := r.add(now, "client", "one more", until); got != full {
		t.Errorf("beyond the bound: %v, want refused", got)
	}
	if got := r.add(now, "client", "0", until); got != replayed {
		t.Errorf("one of the first, again: %v", got)
	}
	later := until.Add(time.Second)
	if got := r.add(later, "client", "one more", later.Add(time.Minute)); got != fresh {
		t.Errorf("when all have expired: %v", got)
	}
	if len(r.until) != 1 {
		t.Errorf("%d remembered, want 1: the expired are forgotten", len(r.until))
	}
}

func TestReplaysTellClientsApart(t *testing.T) {
	r, now := newReplays(), time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, client := range []string{"a", "b"} {
		if got := r.add(now, client, "jti", now.Add(time.Minute)); got != fresh {
			t.Errorf("client %s: %v", client, got)
		}
	}
}

func TestThrottleIsBounded(t *testing.T) {
	th, now := newThrottle(), time.Date(2026, 11, 23, 12, 0, 30, 0, time.UTC)
	for n := range 3 * maxCounted {
		th.count(now, fmt.Sprint(n))
		if len(th.counts) > maxCounted {
			t.Fatalf("%d counters", len(th.counts))
		}
	}
	th.count(now, "key")
	if wait, over := th.over(now, "key", 1); !over || wait != 30 {
		t.Errorf("over %v, wait %d; want true, 30 s", over, wait)
	}
	if _, over := th.over(now.Add(30*time.Second), "key", 1); over {
		t.Error("still over in the next minute")
	}
}
