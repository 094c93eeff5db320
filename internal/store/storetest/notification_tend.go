package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

func tending(t *testing.T, open Open) {
	db := open(t)
	ctx := t.Context()
	n := notification(tenant, "n", "cloudPkiSubscriptions")
	n.LifecycleURL, n.RemindAt = "https://receiver.example/l", later(50)
	follow(t, db, n)
	follow(t, db, notification(tenant, "silent", "cloudPkiSubscriptions"))
	create(t, db, subscription(tenant, "x"))
	tend := func(minute int) {
		t.Helper()
		for more := true; more; {
			var err error
			more, err = db.TendNotifications(ctx, later(minute), later(minute-1000), 2)
			must(t, err)
		}
	}
	lifecycle := func(minute int) string {
		t.Helper()
		all := deliveries(t, db, minute)
		list := slices.DeleteFunc(all, func(d pki.Delivery) bool { return d.Lease.Lane == pki.LaneChanges })
		for _, d := range list {
			delivered(t, db, d)
		}
		return told(list)
	}
	tend(49)
	if got := lifecycle(49); got != "" {
		t.Errorf("too early told %s", got)
	}
	tend(51)
	tend(52)
	if got := lifecycle(52); got != "n: reauthorizationRequired \n" {
		t.Errorf("near the end told %s", got)
	}
	tend(61)
	if got := lifecycle(70); got != "n: subscriptionRemoved \n" {
		t.Errorf("at the end told %s", got)
	}
	for _, id := range []pki.ID{"n", "silent"} {
		_, err := db.NotificationSubscription(ctx, tenant, id)
		code(t, err, pki.CodeNotFound)
	}
	tend(71)
	if got := told(deliveries(t, db, 99)); got != "" {
		t.Errorf("after the end told %s", got)
	}
	tend(80)
	if b, err := db.NotificationBacklog(ctx); err != nil || b != (pki.NotificationBacklog{Oldest: odata.Never()}) {
		t.Errorf("what is left is %+v, %v", b, err)
	}
}

func leftovers(t *testing.T, open Open) {
	db := open(t)
	ctx := t.Context()
	n := follow(t, db, notification(tenant, "n", "cloudPkiSubscriptions"))
	for i := range 5 {
		create(t, db, subscription(tenant, pki.ID(fmt.Sprint(i))))
	}
	d := deliveries(t, db, 0)[0]
	_, _, err := db.GiveUp(ctx, d.Lease, later(1), later(0), "x")
	must(t, err)
	create(t, db, subscription(tenant, "last"))
	must(t, db.DeleteNotificationSubscription(ctx, tenant, "n", func(pki.NotificationSubscription) error { return nil }, pki.AuditEvent{ID: "e"}))
	code(t, db.SettleDelivery(ctx, d.Lease, pki.Settlement{}), pki.CodeLeaseLost)
	if list := deliveries(t, db, 9); len(list) != 0 {
		t.Errorf("told %s", told(list))
	}
	if more, err := db.TendNotifications(ctx, later(4), later(-9), 2); more || err != nil {
		t.Errorf("a queue that may still be filled is removed: %v, %v", more, err)
	}
	rounds := 0
	for more := true; more; rounds++ {
		more, err = db.TendNotifications(ctx, later(6), later(-9), 2)
		must(t, err)
	}
	if page, err := db.DeadLetters(ctx, n, odata.Query{Top: 9}); err != nil || len(page.Items) != 0 || rounds < 3 {
		t.Errorf("after %d rounds there are %v, %v", rounds, page.Items, err)
	}
	if b, err := db.NotificationBacklog(ctx); err != nil || b.Queued != 0 || b.Subscriptions != 0 {
		t.Errorf("what is left is %+v, %v", b, err)
	}
}

func notificationBacklog(t *testing.T, open Open) {
	db := open(t)
	follow(t, db, notification(tenant, "a", "cloudPkiSubscriptions"))
	follow(t, db, notification(tenant, "b", "cloudPkiSubscriptions"))
	create(t, db, subscription(tenant, "x"))
	b, err := db.NotificationBacklog(t.Context())
	must(t, err)
	if b.Subscriptions != 2 || b.Queued != 2 || b.Oldest.Ticks > later(0).Ticks || b.Oldest.Ticks < later(-1).Ticks {
		t.Errorf("backlog is %+v", b)
	}
}

func notificationWake(t *testing.T, open Open) {
	db := open(t)
	drain := func() {
		select {
		case <-db.NotificationWake():
		default:
		}
	}
	woken := func() {
		t.Helper()
		select {
		case <-db.NotificationWake():
		default:
			t.Error("nobody is woken")
		}
	}
	follow(t, db, notification(tenant, "a", "cloudPkiSubscriptions"))
	drain()
	must(t, db.Atomically(t.Context(), func(ctx context.Context) error {
		err := db.CreateSubscription(ctx, subscription(tenant, "x"), pki.Effects{}, nil)
		return err
	}))
	woken()
	create(t, db, subscription(tenant, "y"))
	woken()
}

// manyReceivers: the more receivers there are to be told, the fewer changes one
// transaction makes, and none is lost between them.
func manyReceivers(t *testing.T, open Open) {
	db := open(t)
	due(t, db, tenant, "x")
	const receivers, certificates = 100, 50
	for i := range receivers {
		n := notification(tenant, pki.ID(fmt.Sprint("n", i)), "cloudPkiSubscriptions/x/certificates")
		must(t, db.CreateNotificationSubscription(t.Context(), n, receivers, pki.AuditEvent{ID: "follow-" + n.ID, At: at(0)}))
	}
	l := take(t, db, "syncer", 100)[0]
	list := make([]pki.Certificate, certificates)
	for i := range list {
		list[i] = certificate(pki.ID(fmt.Sprintf("c%02d", i)))
	}
	before := db.Stats().Writes
	counts, err := db.SavePage(t.Context(), l, pki.RunPage{Run: l.Run, Now: at(101), Listing: pki.Listing{ID: l.Run.ID}, Certificates: list})
	must(t, err)
	if writes := db.Stats().Writes - before; counts.New != certificates || writes != 3 {
		t.Errorf("%+v took %d writes, want 3", counts, writes)
	}
	l.Run.ID = "next" // sees none of them
	before = db.Stats().Writes
	n, err := db.MarkMissing(t.Context(), l, l.Run.ID, at(102), func(int, int) error { return nil })
	must(t, err)
	if writes := db.Stats().Writes - before; n != certificates || writes != 3 {
		t.Errorf("%d are missing after %d writes, want %d after 3", n, writes, certificates)
	}
	for _, d := range deliveries(t, db, 0) {
		if len(d.Batch) != 2*certificates {
			t.Errorf("%s is told of %d changes, want %d", d.Subscription.ID, len(d.Batch), 2*certificates)
		}
	}
}
