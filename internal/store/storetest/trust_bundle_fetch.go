package storetest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/store"
)

// fetched notes a fetch of version n of b, as f says.
func fetched(b pki.TrustBundle, n int64, who pki.BundleFetcher, format string, hour int) pki.BundleFetches {
	id := pki.ID(fmt.Sprintf("%d-%d-%s-%s", n, who.Kind, who.ID, format))
	return pki.BundleFetches{
		Tenant: b.Tenant, Key: b.Key, Version: n, Fetcher: who, Format: format, Count: 1, First: at(hour), Last: at(hour), ID: id,
	}
}

func application(id string) pki.BundleFetcher {
	return pki.BundleFetcher{Kind: pki.FetcherApplication, ID: id, Name: "of " + id}
}

func bundleFetches(t *testing.T, open Open) {
	db := open(t)
	b := createBundle(t, db, bundle(tenant, "b", "devices"))
	other := createBundle(t, db, bundle(another, "b", "devices"))
	for range 2 {
		publishBundle(t, db, b, 2)
		publishBundle(t, db, other, 2)
	}
	user, program := pki.BundleFetcher{Kind: pki.FetcherUser, ID: "one"}, pki.BundleFetcher{Kind: pki.FetcherAnonymous, ID: "curl"}
	must(t, db.AddBundleFetches(t.Context(), []pki.BundleFetches{
		fetched(b, 1, application("one"), "pem", 4),
		fetched(b, 1, application("one"), "pem", 3),
		fetched(b, 1, application("two"), "pem", 4),
		fetched(b, 1, user, "pem", 4),
		fetched(b, 1, pki.BundleFetcher{Kind: pki.FetcherOthers}, "pem", 4),
		fetched(b, 2, application("one"), "pem", 5),
		fetched(b, 2, application("one"), "jks", 5),
		fetched(b, 2, program, "pem", 5),
		fetched(b, 3, application("three"), "pem", 5), // there is none
		fetched(other, 2, application("two"), "pem", 5),
	}))
	one := pki.TrustBundleFetch{ID: "1-0-one-pem", Version: 1, Fetcher: application("one"), Format: "pem", Count: 2, First: at(3), Last: at(4), HasNewer: true}
	first := fetchesOf(t, db, b, "$filter=version+eq+1+and+fetcherType+eq+'application'&$orderby=fetcherId&$top=1")
	if d := cmp.Diff([]pki.TrustBundleFetch{one}, first); d != "" {
		t.Errorf("fetches (-want +got):\n%s", d)
	}
	if n := len(fetchesOf(t, db, b, "")); n != 7 {
		t.Errorf("%d rows, want 7", n)
	}
	behind := fetchesOf(t, db, b, "$filter=hasNewerVersion+eq+false+and+version+lt+2&$orderby=fetcherType,fetcherId")
	if len(behind) != 3 || behind[0].Fetcher != application("two") || behind[1].Fetcher != user || behind[2].Fetcher.Kind != pki.FetcherOthers {
		t.Errorf("who has an older version only is %+v", behind)
	}
	figures(t, db, b, 2, 2)
	figures(t, db, other, 1, 0)
	got, _ := publishBundle(t, db, b, 2)
	if left := fetchesOf(t, db, b, "$filter=version+eq+1"); len(left) != 0 || got.CurrentFetchers != 0 || got.OutdatedFetchers != 2 {
		t.Errorf("with version 3, %d and %d fetchers have it and an older one, and of version 1 there is still %v", got.CurrentFetchers, got.OutdatedFetchers, left)
	}
	must(t, db.DeleteTrustBundle(t.Context(), tenant, "b", nil, pki.AuditEvent{ID: "gone", At: at(5)}))
	if left := fetchesOf(t, db, b, ""); len(left) != 0 {
		t.Errorf("without the bundle there is still %v", left)
	}
	figures(t, db, other, 1, 0)
	bundleFetchBounds(t, db, other)
}

// bundleFetchBounds has more programs fetch b than there is room for.
func bundleFetchBounds(t *testing.T, db *store.DB, b pki.TrustBundle) {
	t.Helper()
	most := pki.FetcherAnonymous.Most()
	var list []pki.BundleFetches
	for i := range most + 2 {
		list = append(list, fetched(b, 2, pki.BundleFetcher{Kind: pki.FetcherAnonymous, ID: fmt.Sprintf("program-%03d", i)}, "pem", 6))
	}
	must(t, db.AddBundleFetches(t.Context(), list))
	must(t, db.AddBundleFetches(t.Context(), list[:1])) // is known
	rest := fetchesOf(t, db, b, "$filter=fetcherType+eq+'others'")
	if len(rest) != 1 || rest[0].Count != 2 || rest[0].Fetcher != (pki.BundleFetcher{Kind: pki.FetcherOthers}) {
		t.Errorf("those whom there is no room for are %v", rest)
	}
	if known := fetchesOf(t, db, b, "$filter=fetcherId+eq+'program-000'"); len(known) != 1 || known[0].Count != 2 {
		t.Errorf("the first one is %v", known)
	}
	figures(t, db, b, int64(most)+1, 0)
}

func fetchesOf(tb testing.TB, db *store.DB, b pki.TrustBundle, query string) []pki.TrustBundleFetch {
	tb.Helper()
	q, err := odata.ParseQuery(query, pki.TrustBundleFetchType())
	must(tb, err)
	page, err := db.TrustBundleFetches(tb.Context(), b, q)
	must(tb, err)
	return page.Items
}

// figures checks what a bundle and the list of all tell of its fetchers.
func figures(tb testing.TB, db *store.DB, b pki.TrustBundle, current, outdated int64) {
	tb.Helper()
	one, err := db.TrustBundle(tb.Context(), b.Tenant, b.ID)
	must(tb, err)
	page, err := db.TrustBundles(tb.Context(), b.Tenant, odata.Query{})
	must(tb, err)
	for _, got := range append(page.Items, one) {
		if got.CurrentFetchers != current || got.OutdatedFetchers != outdated {
			tb.Errorf("%d and %d fetchers have the last version and an older one, want %d and %d", got.CurrentFetchers, got.OutdatedFetchers, current, outdated)
		}
	}
}
