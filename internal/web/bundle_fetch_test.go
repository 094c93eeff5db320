package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// The page of a bundle tells who has its last version, and who is behind.
func TestBundleFetchers(t *testing.T) {
	w := newWorld(t)
	w.subscribe("alpha")
	bundle := w.publish("devices", pki.BundlePublic)
	for range 2 {
		w.trustRoot("alpha")
		var err error
		bundle, err = w.bundles.Get(t.Context(), tenantA, bundle.ID)
		must(t, err)
		w.move(time.Minute)
	}
	var list []pki.BundleFetches
	fetch := func(version int64, kind pki.FetcherKind, id, name string) {
		now := odata.FromTime(w.Now())
		list = append(list, pki.BundleFetches{
			Tenant: tenantA, Key: bundle.Key, Version: version, Fetcher: pki.BundleFetcher{Kind: kind, ID: id, Name: name}, Format: "pem", Count: 1, First: now, Last: now,
		})
	}
	fetch(1, pki.FetcherApplication, "gateway", "")
	fetch(2, pki.FetcherApplication, "gateway", "")
	fetch(1, pki.FetcherUser, "late", hostile)
	for i := range 25 {
		fetch(2, pki.FetcherAnonymous, fmt.Sprintf("program-%d", i), "")
	}
	fetch(2, pki.FetcherAnonymous, "", "")
	fetch(1, pki.FetcherOthers, "", "")
	must(t, w.bundles.Fetched(t.Context(), list))
	b := w.browser()
	b.enter("reader", tenantA)
	p := b.get(pathOf(bundle))
	p.check(t)
	behind, current, found := strings.Cut(p.body, ">The last version<")
	if !found || !strings.Contains(behind, `27 of the fetchers that are known have version 2, and <span class="health warn">1 only an older one</span>`) {
		t.Fatalf("the figures:\n%s", p.body)
	}
	for _, part := range []string{"<td>User</td><td>1</td><td>pem</td><td>1 time</td>", ">All others<"} {
		if !strings.Contains(behind, part) || strings.Contains(current, part) {
			t.Errorf("who is behind is not told by %s:\n%s", part, p.body)
		}
	}
	if rows := strings.Count(current, "<td>pem</td>"); rows != 20 || strings.Contains(behind, "gateway") || !strings.Contains(current, "cloudpki bundle fetches devices") {
		t.Errorf("%d rows tell who has the last version:\n%s", rows, current)
	}
}
