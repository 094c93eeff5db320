package storetest

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/store"
)

func bundles(t *testing.T, open Open) {
	t.Run("what is stored is read", func(t *testing.T) { bundleRows(t, open) })
	t.Run("what changes trust marks the bundles of its tenant", func(t *testing.T) { bundleMarks(t, open) })
	t.Run("a version is what its sources held", func(t *testing.T) { bundleSources(t, open) })
	t.Run("who fetched which version is known, within bounds", func(t *testing.T) { bundleFetches(t, open) })
	t.Run("a name goes on where it was, and old versions go", func(t *testing.T) { bundleHistory(t, open) })
	t.Run("who follows is told of each change once", func(t *testing.T) { bundleFollowed(t, open) })
	t.Run("a quota, a name and a source are checked", func(t *testing.T) { bundleRefusals(t, open) })
}

func bundle(t pki.TenantID, id pki.ID, name string) pki.TrustBundle {
	return pki.TrustBundle{
		Tenant: t, ID: id, Key: keyOf(id), Name: name, Subscriptions: []string{}, Created: at(0), LastModified: at(0), Edits: 1, Revision: 1,
		Published: odata.Never(), Expires: odata.Never(), Stale: true,
	}
}

func createBundle(tb testing.TB, db *store.DB, b pki.TrustBundle) pki.TrustBundle {
	tb.Helper()
	must(tb, db.CreateTrustBundle(tb.Context(), b, 10, pki.AuditEvent{ID: "create-" + b.ID, At: at(0)}, nil))
	return b
}

// publishBundle stores version n with what decide saw.
func publishBundle(tb testing.TB, db *store.DB, b pki.TrustBundle, keep int) (pki.TrustBundle, []pki.TrustSource) {
	tb.Helper()
	var saw []pki.TrustSource
	got, err := db.PublishTrustBundle(tb.Context(), b.Tenant, b.ID, keep, func(b *pki.TrustBundle, sources []pki.TrustSource) (*pki.TrustBundleVersion, *pki.AuditEvent, error) {
		saw = sources
		b.Version++
		b.Hash, b.Roots, b.Published, b.Expires, b.Status, b.Message = "hash", 2, at(3), at(9), pki.BundlePublished, "why"
		id := pki.ID(string(b.ID) + "-" + strconv.FormatInt(b.Version, 10))
		return &pki.TrustBundleVersion{
			ID: id, Version: b.Version, Published: at(3), Expires: at(9), Hash: "hash", LastFetched: odata.Never(),
			RootIDs: []string{"a"}, IntermediateIDs: []string{}, Roots: []byte("der"),
		}, &pki.AuditEvent{ID: "publish-" + id, At: at(3)}, nil
	})
	must(tb, err)
	return got, saw
}

func bundleRows(t *testing.T, open Open) {
	db := open(t)
	create(t, db, subscription(tenant, "s"))
	want := bundle(tenant, "b", "devices")
	want.DisplayName, want.Description = new("Größe"), new("it's")
	want.Subscriptions, want.Intermediates, want.Access = []string{"s"}, true, pki.BundlePublic
	createBundle(t, db, want)
	createBundle(t, db, bundle(another, "b", "devices"))
	published, _ := publishBundle(t, db, want, 10)
	want.Version, want.Hash, want.Roots, want.Published, want.Expires = 1, "hash", 2, at(3), at(9)
	want.Status, want.Message, want.Stale, want.Revision = pki.BundlePublished, "why", false, 2
	got, err := db.TrustBundle(t.Context(), tenant, "b")
	must(t, err)
	named, err := db.TrustBundleNamed(t.Context(), tenant, "devices")
	must(t, err)
	page, err := db.TrustBundles(t.Context(), tenant, odata.Query{Count: true})
	must(t, err)
	if d := cmp.Diff([]pki.TrustBundle{want, want, want, want}, append([]pki.TrustBundle{published, got, named}, page.Items...)); d != "" {
		t.Errorf("bundle (-want +got):\n%s", d)
	}
	v, err := db.TrustBundleVersion(t.Context(), want, 1)
	if err != nil || string(v.Roots) != "der" || v.ID != "b-1" || v.Expires != at(9) || !v.LastFetched.IsNever() {
		t.Errorf("version is %+v (%v)", v, err)
	}
	fetches := pki.BundleFetches{Tenant: tenant, Key: want.Key, Version: 1, ID: "f", Count: 2, First: at(4), Last: at(6)}
	earlier, gone := fetches, fetches
	earlier.Last, gone.Version = at(4), 9
	must(t, db.AddBundleFetches(t.Context(), []pki.BundleFetches{fetches, earlier, gone}))
	if v, err = db.TrustBundleVersion(t.Context(), want, 1); err != nil || v.Fetches != 4 || v.LastFetched != at(6) {
		t.Errorf("version is %+v (%v), want 4 fetches", v, err)
	}
	for _, b := range []pki.TrustBundle{bundle(another, "b", ""), bundle(tenant, "c", "")} {
		_, err := db.TrustBundleVersion(t.Context(), b, 1)
		code(t, err, pki.CodeNotFound)
	}
	code(t, db.DeleteTrustBundle(t.Context(), tenant, "c", nil, pki.AuditEvent{ID: "e"}), pki.CodeNotFound)
	_, err = db.TrustBundleNamed(t.Context(), tenant, "Devices")
	code(t, err, pki.CodeNotFound)
}

