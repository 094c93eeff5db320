package storetest

import (
	"fmt"
	"testing"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/store"
)

// fill gives a leased subscription n certificates with bodies and a few rows
// of the other kinds.
func fill(tb testing.TB, db *store.DB, l pki.Lease, n int) {
	tb.Helper()
	var list []pki.Certificate
	for i := range n {
		list = append(list, certificate(pki.ID(fmt.Sprintf("c%03d", i))))
	}
	p := pki.RunPage{Certificates: list, Skipped: []pki.SkippedItem{{ID: "s", Run: l.Run.ID, Reason: "r"}}, Run: l.Run, Now: at(1)}
	must2(tb)(db.SavePage(tb.Context(), l, p))
	must(tb, db.SaveAuthorities(tb.Context(), l, []pki.Authority{{ID: "root", DER: []byte("root")}}, nil))
}

func purges(t *testing.T, open Open) {
	db := open(t)
	ctx := t.Context()
	fill(t, db, lease(t, db, "a"), 40)
	fill(t, db, lease(t, db, "b"), 10) // shares ten bodies with a
	must(t, db.DeleteSubscription(ctx, tenant, "a", nil, event("1")))

	_, err := childCount(t, db, tenant, "a")
	code(t, err, pki.CodeNotFound)
	again := subscription(tenant, "a")
	again.Key++
	create(t, db, again)
	if n, err := childCount(t, db, tenant, "a"); err != nil || n != 0 {
		t.Errorf("a new object has inherited %d rows, %v", n, err)
	}
	rounds := 0
	for more := true; more; rounds++ {
		if rounds > 50 {
			t.Fatal("purge finds no end")
		}
		more, err = db.Purge(ctx, at(0), 7)
		must(t, err)
	}
	// 40 certificates, a run, an authority, a skipped item; a note for each of
	// 40 bodies, 30 bodies; at 7 rows a round.
	if rounds < (43+40+30)/7 {
		t.Errorf("purge took %d rounds; it is not bounded", rounds)
	}
	if n, err := childCount(t, db, tenant, "b"); err != nil || n != 13 {
		t.Errorf("b has %d rows, %v; want 13", n, err)
	}
	for i := range 10 {
		c, err := db.Certificate(ctx, tenant, "b", pki.ID(fmt.Sprintf("c%03d", i)))
		if err != nil || c.DER == nil {
			t.Errorf("a body in use is gone: %v", err)
		}
	}
	// The bodies that nobody uses are gone: a certificate without DER that
	// names one finds none.
	l := lease(t, db, "probe")
	probe := certificate("c039")
	probe.DER = nil
	must2(t)(db.SavePage(ctx, l, pki.RunPage{Certificates: []pki.Certificate{probe}, Run: l.Run, Now: at(2)}))
	c, err := db.Certificate(ctx, tenant, "probe", "c039")
	must(t, err)
	if c.DER != nil {
		t.Error("a body that nobody uses is still there")
	}
	t.Run("a body that was replaced", func(t *testing.T) {
		changed := certificate("c000")
		changed.DER = []byte("renewed")
		changed.SHA256 = pki.Thumbprint(changed.DER)
		must2(t)(db.SavePage(ctx, l, pki.RunPage{Certificates: []pki.Certificate{certificate("old")}, Run: l.Run, Now: at(3)}))
		changed.ID = "old"
		must2(t)(db.SavePage(ctx, l, pki.RunPage{Certificates: []pki.Certificate{changed}, Run: l.Run, Now: at(4)}))
		if more, err := db.Purge(ctx, at(0), 100); more || err != nil {
			t.Errorf("purge: %v, %v", more, err)
		}
		got, err := db.Certificate(ctx, tenant, "probe", "old")
		if err != nil || string(got.DER) != "renewed" {
			t.Errorf("certificate is %q, %v", got.DER, err)
		}
	})
	p, err := db.AuditEvents(ctx, tenant, odata.Query{Top: 10})
	if err != nil || len(p.Items) != 1 {
		t.Errorf("purge touched the audit trail: %v, %v", p.Items, err)
	}
}
