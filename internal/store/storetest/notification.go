package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/secret"
	"cloudpki/internal/store"
)

func notifications(t *testing.T, open Open) {
	for name, examine := range map[string]func(*testing.T, Open){
		"who follows is told, in order":              fanOut,
		"what is undone is not told":                 undone,
		"an object made anew is another":             incarnations,
		"one worker has a receiver":                  receiverLeases,
		"receivers that fail are apart":              poorReceivers,
		"no tenant has more leases than it may":      receiversPerTenant,
		"what is given up can be read":               deadLetters,
		"a quota holds":                              quota,
		"tenants do not see each other's":            notificationTenants,
		"what is stored is read":                     notificationRows,
		"time ends subscriptions":                    tending,
		"nothing is left of what was deleted":        leftovers,
		"what waits is counted":                      notificationBacklog,
		"a wake-up comes with the commit that fills": notificationWake,
		"many receivers do not make a long write":    manyReceivers,
	} {
		t.Run(name, func(t *testing.T) { examine(t, open) })
	}
}

// later returns a time so many minutes from now, by the clock of the store.
func later(minutes int) odata.DateTimeOffset {
	return odata.FromTime(time.Now().Add(time.Duration(minutes) * time.Minute))
}

func notification(t pki.TenantID, id pki.ID, resource string) pki.NotificationSubscription {
	return pki.NotificationSubscription{
		Tenant: t, ID: id, Key: keyOf(id), Application: "app", Creator: "ada", ChangeType: "created,updated,deleted", Resource: resource,
		URL: "https://receiver.example/" + string(id), LatestTLS: "v1_2", Expires: later(60), RemindAt: odata.Never(),
	}
}

func follow(tb testing.TB, db *store.DB, n pki.NotificationSubscription) pki.NotificationSubscription {
	tb.Helper()
	must(tb, db.CreateNotificationSubscription(tb.Context(), n, 100, pki.AuditEvent{ID: "follow-" + n.ID, At: at(0)}))
	return n
}

// deliveries takes what waits for receivers that behave.
func deliveries(tb testing.TB, db *store.DB, minute int) []pki.Delivery {
	tb.Helper()
	return takeDeliveries(tb, db, minute, false)
}

func takeDeliveries(tb testing.TB, db *store.DB, minute int, poor bool) []pki.Delivery {
	tb.Helper()
	list, err := db.TakeDeliveries(tb.Context(), "worker", later(minute), later(minute+1), poor, 10, 10)
	must(tb, err)
	slices.SortFunc(list, func(a, b pki.Delivery) int {
		return strings.Compare(string(a.Subscription.ID), string(b.Subscription.ID))
	})
	return list
}

// delivered ends a lease with success.
func delivered(tb testing.TB, db *store.DB, d pki.Delivery) {
	tb.Helper()
	must(tb, db.SettleDelivery(tb.Context(), d.Lease, pki.Settlement{Delivered: d.Batch, Due: later(0)}))
}

