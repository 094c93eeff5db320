package storetest

import (
	"fmt"
	"testing"

	"cloudpki/internal/pki"
	"cloudpki/internal/store"
)

// dueOn creates a subscription to the CA on a host that is due at at(n).
func dueOn(tb testing.TB, db *store.DB, t pki.TenantID, id pki.ID, host string, n int) {
	tb.Helper()
	s := subscription(t, id)
	uri := "https://" + host + "/pki/"
	s.NextSync, s.ServiceURI = at(n), &uri
	create(tb, db, s)
}

// takeBounded takes one lease after the other until there is none, and tells
// what they are on.
func takeBounded(tb testing.TB, db *store.DB, limit int, b pki.Bounds) (names []string, list []pki.Lease) {
	tb.Helper()
	for len(list) < limit {
		more, err := db.TakeDue(tb.Context(), "one", at(100), at(200), 1, b)
		must(tb, err)
		if len(more) == 0 {
			return names, list
		}
		list = append(list, more...)
		names = append(names, string(more[0].Tenant)+"/"+string(more[0].Subscription))
	}
	return names, list
}

func fairLeases(t *testing.T, open Open) {
	t.Run("tenants come in turn", func(t *testing.T) {
		for _, atOnce := range []bool{false, true} {
			db := open(t)
			for i := range 30 {
				due(t, db, tenant, pki.ID(fmt.Sprintf("a%02d", i)))
			}
			dueOn(t, db, another, "b0", "b.example.com", 50)
			dueOn(t, db, another, "b1", "b.example.com", 40)
			dueOn(t, db, "third", "c0", "c.example.com", 60)
			want := map[pki.TenantID]int{tenant: 2, another: 2, "third": 1}
			var list []pki.Lease
			if atOnce {
				var err error
				list, err = db.TakeDue(t.Context(), "one", at(100), at(200), 5, pki.Bounds{PerTenant: 9})
				must(t, err)
			} else {
				_, list = takeBounded(t, db, 5, pki.Bounds{PerTenant: 9})
			}
			for i, l := range list {
				if want[l.Tenant]--; i < 3 && want[l.Tenant] == 0 && l.Tenant != "third" {
					t.Errorf("%s had its second turn as number %d", l.Tenant, i)
				}
			}
			for name, left := range want {
				if left != 0 {
					t.Errorf("%s lacks %d leases of %d", name, left, len(list))
				}
			}
		}
	})
	t.Run("what a person waits for comes first", func(t *testing.T) {
		db := open(t)
		for i := range 5 {
			dueOn(t, db, pki.TenantID(fmt.Sprint("t", i)), "a", "a.example.com", i)
		}
		dueOn(t, db, tenant, "x", "x.example.com", 90)
		dueOn(t, db, tenant, "y", "y.example.com", 999)
		_, err := db.RequestRun(t.Context(), tenant, "y", newRun(t, pki.TriggerManual), pki.AuditEvent{ID: "y", At: at(1)})
		must(t, err)
		if names, _ := takeBounded(t, db, 1, pki.Bounds{PerTenant: 9}); len(names) != 1 || names[0] != string(tenant)+"/y" {
			t.Errorf("took %v, want y", names)
		}
	})
	t.Run("no host has more leases than it may", func(t *testing.T) { perHost(t, open) })
	t.Run("leases that wait leave their place", func(t *testing.T) { waiting(t, open) })
	t.Run("a clock that was ahead stalls nothing", func(t *testing.T) { recovered(t, open) })
}

func perHost(t *testing.T, open Open) {
	db := open(t)
	for i := range 4 {
		dueOn(t, db, tenant, pki.ID(fmt.Sprint("a", i)), "CA.example.com", i)
		dueOn(t, db, another, pki.ID(fmt.Sprint("b", i)), "ca.example.com:443", i)
	}
	dueOn(t, db, tenant, "c", "ca.example.com:8443", 50)
	due(t, db, tenant, "d") // whose host is not known
	names, list := takeBounded(t, db, 20, pki.Bounds{PerTenant: 20, PerHost: 2})
	if len(names) != 4 {
		t.Fatalf("took %v, want two on the host, one on the other port, and the one without", names)
	}
	for i, l := range list {
		if l.Subscription[0] == 'a' || l.Subscription[0] == 'b' {
			finish(t, db, list[i], 999)
			break
		}
	}
	if names, _ = takeBounded(t, db, 20, pki.Bounds{PerTenant: 20, PerHost: 2}); len(names) != 1 {
		t.Errorf("took %v after one on the host had ended, want one", names)
	}
	// Moved to another host, it counts there.
	uri := "https://elsewhere.example.com/"
	for _, id := range []pki.ID{"a3", "b3"} {
		_, err := db.UpdateSubscription(t.Context(), map[pki.ID]pki.TenantID{"a3": tenant, "b3": another}[id], id, func(s *pki.Subscription) (pki.Effects, error) {
			s.ServiceURI = &uri
			return pki.Effects{}, nil
		})
		must(t, err)
	}
	if names, _ = takeBounded(t, db, 20, pki.Bounds{PerTenant: 20, PerHost: 2}); len(names) != 2 {
		t.Errorf("took %v of those that moved, want two", names)
	}
}

