package storetest

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/store"
)

// bundleFollowed: creating, publishing, changing and deleting are changes; what
// is looked at and found as it was is none.
func bundleFollowed(t *testing.T, open Open) {
	db := open(t)
	b := createBundle(t, db, bundle(tenant, "b", "devices"))
	follow(t, db, notification(tenant, "all", "deviceManagement/trustBundles"))
	follow(t, db, notification(tenant, "one", "deviceManagement/trustBundles('b')"))
	follow(t, db, notification(tenant, "other", "deviceManagement/cloudPkiSubscriptions"))
	code(t, db.CreateNotificationSubscription(t.Context(), notification(another, "n", "deviceManagement/trustBundles/b"), 9, pki.AuditEvent{ID: "e"}), pki.CodeNotFound)
	from := pki.DeltaPosition{Begun: at(0), Latest: true}
	round(t, db, &from)

	publishBundle(t, db, b, 10)
	_, err := db.PublishTrustBundle(t.Context(), tenant, "b", 10, func(*pki.TrustBundle, []pki.TrustSource) (*pki.TrustBundleVersion, *pki.AuditEvent, error) {
		return nil, nil, nil
	})
	must(t, err)
	_, err = db.UpdateTrustBundle(t.Context(), tenant, "b", func(*pki.TrustBundle) error { return nil }, pki.AuditEvent{ID: "none"})
	must(t, err)
	_, err = db.UpdateTrustBundle(t.Context(), tenant, "b", func(b *pki.TrustBundle) error {
		b.Intermediates = true
		b.Edits++
		return nil
	}, pki.AuditEvent{ID: "patch"})
	must(t, err)
	createBundle(t, db, bundle(tenant, "c", "other"))
	createBundle(t, db, bundle(another, "d", "devices"))
	if d := cmp.Diff([]string{"b 2.3", "c 1.1"}, round(t, db, &from)); d != "" {
		t.Errorf("delta (-want +got):\n%s", d)
	}
	stop := pki.AuditEvent{ID: "stop"}
	code(t, db.DeleteTrustBundle(t.Context(), tenant, "b", func(pki.TrustBundle) error { return pki.NotFound("x", "x") }, stop), pki.CodeNotFound)
	must(t, db.DeleteTrustBundle(t.Context(), tenant, "b", nil, stop))
	if d := cmp.Diff([]string{"b deleted"}, round(t, db, &from)); d != "" {
		t.Errorf("delta (-want +got):\n%s", d)
	}

	told := make(map[pki.ID][]string)
	for _, d := range deliveries(t, db, 1) {
		for _, n := range d.Batch {
			told[d.Subscription.ID] = append(told[d.Subscription.ID], n.Event+" "+string(n.Object)+string(n.Subscription))
		}
	}
	want := map[pki.ID][]string{
		"all": {"updated b", "updated b", "created c", "deleted b"},
		"one": {"updated b", "updated b", "deleted b"},
	}
	if d := cmp.Diff(want, told); d != "" {
		t.Errorf("notifications (-want +got):\n%s", d)
	}
}

// round follows the bundles of tenant from from to the end.
func round(tb testing.TB, db *store.DB, from *pki.DeltaPosition) (told []string) {
	tb.Helper()
	for more := true; more; {
		page, err := db.TrustBundleChanges(tb.Context(), tenant, odata.Query{Top: 1}, *from)
		must(tb, err)
		for _, item := range page.Items {
			what := string(item.Removed)
			if item.Item != nil {
				what = item.Item.ETag()[len(`W/"`):][:len("1.1")]
			}
			told = append(told, string(item.ID)+" "+what)
		}
		*from, more = page.Next, page.More
	}
	return slices.Clip(told)
}