func bundleMarks(t *testing.T, open Open) {
	db := open(t)
	l := lease(t, db, "s")
	mine := createBundle(t, db, bundle(tenant, "b", "devices"))
	other := createBundle(t, db, bundle(another, "b", "devices"))
	stale := func() bool {
		t.Helper()
		publishBundle(t, db, other, 10)
		b, err := db.TrustBundle(t.Context(), tenant, "b")
		must(t, err)
		list, err := db.StaleTrustBundles(t.Context(), 10)
		must(t, err)
		if b.Stale != (len(list) == 1 && list[0].ID == "b" && list[0].Tenant == tenant) {
			t.Errorf("stale is %t, but %v are", b.Stale, list)
		}
		return b.Stale
	}
	if !stale() {
		t.Error("a new bundle is not stale")
	}
	for _, c := range []struct {
		name   string
		change func()
		want   bool
	}{
		{"nothing", func() {}, false},
		{"an authority", func() { must(t, db.SaveAuthorities(t.Context(), l, []pki.Authority{root("a")}, nil)) }, true},
		{"the same again", func() { must(t, db.SaveAuthorities(t.Context(), l, []pki.Authority{root("a")}, nil)) }, false},
		{"a decision of a sync", func() {
			must(t, db.SaveAuthorities(t.Context(), l, nil, func(*pki.Subscription, []pki.Authority) (pki.Effects, error) {
				return pki.Effects{Unchanged: true, Roots: []pki.Authority{retiring("a")}}, nil
			}))
		}, true},
		{"a decision of an admin", func() {
			_, err := db.ChangeTrust(t.Context(), tenant, "s", func(s *pki.Subscription, _ []pki.Authority) (pki.Effects, error) {
				s.TrustedRoot = []byte("a")
				return pki.Effects{}, nil
			})
			must(t, err)
		}, true},
		{"a new subscription", func() { create(t, db, subscription(tenant, "new")) }, true},
		{"one deleted", func() {
			must(t, db.DeleteSubscription(t.Context(), tenant, "new", nil, pki.AuditEvent{ID: "gone", At: at(5)}))
		}, true},
		{"a new subscription of another tenant", func() { create(t, db, subscription(another, "x")) }, false},
		{"the bundle itself", func() {
			_, err := db.UpdateTrustBundle(t.Context(), tenant, "b", func(b *pki.TrustBundle) error {
				b.Intermediates = true
				b.Edits++
				return nil
			}, pki.AuditEvent{ID: "patch", At: at(5)})
			must(t, err)
		}, true},
	} {
		publishBundle(t, db, mine, 10)
		if c.change(); stale() != c.want {
			t.Errorf("%s: the bundle is stale: %t", c.name, !c.want)
		}
	}
}

