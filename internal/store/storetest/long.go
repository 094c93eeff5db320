package storetest

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/store"
)

// enough is how many bytes of content a page may hold, but for the object that
// reaches the bound.
const enough = 4 << 20

// long asks for more than a page may hold: pages end early, and nothing is left
// out or told twice.
func long(t *testing.T, open Open) {
	const count, each = 12, 1 << 20
	db := open(t)
	var ids []pki.ID
	for i := range count {
		s := subscription(tenant, pki.ID(fmt.Sprintf("s%02d", i)))
		s.TrustedRoot = bytes.Repeat([]byte{1}, each)
		create(t, db, s)
		ids = append(ids, s.ID)
	}
	fits := func(t *testing.T, n int) {
		t.Helper()
		if n == 0 || n > enough/each {
			t.Errorf("a page holds %d objects of %d bytes", n, each)
		}
	}
	t.Run("lists", func(t *testing.T) {
		var got []pki.ID
		q := odata.Query{Top: odata.MaxTop, OrderBy: []odata.Order{{Path: odata.Path{Property: pki.SubscriptionType().Property("id")}}}}
		for range count {
			p, err := db.Subscriptions(t.Context(), tenant, q)
			must(t, err)
			fits(t, len(p.Items))
			for _, s := range p.Items {
				got = append(got, s.ID)
			}
			if q.After = p.After; q.After == nil {
				break
			}
		}
		if d := cmp.Diff(ids, got); d != "" {
			t.Errorf("the pages together differ (-want +got):\n%s", d)
		}
	})
	t.Run("changes", func(t *testing.T) {
		gone := create(t, db, subscription(tenant, "gone"))
		f := newFollower(odata.MaxTop, func(ctx context.Context, q odata.Query, from pki.DeltaPosition) (pki.Delta[pki.Subscription], error) {
			p, err := db.SubscriptionChanges(ctx, tenant, q, from)
			if len(p.Items) > 0 {
				fits(t, len(p.Items))
			}
			return p, err
		})
		f.tells(t, append(ids[:count:count], "gone")...)
		for _, id := range ids {
			touch(t, db, id, "anew")
		}
		remove(t, db, gone.ID, "e1")
		f.tells(t, append(ids[:count:count], "-gone")...)
	})
	t.Run("children", func(t *testing.T) { longChildren(t, open(t)) })
}

// longChildren expands children that together are longer than a page may be.
func longChildren(t *testing.T, db *store.DB) {
	const count, each = 100, 64 << 10
	ids := []pki.ID{"p1", "p2"}
	for _, id := range ids {
		l := lease(t, db, id)
		page := pki.RunPage{Run: l.Run, Now: at(1)}
		for i := range count {
			item := pki.SkippedItem{ID: pki.ID(fmt.Sprintf("i%02d", i)), Run: l.Run.ID, Reason: "r", Seen: at(1), Raw: bytes.Repeat([]byte{1}, each)}
			page.Skipped = append(page.Skipped, item)
		}
		must2(t)(db.SavePage(t.Context(), l, page))
	}
	q := odata.Query{Top: count, Select: odata.Selection{All: true}}
	expand := []odata.Expansion{{Navigation: pki.NavigationSkippedItems, Target: pki.SkippedItemType(), Query: q}}
	_, got, err := db.ExpandedSubscriptions(t.Context(), tenant, odata.Query{Top: len(ids), Expand: expand})
	must(t, err)
	shown := 0
	for i, p := range got.SkippedItems {
		shown += len(p.Items)
		told := len(p.Items)
		for next := q; p.After != nil; told += len(p.Items) {
			next.After = p.After
			p, err = db.SkippedItems(t.Context(), tenant, ids[i], next)
			must(t, err)
		}
		if told != count || len(got.SkippedItems[i].Items) == 0 {
			t.Errorf("%s: %d items are shown, and %d with what its link leads to, want %d", ids[i], len(got.SkippedItems[i].Items), told, count)
		}
	}
	if shown > enough/each+len(ids) {
		t.Errorf("the answer holds %d items of %d bytes", shown, each)
	}
}