func waiting(t *testing.T, open Open) {
	db := open(t)
	for i := range 9 {
		dueOn(t, db, tenant, pki.ID(fmt.Sprint("a", i)), "ca.example.com", i)
	}
	bounds := pki.Bounds{PerTenant: 2, PerHost: 2}
	_, list := takeBounded(t, db, 9, bounds)
	if len(list) != 2 {
		t.Fatalf("took %d, want 2", len(list))
	}
	wait := func(l pki.Lease, b pki.Bounds, want bool) {
		t.Helper()
		got, err := db.Wait(t.Context(), l, at(100), b)
		must(t, err)
		if got != want {
			t.Errorf("waits: %v, want %v", got, want)
		}
	}
	wait(list[0], pki.Bounds{PerTenant: 1}, true)
	wait(list[1], pki.Bounds{PerTenant: 1, PerHost: 9}, false)
	wait(list[1], pki.Bounds{PerTenant: 9, PerHost: 1}, false)
	_, more := takeBounded(t, db, 9, bounds)
	if len(more) != 1 {
		t.Fatalf("took %d in the place of the one that waits, want 1", len(more))
	}
	// One that waits is leased all the same, keeps its lease, and ends.
	stop, err := db.Extend(t.Context(), list[0], at(300))
	must(t, err)
	if stop {
		t.Error("nobody asked the run to stop")
	}
	finish(t, db, list[0], 999)
	wait(list[0], pki.Bounds{PerTenant: 9}, false) // lost
	wait(list[1], pki.Bounds{PerTenant: 1}, true)
	// Taken anew, it is at work again.
	again, err := db.TakeDue(t.Context(), "two", at(250), at(300), 9, pki.Bounds{PerTenant: 9})
	must(t, err)
	if len(again) != 8 {
		t.Fatalf("took %d after all leases had run out, want 8", len(again))
	}
	if names, _ := takeBounded(t, db, 9, pki.Bounds{PerTenant: 8}); len(names) != 0 {
		t.Errorf("took %v beyond the bound", names)
	}
}

func recovered(t *testing.T, open Open) {
	const far = 1 << 20
	db := open(t)
	plan := func(id pki.ID, created, synced, next int) {
		t.Helper()
		s := subscription(tenant, id)
		s.Created, s.LastSync, s.NextSync = at(created), at(synced), at(next)
		create(t, db, s)
	}
	plan("synced ahead", 0, far, 2*far)
	plan("made ahead", far, 0, far)
	plan("long schedule", 0, 0, far)
	plan("soon", 0, 0, 150)
	plan("leased ahead", 0, 0, 1)
	_, err := db.TakeDue(t.Context(), "dead", at(2), at(far), 1, pki.Bounds{PerTenant: 1})
	must(t, err)
	plan("leased", 0, 0, 1)
	_, err = db.TakeDue(t.Context(), "one", at(2), at(200), 1, pki.Bounds{PerTenant: 2})
	must(t, err)
	must(t, db.Recover(t.Context(), "one", at(100), at(400)))
	_, list := takeBounded(t, db, 9, pki.Bounds{PerTenant: 9})
	got := make(map[pki.ID]bool)
	for _, l := range list {
		got[l.Subscription] = true
	}
	if len(list) != 3 || !got["synced ahead"] || !got["made ahead"] || !got["leased ahead"] {
		t.Errorf("due are %v", got)
	}
	next, err := db.NextDue(t.Context())
	must(t, err)
	if next != at(150) {
		t.Errorf("then %v is due, want %v", next.Time(), at(150).Time())
	}
}
