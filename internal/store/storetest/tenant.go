package storetest

import (
	"testing"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/store"
)

// tenants asks every method that names a tenant for what another one has.
func tenants(t *testing.T, open Open) {
	db := open(t)
	ctx := t.Context()
	l := lease(t, db, "a")
	must2(t)(db.SavePage(ctx, l, pki.RunPage{
		Certificates: []pki.Certificate{certificate("c")}, Skipped: []pki.SkippedItem{{ID: "s", Run: l.Run.ID, Reason: "r"}}, Run: l.Run, Now: at(1),
	}))
	must(t, db.SaveAuthorities(ctx, l, []pki.Authority{{ID: "root", DER: []byte("root")}}, nil))
	must(t, db.DeleteSubscription(ctx, tenant, create(t, db, subscription(tenant, "gone")).ID, nil, event("1")))

	q := odata.Query{Top: 10, Count: true}
	notFound := func(name string, err error) {
		t.Helper()
		if pki.CodeOf(err) != pki.CodeNotFound {
			t.Errorf("%s: error is %v, want CodeNotFound", name, err)
		}
	}
	foreign := func() {
		t.Helper()
		_, err := db.Run(ctx, another, "a", l.Run.ID)
		notFound("Run", err)
		_, err = db.Authority(ctx, another, "a", "root")
		notFound("Authority", err)
		_, err = db.Certificate(ctx, another, "a", "c")
		notFound("Certificate", err)
	}
	foreign()
	_, err := childCount(t, db, another, "a")
	notFound("lists", err)

	// With an object under the same id: the children are not its own.
	create(t, db, subscription(another, "a"))
	foreign()
	if n, err := childCount(t, db, another, "a"); err != nil || n != 0 {
		t.Errorf("another tenant lists %d children, %v", n, err)
	}
	must(t, db.DeleteSubscription(ctx, another, "a", nil, event("2")))

	_, err = db.Subscription(ctx, another, "a")
	notFound("Subscription", err)
	_, err = db.UpdateSubscription(ctx, another, "a", func(*pki.Subscription) (pki.Effects, error) {
		t.Error("change was called with a foreign row")
		return pki.Effects{}, nil
	})
	notFound("UpdateSubscription", err)
	notFound("DeleteSubscription", db.DeleteSubscription(ctx, another, "a", func(pki.Subscription) error {
		t.Error("check was called with a foreign row")
		return nil
	}, event("4")))
	_, err = db.RequestRun(ctx, another, "a", newRun(t, pki.TriggerManual), event("5"))
	notFound("RequestRun", err)
	if p, err := db.Subscriptions(ctx, another, q); err != nil || len(p.Items) != 0 || p.Count != 0 {
		t.Errorf("Subscriptions: %+v, %v", p, err)
	}
	p, err := db.AuditEvents(ctx, tenant, q)
	if err != nil || len(p.Items) != 1 || p.Count != 1 {
		t.Errorf("AuditEvents: %+v, %v", p, err)
	}
	if n, err := childCount(t, db, tenant, "a"); err != nil || n != 4 {
		t.Errorf("the owner lists %d children, %v; want 4", n, err)
	}
}

// childCount lists all that belongs to a subscription.
func childCount(t *testing.T, db *store.DB, tenant pki.TenantID, sub pki.ID) (int64, error) {
	q := odata.Query{Top: 10, Count: true}
	runs, err := db.Runs(t.Context(), tenant, sub, q)
	certificates, err2 := db.Certificates(t.Context(), tenant, sub, q)
	authorities, err3 := db.Authorities(t.Context(), tenant, sub, q)
	skipped, err4 := db.SkippedItems(t.Context(), tenant, sub, q)
	for _, e := range []error{err2, err3, err4} {
		if pki.CodeOf(e) != pki.CodeOf(err) {
			t.Errorf("lists disagree: %v and %v", err, e)
		}
	}
	return runs.Count + certificates.Count + authorities.Count + skipped.Count, err
}
