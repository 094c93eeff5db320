package storetest

import (
	"fmt"
	"testing"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

func deltaPages(t *testing.T, open Open) {
	db := open(t)
	f := subscriptionFollower(db, tenant, 2)
	f.tells(t)
	f.tells(t)
	for _, id := range []pki.ID{"c", "a", "d", "b", "e"} {
		create(t, db, subscription(tenant, id))
	}
	begin := subscriptionFollower(db, tenant, 2)
	for _, want := range []struct {
		items int
		more  bool
	}{{2, true}, {2, true}, {1, false}, {0, false}} {
		if page := begin.page(t); len(page.Items) != want.items || page.More != want.more {
			t.Errorf("the page has %d items, more %v; want %+v", len(page.Items), page.More, want)
		}
	}
	f.tells(t, "c", "a", "d", "b", "e")
	remove(t, db, "a", "1")
	touch(t, db, "c", "new name")
	remove(t, db, "e", "2")
	f.tells(t, "-a", "c", "-e")
	f.tells(t)
}

func deltaMeanwhile(t *testing.T, open Open) {
	db := open(t)
	for _, id := range []pki.ID{"a", "b", "c", "d"} {
		create(t, db, subscription(tenant, id))
	}
	f := subscriptionFollower(db, tenant, 2)
	if page := f.page(t); !page.More {
		t.Fatal("the round has one page only")
	}
	remove(t, db, "a", "1") // told already
	remove(t, db, "c", "2") // not told yet
	touch(t, db, "d", "new name")
	create(t, db, subscription(tenant, "e"))
	f.tells(t) // the rest of the first round: c and d have moved behind it
	f.tells(t, "-a", "-c", "d", "e")
	f.tells(t)
}

func deltaAgain(t *testing.T, open Open) {
	db := open(t)
	create(t, db, subscription(tenant, "a"))
	create(t, db, subscription(tenant, "b"))
	f := subscriptionFollower(db, tenant, 1)
	f.tells(t, "a", "b")
	again := subscription(tenant, "a")
	for n := range 3 {
		remove(t, db, "a", pki.ID(fmt.Sprint(n)))
		again.Key++
		create(t, db, again)
	}
	f.tells(t, "-a", "a")
	if got := f.copy["a"].Key; got != again.Key {
		t.Errorf("the copy has the incarnation %d, want %d", got, again.Key)
	}
	remove(t, db, "a", "last")
	f.tells(t, "-a")
	subscriptionFollower(db, tenant, 10).tells(t, "b") // who begins is not told of what is gone
}

func deltaFilter(t *testing.T, open Open) {
	db := open(t)
	for _, id := range []pki.ID{"a", "b", "c"} {
		create(t, db, subscription(tenant, id))
	}
	touch(t, db, "a", "yes")
	f := subscriptionFollower(db, tenant, 10)
	name := odata.Path{Property: pki.SubscriptionType().Property("displayName")}
	f.q.Filter = odata.Comparison{Path: name, Op: odata.Eq, Value: odata.String("yes")}
	f.tells(t, "a")
	touch(t, db, "b", "yes")
	touch(t, db, "a", "no")
	create(t, db, subscription(tenant, "d")) // whose name is null
	remove(t, db, "c", "1")
	f.tells(t, "b", "-a", "-d", "-c")
	page, err := db.SubscriptionChanges(t.Context(), tenant, f.q, pki.DeltaPosition{})
	must(t, err)
	for _, item := range page.Items {
		want := map[pki.ID]pki.Removal{"a": pki.RemovedChanged, "d": pki.RemovedChanged, "c": pki.RemovedDeleted, "b": ""}[item.ID]
		if item.Removed != want {
			t.Errorf("%s is removed %q, want %q", item.ID, item.Removed, want)
		}
	}
}

func deltaLatest(t *testing.T, open Open) {
	db := open(t)
	f := subscriptionFollower(db, tenant, 10)
	f.from = pki.DeltaPosition{Latest: true}
	f.tells(t)
	create(t, db, subscription(tenant, "a"))
	f.tells(t, "a")
	f.from = pki.DeltaPosition{Latest: true}
	f.tells(t)
	remove(t, db, "a", "1")
	f.tells(t, "-a")
}

func deltaTenants(t *testing.T, open Open) {
	db := open(t)
	mine, theirs := subscriptionFollower(db, tenant, 10), subscriptionFollower(db, another, 10)
	create(t, db, subscription(tenant, "a"))
	create(t, db, subscription(another, "b"))
	mine.tells(t, "a")
	theirs.tells(t, "b")
	remove(t, db, "a", "1")
	theirs.tells(t)
	mine.tells(t, "-a")
	_, err := db.CertificateChanges(t.Context(), another, "a", odata.Query{}, pki.DeltaPosition{Initial: true})
	code(t, err, pki.CodeNotFound)
}

// deltaSync: a sync is told of its subscription where that shows it, and of
// the certificates that it has found changed.
func deltaSync(t *testing.T, open Open) {
	db := open(t)
	due(t, db, tenant, "a")
	subs := subscriptionFollower(db, tenant, 10)
	subs.tells(t, "a")
	l := take(t, db, "worker", 0)[0]
	subs.tells(t) // nobody sees a lease

	certs := certificateFollower(db, "a", 2)
	certs.tells(t)
	list := []pki.Certificate{certificate("x"), certificate("y"), certificate("z")}
	page := pki.RunPage{Certificates: list, Listing: pki.Listing{ID: l.Run.ID}, Run: l.Run, Now: at(1)}
	must2(t)(db.SavePage(t.Context(), l, page))
	certs.tells(t, "x", "y", "z")
	must2(t)(db.SavePage(t.Context(), l, page))
	certs.tells(t) // seen again, but as they were
	list[1].Status, list[1].RevokedAt = pki.CertificateRevoked, at(1)
	must2(t)(db.SavePage(t.Context(), l, page))
	certs.tells(t, "y")
	certs.q.Select = odata.Selection{Names: []string{"id", "certificate"}}
	certs.from = pki.DeltaPosition{Initial: true}
	certs.round(t)
	if got := string(certs.copy["x"].DER); got != "DER of x" {
		t.Errorf("the DER that was selected is %q", got)
	}

	subs.tells(t) // the report comes at the end
	finish(t, db, l, 5)
	subs.tells(t, "a")
}

// deltaResync: a position of a former incarnation, or of a later state of the
// database than there is, cannot be followed.
func deltaResync(t *testing.T, open Open) {
	db := open(t)
	create(t, db, subscription(tenant, "a"))
	certs := certificateFollower(db, "a", 10)
	certs.tells(t)
	remove(t, db, "a", "1")
	_, err := certs.ask(t.Context(), certs.q, certs.from)
	code(t, err, pki.CodeNotFound)
	again := subscription(tenant, "a")
	again.Key++
	create(t, db, again)
	_, err = certs.ask(t.Context(), certs.q, certs.from)
	code(t, err, pki.CodeResync)

	subs := subscriptionFollower(db, tenant, 10)
	subs.round(t)
	for _, from := range []pki.DeltaPosition{{Change: subs.from.Change + 1}, {Until: subs.from.Change}} {
		_, err = db.SubscriptionChanges(t.Context(), tenant, subs.q, from)
		code(t, err, pki.CodeResync)
	}
}
