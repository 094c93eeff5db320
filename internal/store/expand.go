package store

import (
	"context"
	"fmt"
	"strconv"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// ExpandedSubscription implements pki.ExpansionStore.
func (db *DB) ExpandedSubscription(ctx context.Context, t pki.TenantID, id pki.ID, list []odata.Expansion) (s pki.Subscription, e pki.Expanded, err error) {
	err = db.engine.view(ctx, func(c conn) error {
		if s, err = db.findSubscription(ctx, c, t, id, ""); err != nil {
			return err
		}
		e, err = db.expand(ctx, c, t, []pki.Subscription{s}, list)
		return err
	})
	return s, e, err
}

// ExpandedSubscriptions implements pki.ExpansionStore.
func (db *DB) ExpandedSubscriptions(ctx context.Context, t pki.TenantID, q odata.Query) (p pki.Page[pki.Subscription], e pki.Expanded, err error) {
	err = db.engine.view(ctx, func(c conn) error {
		if p, err = list(ctx, db, c, &db.nouns.subscriptions, scope{tenant: t}, q); err != nil {
			return err
		}
		e, err = db.expand(ctx, c, t, p.Items, q.Expand)
		return err
	})
	for i := range p.Items {
		p.Items[i].Tenant = t
	}
	return p, e, err
}

// expand reads the first children of the parents, which are t's.
func (db *DB) expand(ctx context.Context, c conn, t pki.TenantID, parents []pki.Subscription, list []odata.Expansion) (e pki.Expanded, err error) {
	scopes := make([]scope, len(parents))
	for i := range parents {
		scopes[i] = scope{tenant: t, key: &parents[i].Key}
	}
	var w weigher
	for _, x := range list {
		switch x.Navigation {
		case pki.NavigationRuns:
			e.Runs, err = lists(ctx, db, c, &db.nouns.runs, scopes, x.Query, &w)
		case pki.NavigationAuthorities:
			e.Authorities, err = lists(ctx, db, c, &db.nouns.authorities, scopes, x.Query, &w)
		case pki.NavigationCertificates:
			e.Certificates, err = lists(ctx, db, c, &db.nouns.certificates, scopes, x.Query, &w)
		case pki.NavigationSkippedItems:
			e.SkippedItems, err = lists(ctx, db, c, &db.nouns.skipped, scopes, x.Query, &w)
		default:
			err = fmt.Errorf("expand: unknown navigation %q", x.Navigation)
		}
		if err != nil {
			return e, err
		}
	}
	return e, nil
}

// listBatch is how many lists are read in one statement: enough that a page of
// parents takes few of them, and few enough for a filter of many terms to stay
// below the parameters that a statement may have.
const listBatch = 20

// lists reads the same page of several scopes, on top of what w has weighed.
func lists[T any](ctx context.Context, db *DB, c conn, n *noun[T], scopes []scope, q odata.Query, w *weigher) ([]pki.Page[T], error) {
	pages := make([]pki.Page[T], len(scopes))
	for from := 0; from < len(scopes); from += listBatch {
		to := min(from+listBatch, len(scopes))
		if q.Count {
			if err := counts(ctx, db, c, n, scopes[from:to], q, pages[from:to]); err != nil {
				return nil, err
			}
		}
		if err := items(ctx, db, c, n, scopes[from:to], q, pages[from:to], w); err != nil {
			return nil, err
		}
	}
	return pages, nil
}

// counts sets Count of each page.
func counts[T any](ctx context.Context, db *DB, c conn, n *noun[T], scopes []scope, q odata.Query, pages []pki.Page[T]) (err error) {
	b := &builder{dialect: &db.dialect}
	for i, s := range scopes {
		b.union(i)
		b.put("SELECT ", strconv.Itoa(i), " AS place, COUNT(*) AS matching FROM ", n.from)
		if err := b.where(n.search, s, q); err != nil {
			return err
		}
	}
	r, err := c.query(ctx, b.String(), b.args...)
	if err != nil {
		return err
	}
	defer end(r, &err)
	for r.next() {
		var place, count int64
		if err := r.scan(&place, &count); err != nil {
			return err
		}
		pages[place].Count = count
	}
	return nil
}

// items sets Items and After of each page.
func items[T any](ctx context.Context, db *DB, c conn, n *noun[T], scopes []scope, q odata.Query, pages []pki.Page[T], w *weigher) (err error) {
	keys, heavy := sortKeys(q, n), n.wants(q.Select)
	b := &builder{dialect: &db.dialect}
	if err := batchQuery(b, n, keys, heavy, scopes, q); err != nil {
		return err
	}
	r, err := c.query(ctx, b.String(), b.args...)
	if err != nil {
		return err
	}
	defer end(r, &err)
	w.rows = r
	var place int64
	at := newPosition(keys) // of the row just read
	dest := append([]any{&place}, at.dest()...)
	last := make([][]odata.Value, len(pages))
	for r.next() {
		item, err := n.scan(w, heavy, dest...)
		if err != nil {
			return err
		}
		p := &pages[place]
		if last[place] != nil {
			p.After = last[place] // there is more, which is all that this row tells
			continue
		}
		if p.Items = append(p.Items, item); len(p.Items) == q.Top || w.full() {
			last[place] = at.values()
		}
	}
	return nil
}

// batchQuery writes the union of a page of each scope. The order in each makes
// the limit mean something, the one over all makes the union keep it.
func batchQuery[T any](b *builder, n *noun[T], keys []sortKey, heavy bool, scopes []scope, q odata.Query) error {
	for i, s := range scopes {
		b.union(i)
		b.put("SELECT * FROM (SELECT ", n.columns(heavy), ", ", strconv.Itoa(i), " AS place")
		for k, key := range keys {
			b.put(", ", column(key.path, false), " AS ", alias(k))
		}
		if err := b.page(n.source(b.dialect, q), n.search, keys, s, q); err != nil {
			return err
		}
		b.put(") AS list", strconv.Itoa(i))
	}
	b.put(" ORDER BY place")
	for k, key := range keys {
		b.put(", ", alias(k), key.direction())
	}
	return nil
}

func alias(k int) string { return "key" + strconv.Itoa(k) }

// union writes what stands between the parts of a union.
func (b *builder) union(i int) {
	if i > 0 {
		b.put(" UNION ALL ")
	}
}
