package storetest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/store"
)

// family is how many subscriptions the examination of expansions has: more than
// are read in one statement.
const family = 45

// expansions compares what expanding brings with what the lists say.
func expansions(t *testing.T, open Open) {
	db := open(t)
	parents := fillFamily(t, db)
	t.Run("are what the lists say", func(t *testing.T) { expandedAsListed(t, db) })
	t.Run("of one are what the lists say", func(t *testing.T) {
		q := odata.Query{Top: 3, Count: true}
		s, got, err := db.ExpandedSubscription(t.Context(), tenant, parents[6], []odata.Expansion{{Navigation: pki.NavigationCertificates, Query: q}})
		must(t, err)
		want, err := db.Certificates(t.Context(), tenant, parents[6], q)
		must(t, err)
		if diff := cmp.Diff([]pki.Page[pki.Certificate]{want}, got.Certificates, cmpValues()); diff != "" || s.ID != parents[6] || s.Tenant != tenant {
			t.Errorf("%s of %s: (-want +got)\n%s", s.ID, s.Tenant, diff)
		}
	})
	t.Run("of none are nothing", func(t *testing.T) {
		p, got, err := db.ExpandedSubscriptions(t.Context(), "nobody", odata.Query{Top: 5, Expand: []odata.Expansion{{Navigation: pki.NavigationRuns, Query: odata.Query{Top: 1}}}})
		if err != nil || len(p.Items) != 0 || len(got.Runs) != 0 {
			t.Errorf("%+v, %+v, %v", p, got, err)
		}
	})
	t.Run("of a filter with many terms", func(t *testing.T) {
		id := odata.Path{Property: pki.CertificateType().Property("id")}
		var filter odata.Expr = odata.Constant{}
		for i := range odata.MaxTerms {
			filter = odata.Or{Left: filter, Right: odata.Comparison{Path: id, Op: odata.Eq, Value: odata.String(fmt.Sprint("own-s02-", i))}}
		}
		q := odata.Query{Top: 5, Filter: filter, Count: true}
		p, got, err := db.ExpandedSubscriptions(t.Context(), tenant, odata.Query{Top: family, Expand: []odata.Expansion{{Navigation: pki.NavigationCertificates, Query: q}}})
		must(t, err)
		for i, s := range p.Items {
			if want := map[bool]int64{true: 2}[s.ID == "s02"]; got.Certificates[i].Count != want || len(got.Certificates[i].Items) != int(want) {
				t.Errorf("%s has %+v, want %d", s.ID, got.Certificates[i], want)
			}
		}
	})
	t.Run("stay with their tenant", func(t *testing.T) { expandedApart(t, db, parents[0]) })
}

// fillFamily gives two tenants subscriptions of the same ids, with children of
// other names, and returns the ids.
func fillFamily(t *testing.T, db *store.DB) []pki.ID {
	t.Helper()
	var ids []pki.ID
	for i := range family {
		ids = append(ids, pki.ID(fmt.Sprintf("s%02d", i)))
		for _, owner := range []pki.TenantID{tenant, another} {
			s := subscription(owner, ids[i])
			s.NextSync = at(0)
			if owner == another {
				s.Key++
			}
			create(t, db, s)
		}
	}
	for {
		list := take(t, db, "worker", 0)
		for _, l := range list {
			fillOne(t, db, l)
		}
		if len(list) == 0 {
			return ids
		}
	}
}

// fillOne gives a subscription from 0 to 6 children of each kind.
func fillOne(t *testing.T, db *store.DB, l pki.Lease) {
	t.Helper()
	ctx, mark := t.Context(), map[pki.TenantID]string{tenant: "own", another: "foreign"}[l.Tenant]
	var page pki.RunPage
	var list []pki.Authority
	for i := range int(l.Subscription[2]-'0') % 7 {
		id := pki.ID(fmt.Sprint(mark, "-", l.Subscription, "-", i))
		c := draw(i, func(t *rapid.T) pki.Certificate { return drawCertificate(t, i) })
		c.ID, c.SubjectDN, c.DER, c.SHA256 = id, string(id), nil, ""
		page.Certificates = append(page.Certificates, c)
		page.Skipped = append(page.Skipped, pki.SkippedItem{ID: id, Run: l.Run.ID, Reason: string(id), Seen: at(i % 3), Raw: []byte(id)})
		list = append(list, pki.Authority{ID: id, SubjectDN: string(id), DER: []byte(id), Kind: pki.AuthorityKind(i % 3), NotBefore: at(0), NotAfter: at(i % 2)})
		r := draw(i, func(t *rapid.T) pki.Run { return drawRun(t, i) })
		r.ID, r.Message = id, string(id)
		must2(t)(db.RequestRun(ctx, l.Tenant, l.Subscription, r, event(id)))
	}
	page.Run, page.Now = l.Run, at(1)
	must2(t)(db.SavePage(ctx, l, page))
	must(t, db.SaveAuthorities(ctx, l, list, nil))
}