// told writes deliveries as text.
func told(list []pki.Delivery) string {
	var b strings.Builder
	for _, d := range list {
		fmt.Fprintf(&b, "%s:", d.Subscription.ID)
		for _, n := range d.Batch {
			fmt.Fprintf(&b, " %s %s", n.Event, n.Object)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func retitle(tb testing.TB, db *store.DB, id pki.ID) pki.Subscription {
	tb.Helper()
	s, err := db.UpdateSubscription(tb.Context(), tenant, id, func(s *pki.Subscription) (pki.Effects, error) {
		s.DisplayName = new("touched")
		return pki.Effects{}, nil
	})
	must(tb, err)
	return s
}

func sameNotification(t *testing.T, want, got pki.NotificationSubscription) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("subscription (-want +got):\n%s", diff)
	}
}

func fanOut(t *testing.T, open Open) {
	db := open(t)
	due(t, db, tenant, "x")
	follow(t, db, notification(tenant, "all", "cloudPkiSubscriptions"))
	follow(t, db, notification(tenant, "one", "deviceManagement/cloudPkiSubscriptions('x')"))
	follow(t, db, notification(tenant, "children", "/cloudPkiSubscriptions/x/certificates"))
	only := notification(tenant, "only", "cloudPkiSubscriptions")
	only.ChangeType = "deleted"
	follow(t, db, only)
	expired := notification(tenant, "expired", "cloudPkiSubscriptions")
	expired.Expires = later(-1)
	follow(t, db, expired)

	create(t, db, subscription(tenant, "y"))
	s := retitle(t, db, "x")
	retitle(t, db, "y")
	l := take(t, db, "syncer", 100)[0]
	_, err := db.SavePage(t.Context(), l, pki.RunPage{Run: l.Run, Now: at(101), Certificates: []pki.Certificate{certificate("c1"), certificate("c2")}})
	must(t, err)
	remove(t, db, "x", "gone")

	list := deliveries(t, db, 0)
	want := "all: created y updated x updated y deleted x\nchildren: created c1 created c2\none: updated x deleted x\nonly: deleted x\n"
	if got := told(list); got != want {
		t.Errorf("told\n%swant\n%s", got, want)
	}
	one := list[2].Batch
	if one[0].ETag != s.ETag() || one[1].ETag != "" || one[0].Subscription != "x" || list[1].Batch[0].Subscription != "x" {
		t.Errorf("notifications are %+v", one)
	}
	for _, d := range list {
		delivered(t, db, d)
	}
	if list := deliveries(t, db, 0); len(list) != 0 {
		t.Errorf("delivered notifications are taken again: %s", told(list))
	}
	again := subscription(tenant, "x")
	again.Key++
	create(t, db, again)
	retitle(t, db, "x")
	if got := told(deliveries(t, db, 0)); got != "all: created x updated x\n" {
		t.Errorf("after the end of what was followed told\n%s", got)
	}
}

func undone(t *testing.T, open Open) {
	db := open(t)
	create(t, db, subscription(tenant, "x"))
	follow(t, db, notification(tenant, "all", "cloudPkiSubscriptions"))
	failed := errors.New("no")
	err := db.Atomically(t.Context(), func(ctx context.Context) error {
		must(t, db.CreateSubscription(ctx, subscription(tenant, "y"), pki.Effects{}, nil))
		_, err := db.UpdateSubscription(ctx, tenant, "x", func(*pki.Subscription) (pki.Effects, error) { return pki.Effects{}, nil })
		must(t, err)
		return failed
	})
	if !errors.Is(err, failed) {
		t.Fatalf("error is %v", err)
	}
	code(t, db.CreateSubscription(t.Context(), subscription(tenant, "x"), pki.Effects{}, nil), pki.CodeExists)
	if list := deliveries(t, db, 0); len(list) != 0 {
		t.Errorf("told %s", told(list))
	}
}

func incarnations(t *testing.T, open Open) {
	db := open(t)
	create(t, db, subscription(tenant, "x"))
	follow(t, db, notification(tenant, "one", "cloudPkiSubscriptions/x"))
	remove(t, db, "x", "gone")
	again := subscription(tenant, "x")
	again.Key++
	create(t, db, again)
	retitle(t, db, "x")
	if got := told(deliveries(t, db, 0)); got != "one: deleted x\n" {
		t.Errorf("told\n%s", got)
	}
	code(t, db.CreateNotificationSubscription(t.Context(), notification(tenant, "none", "cloudPkiSubscriptions/z"), 9, pki.AuditEvent{}), pki.CodeNotFound)
}

func receiverLeases(t *testing.T, open Open) {
	db := open(t)
	follow(t, db, notification(tenant, "all", "cloudPkiSubscriptions"))
	for i := range 120 {
		create(t, db, subscription(tenant, pki.ID(fmt.Sprintf("s%03d", i))))
	}
	late := deliveries(t, db, 0)[0]
	if len(late.Batch) != 100 || late.Batch[0].Object != "s000" || late.Batch[99].Object != "s099" {
		t.Fatalf("batch has %d, from %s", len(late.Batch), late.Batch[0].Object)
	}
	if list := deliveries(t, db, 0); len(list) != 0 {
		t.Fatal("a live lease was taken")
	}
	now := deliveries(t, db, 2)[0] // the lease has run out
	if now.Lease.Fence <= late.Lease.Fence || told([]pki.Delivery{now}) != told([]pki.Delivery{late}) {
		t.Errorf("took %+v after %+v", now.Lease, late.Lease)
	}
	code(t, db.SettleDelivery(t.Context(), late.Lease, pki.Settlement{Delivered: late.Batch}), pki.CodeLeaseLost)
	_, _, err := db.GiveUp(t.Context(), late.Lease, later(9), later(9), "late")
	code(t, err, pki.CodeLeaseLost)
	delivered(t, db, now)
	code(t, db.SettleDelivery(t.Context(), now.Lease, pki.Settlement{Delivered: now.Batch}), pki.CodeLeaseLost)
	rest := deliveries(t, db, 2)
	if len(rest) != 1 || len(rest[0].Batch) != 20 || rest[0].Batch[0].Object != "s100" {
		t.Errorf("the rest is %s", told(rest))
	}
	must(t, db.ReleaseReceivers(t.Context(), "worker")) // nobody else's
	if list := deliveries(t, db, 2); len(list) != 0 {
		t.Error("the own lease was released")
	}
}

func poorReceivers(t *testing.T, open Open) {
	db := open(t)
	follow(t, db, notification(tenant, "all", "cloudPkiSubscriptions"))
	create(t, db, subscription(tenant, "x"))
	d := deliveries(t, db, 0)[0]
	must(t, db.SettleDelivery(t.Context(), d.Lease, pki.Settlement{Due: later(3), Failures: 7, Poor: true}))
	if next, err := db.NextDelivery(t.Context()); err != nil || next.Ticks < later(2).Ticks || next.Ticks > later(3).Ticks {
		t.Errorf("next delivery is at %v, %v", next, err)
	}
	for _, c := range []struct {
		minute int
		poor   bool
		want   int
	}{{0, true, 0}, {4, false, 0}, {4, true, 1}} {
		list := takeDeliveries(t, db, c.minute, c.poor)
		if len(list) != c.want {
			t.Fatalf("after %d minutes took %d (poor: %t), want %d", c.minute, len(list), c.poor, c.want)
		}
		if len(list) == 1 && (list[0].Failures != 7 || told(list) != "all: created x\n") {
			t.Errorf("took %s after %d failures", told(list), list[0].Failures)
		}
	}
}

func receiversPerTenant(t *testing.T, open Open) {
	db := open(t)
	for i := range 8 {
		follow(t, db, notification(tenant, pki.ID(fmt.Sprintf("a%d", i)), "cloudPkiSubscriptions"))
	}
	follow(t, db, notification(another, "b", "cloudPkiSubscriptions"))
	create(t, db, subscription(tenant, "x"))
	create(t, db, subscription(another, "x"))
	takeSome := func() int {
		list, err := db.TakeDeliveries(t.Context(), "worker", later(0), later(1), false, 4, 3)
		must(t, err)
		return len(list)
	}
	if first, second := takeSome(), takeSome(); first != 4 || second != 0 {
		t.Errorf("took %d and then %d, want 4 (3 of one tenant) and none", first, second)
	}
}

func deadLetters(t *testing.T, open Open) {
	db := open(t)
	n := notification(tenant, "all", "deviceManagement/cloudPkiSubscriptions")
	n.LifecycleURL = "https://receiver.example/lifecycle"
	follow(t, db, n)
	for _, id := range []pki.ID{"x", "y"} {
		create(t, db, subscription(tenant, id))
	}
	d := deliveries(t, db, 0)[0]
	giveUp := func(before odata.DateTimeOffset) int {
		dropped, more, err := db.GiveUp(t.Context(), d.Lease, before, later(0), "HTTP 500")
		must(t, err)
		if more {
			t.Error("there is more")
		}
		return dropped
	}
	if young, old := giveUp(later(-1)), giveUp(later(1)); young != 0 || old != 2 {
		t.Errorf("gave up %d young ones and %d old ones, want 0 and 2", young, old)
	}
	must(t, db.SettleDelivery(t.Context(), d.Lease, pki.Settlement{Due: later(0)}))
	list := deliveries(t, db, 0)
	if told(list) != "all: missed \n" || list[0].Lease.Lane != pki.LaneLifecycle || list[0].Address() != n.LifecycleURL {
		t.Fatalf("then told %s", told(list))
	}
	created := pki.DeadLetterType().Property("resourceId")
	q := odata.Query{Top: 1, Count: true}
	page, err := db.DeadLetters(t.Context(), n, q)
	must(t, err)
	if page.Count != 2 || len(page.Items) != 1 || page.After == nil {
		t.Errorf("page is %+v", page)
	}
	q.Filter = odata.Comparison{Path: odata.Path{Property: created}, Op: odata.Eq, Value: odata.String("x")}
	page, err = db.DeadLetters(t.Context(), n, q)
	must(t, err)
	if len(page.Items) != 1 {
		t.Fatalf("page is %+v", page)
	}
	got := page.Items[0]
	if got.Event != "created" || got.Resource != "deviceManagement/cloudPkiSubscriptions/x" || got.Object != "x" || got.Reason != "HTTP 500" || got.Created.Ticks > got.Dropped.Ticks {
		t.Errorf("dead letter is %+v", got)
	}
	if page, err := db.DeadLetters(t.Context(), notification(another, "all", ""), odata.Query{Top: 9}); err != nil || len(page.Items) != 0 {
		t.Errorf("another tenant sees %+v, %v", page.Items, err)
	}
}

func quota(t *testing.T, open Open) {
	db := open(t)
	for i := range 3 {
		follow(t, db, notification(tenant, pki.ID(fmt.Sprint(i)), "cloudPkiSubscriptions"))
	}
	more := notification(tenant, "more", "cloudPkiSubscriptions")
	code(t, db.AdmitNotificationSubscription(t.Context(), more, 3), pki.CodeQuota)
	code(t, db.CreateNotificationSubscription(t.Context(), more, 3, pki.AuditEvent{}), pki.CodeQuota)
	must(t, db.AdmitNotificationSubscription(t.Context(), more, 4))
	more.Tenant = another
	must(t, db.CreateNotificationSubscription(t.Context(), more, 3, pki.AuditEvent{ID: "e"}))
}

func notificationTenants(t *testing.T, open Open) {
	db := open(t)
	ctx := t.Context()
	follow(t, db, notification(tenant, "all", "cloudPkiSubscriptions"))
	create(t, db, subscription(another, "x"))
	if list := deliveries(t, db, 0); len(list) != 0 {
		t.Errorf("told %s", told(list))
	}
	_, err := db.NotificationSubscription(ctx, another, "all")
	code(t, err, pki.CodeNotFound)
	_, err = db.UpdateNotificationSubscription(ctx, another, "all", func(*pki.NotificationSubscription) error { return nil }, pki.AuditEvent{})
	code(t, err, pki.CodeNotFound)
	code(t, db.DeleteNotificationSubscription(ctx, another, "all", nil, pki.AuditEvent{}), pki.CodeNotFound)
	code(t, db.CreateNotificationSubscription(ctx, notification(tenant, "foreign", "cloudPkiSubscriptions/x"), 9, pki.AuditEvent{}), pki.CodeNotFound)
	if page, err := db.NotificationSubscriptions(ctx, another, odata.Query{Top: 9}); err != nil || len(page.Items) != 0 {
		t.Errorf("another tenant sees %v, %v", page.Items, err)
	}
}

func notificationRows(t *testing.T, open Open) {
	db := open(t)
	ctx := t.Context()
	create(t, db, subscription(tenant, "x"))
	n := notification(tenant, "n", "cloudPkiSubscriptions/x/syncRuns")
	n.LifecycleURL, n.RemindAt = "https://receiver.example/l", later(50)
	n.ClientState, n.StateKey = secret.Sealed("sealed state"), secret.Sealed("wrapped key")
	follow(t, db, n)
	got, err := db.NotificationSubscription(ctx, tenant, "n")
	must(t, err)
	key := keyOf("x")
	n.Incarnation = &key
	sameNotification(t, n, got)
	n, err = db.UpdateNotificationSubscription(ctx, tenant, "n", func(n *pki.NotificationSubscription) error {
		n.URL, n.Expires, n.RemindAt = "https://elsewhere.example/", later(90), odata.Never()
		return nil
	}, pki.AuditEvent{ID: "update"})
	must(t, err)
	got, err = db.NotificationSubscription(ctx, tenant, "n")
	must(t, err)
	sameNotification(t, n, got)
	page, err := db.NotificationSubscriptions(ctx, tenant, odata.Query{Top: 9, Count: true})
	must(t, err)
	if page.Count != 1 || len(page.Items) != 1 || page.Items[0].ClientState != nil || page.Items[0].URL != n.URL {
		t.Errorf("list is %+v", page)
	}
	refused := errors.New("no")
	_, err = db.UpdateNotificationSubscription(ctx, tenant, "n", func(*pki.NotificationSubscription) error { return refused }, pki.AuditEvent{})
	if !errors.Is(err, refused) {
		t.Errorf("error is %v", err)
	}
	err = db.DeleteNotificationSubscription(ctx, tenant, "n", func(pki.NotificationSubscription) error { return refused }, pki.AuditEvent{})
	if !errors.Is(err, refused) {
		t.Errorf("error is %v", err)
	}
}