func bundleSources(t *testing.T, open Open) {
	db := open(t)
	l := lease(t, db, "one")
	issuing, rejected, quarantined := root("issuing"), root("rejected"), root("quarantined")
	issuing.Kind, rejected.State, quarantined.State = pki.AuthorityIssuing, pki.TrustRemoved, pki.TrustQuarantined
	must(t, db.SaveAuthorities(t.Context(), l, []pki.Authority{retiring("old"), issuing, rejected, quarantined}, func(s *pki.Subscription, _ []pki.Authority) (pki.Effects, error) {
		s.TrustedRoot = []byte("current")
		return pki.Effects{}, nil
	}))
	two := subscription(tenant, "two")
	two.TrustedRoot = []byte("second")
	create(t, db, two)
	foreign := subscription(another, "foreign")
	foreign.TrustedRoot = []byte("foreign")
	create(t, db, foreign)
	one := pki.TrustSource{Trusted: []byte("current"), Retiring: [][]byte{[]byte("old")}}
	whole := one
	whole.Others = [][]byte{[]byte("issuing")}
	for name, c := range map[string]struct {
		subscriptions []string
		intermediates bool
		want          []pki.TrustSource
	}{
		"all":   {[]string{}, false, []pki.TrustSource{one, {Trusted: []byte("second")}}},
		"one":   {[]string{"one"}, false, []pki.TrustSource{one}},
		"whole": {[]string{"one"}, true, []pki.TrustSource{whole}},
	} {
		b := bundle(tenant, pki.ID(name), name)
		b.Subscriptions, b.Intermediates = c.subscriptions, c.intermediates
		_, got := publishBundle(t, db, createBundle(t, db, b), 10)
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: sources (-want +got):\n%s", name, d)
		}
	}
}

func bundleHistory(t *testing.T, open Open) {
	db := open(t)
	b := createBundle(t, db, bundle(tenant, "b", "devices"))
	for range 4 {
		publishBundle(t, db, b, 2)
	}
	page, err := db.TrustBundleVersions(t.Context(), b, odata.Query{Count: true})
	must(t, err)
	if len(page.Items) != 2 || page.Count != 2 || page.Items[0].Version != 4 || page.Items[1].Version != 3 || page.Items[0].Roots != nil {
		t.Errorf("versions are %+v", page.Items)
	}
	must(t, db.DeleteTrustBundle(t.Context(), tenant, "b", nil, pki.AuditEvent{ID: "gone", At: at(5)}))
	_, err = db.TrustBundleVersion(t.Context(), b, 4)
	code(t, err, pki.CodeNotFound)
	for n, id := range []pki.ID{"c", "d"} {
		again := createBundle(t, db, bundle(tenant, id, "devices"))
		if got, _ := publishBundle(t, db, again, 2); got.Version != int64(5+n) {
			t.Errorf("made anew, the first version is %d", got.Version)
		}
		must(t, db.DeleteTrustBundle(t.Context(), tenant, id, nil, pki.AuditEvent{ID: "gone-" + id, At: at(5)}))
	}
}

func bundleRefusals(t *testing.T, open Open) {
	db := open(t)
	createBundle(t, db, bundle(tenant, "b", "devices"))
	add := func(b pki.TrustBundle, most int) error {
		return db.CreateTrustBundle(t.Context(), b, most, pki.AuditEvent{ID: "refused", At: at(0)}, nil)
	}
	code(t, add(bundle(tenant, "c", "devices"), 2), pki.CodeExists)
	code(t, add(bundle(tenant, "c", "other"), 1), pki.CodeQuota)
	lost := bundle(tenant, "c", "other")
	lost.Subscriptions = []string{"s"}
	create(t, db, subscription(another, "s"))
	code(t, add(lost, 2), pki.CodeInvalid)
	_, err := db.UpdateTrustBundle(t.Context(), tenant, "b", func(b *pki.TrustBundle) error {
		b.Subscriptions = []string{"s"}
		b.Edits++
		return nil
	}, pki.AuditEvent{ID: "refused", At: at(0)})
	code(t, err, pki.CodeInvalid)
	must(t, add(bundle(another, "b", "devices"), 1))
}