// expandedAsListed draws a query for each navigation.
func expandedAsListed(t *testing.T, db *store.DB) {
	ctx := t.Context()
	rapid.Check(t, func(t *rapid.T) {
		q := odata.Query{Top: rapid.IntRange(1, family+1).Draw(t, "parents"), OrderBy: drawOrder(t, pki.SubscriptionType())}
		for _, n := range pki.SubscriptionType().Navigations {
			if rapid.Bool().Draw(t, n.Name) {
				q.Expand = append(q.Expand, odata.Expansion{Navigation: n.Name, Target: n.Target, Query: drawChildrenQuery(t, n.Target)})
			}
		}
		parents, got, err := db.ExpandedSubscriptions(ctx, tenant, q)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := db.Subscriptions(ctx, tenant, q)
		if diff := cmp.Diff(plain, parents, cmpValues()); diff != "" || err != nil {
			t.Fatalf("parents: (-want +got)\n%s%v", diff, err)
		}
		var want pki.Expanded
		for _, e := range q.Expand {
			for _, s := range parents.Items {
				var err error
				switch e.Navigation {
				case pki.NavigationRuns:
					want.Runs, err = listedNext(want.Runs)(db.Runs(ctx, tenant, s.ID, e.Query))
				case pki.NavigationAuthorities:
					want.Authorities, err = listedNext(want.Authorities)(db.Authorities(ctx, tenant, s.ID, e.Query))
				case pki.NavigationCertificates:
					want.Certificates, err = listedNext(want.Certificates)(db.Certificates(ctx, tenant, s.ID, e.Query))
				case pki.NavigationSkippedItems:
					want.SkippedItems, err = listedNext(want.SkippedItems)(db.SkippedItems(ctx, tenant, s.ID, e.Query))
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		if diff := cmp.Diff(want, got, cmpValues()); diff != "" {
			t.Fatalf("%+v: (-want +got)\n%s", q, diff)
		}
	})
}

// listedNext adds a page to those before it. An empty list is the same as none.
func listedNext[T any](pages []pki.Page[T]) func(pki.Page[T], error) ([]pki.Page[T], error) {
	return func(p pki.Page[T], err error) ([]pki.Page[T], error) {
		if len(p.Items) == 0 {
			p.Items = nil
		}
		return append(pages, p), err
	}
}

// cmpValues compares values, which show nothing of themselves but text.
func cmpValues() cmp.Option {
	return cmp.Comparer(func(a, b odata.Value) bool { return compare(a, b) == 0 && a.State() == b.State() })
}

func drawOrder(t *rapid.T, e *odata.EntityType) []odata.Order {
	var order []odata.Order
	for range rapid.IntRange(0, 2).Draw(t, "keys") {
		p := rapid.SampledFrom(pathsOf(e)).Filter(func(p odata.Path) bool { return p.Property.Sort }).Draw(t, "key")
		order = append(order, odata.Order{Path: p, Desc: rapid.Bool().Draw(t, "desc")})
	}
	return order
}

func drawChildrenQuery(t *rapid.T, e *odata.EntityType) odata.Query {
	q := odata.Query{
		Top: rapid.IntRange(1, 7).Draw(t, "top"), Skip: rapid.IntRange(0, 2).Draw(t, "skip"), Count: rapid.Bool().Draw(t, "count"),
		OrderBy: drawOrder(t, e), Select: odata.Selection{All: true},
	}
	id := odata.Path{Property: e.Property("id")}
	if rapid.Bool().Draw(t, "filtered") {
		text := fmt.Sprint("-", rapid.IntRange(0, 6).Draw(t, "number"))
		q.Filter = odata.Or{
			Left:  odata.Match{Path: id, Func: odata.EndsWith, Text: text},
			Right: odata.Comparison{Path: id, Op: odata.Gt, Value: odata.String("own-s2")},
		}
	}
	if e.Property("subjectName") != nil && rapid.Bool().Draw(t, "searched") {
		q.Search = fmt.Sprint("-", rapid.IntRange(0, 6).Draw(t, "part"))
	}
	return q
}

// expandedApart: a tenant sees its own children alone, under the same ids.
func expandedApart(t *testing.T, db *store.DB, id pki.ID) {
	var all []odata.Expansion
	for _, n := range pki.SubscriptionType().Navigations {
		all = append(all, odata.Expansion{Navigation: n.Name, Target: n.Target, Query: odata.Query{Top: 100, Count: true, Select: odata.Selection{All: true}}})
	}
	for owner, bad := range map[pki.TenantID]string{tenant: "foreign", another: "own"} {
		_, got, err := db.ExpandedSubscriptions(t.Context(), owner, odata.Query{Top: 100, Expand: all})
		must(t, err)
		rows := 0
		see := func(id pki.ID) {
			if rows++; len(id) > len(bad) && string(id[:len(bad)]) == bad {
				t.Errorf("%s is shown %s", owner, id)
			}
		}
		for i := range family {
			for _, c := range got.Certificates[i].Items {
				see(c.ID)
			}
			for _, a := range got.Authorities[i].Items {
				see(a.ID)
			}
			for _, s := range got.SkippedItems[i].Items {
				see(s.ID)
			}
			for _, r := range got.Runs[i].Items {
				see(r.ID)
			}
		}
		if rows < 4*family {
			t.Errorf("%s is shown %d children: too few to tell anything", owner, rows)
		}
	}
	_, _, err := db.ExpandedSubscription(t.Context(), "nobody", id, all)
	code(t, err, pki.CodeNotFound)
}
