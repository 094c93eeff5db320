package store

import (
	"context"
	"errors"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// A scope says whose rows are read: those of a tenant or, where key or
// subscription is set, those of one of its subscriptions.
type scope struct {
	tenant       pki.TenantID
	key          *int64
	subscription *pki.ID // instead of a key that is not known
}

// children lists what belongs to one subscription, by one query but for an
// empty page. CodeNotFound where the subscription does not exist.
func children[T any](ctx context.Context, db *DB, n *noun[T], t pki.TenantID, sub pki.ID, q odata.Query) (p pki.Page[T], err error) {
	err = db.engine.view(ctx, func(c conn) error {
		var err error
		if p, err = list(ctx, db, c, n, scope{tenant: t, subscription: &sub}, q); err != nil || len(p.Items) > 0 {
			return err
		}
		_, err = db.subscriptionKey(ctx, c, t, sub)
		return err
	})
	return p, err
}

// single reads one child with all that is known of it. CodeNotFound where it
// or the subscription does not exist.
func single[T any](ctx context.Context, db *DB, n *noun[T], t pki.TenantID, sub, id pki.ID) (item T, err error) {
	err = db.engine.view(ctx, func(c conn) error {
		key, err := db.subscriptionKey(ctx, c, t, sub)
		if err != nil {
			return err
		}
		var found bool
		scan := func(r rows) (T, error) { return n.scan(r, true) }
		item, found, err = first(ctx, c, scan, "SELECT "+n.columns(true)+" FROM "+n.from+
			" WHERE tenant = ?1 AND subscription_key = ?2 AND id = ?3", string(t), key, string(id))
		if err == nil && !found {
			err = pki.NotFound(n.entity.Name, id)
		}
		return err
	})
	return item, err
}

func (db *DB) subscriptionKey(ctx context.Context, c conn, t pki.TenantID, sub pki.ID) (int64, error) {
	key, found, err := first(ctx, c, scanNumber, "SELECT key FROM subscriptions WHERE tenant = ?1 AND id = ?2", string(t), string(sub))
	if err == nil && !found {
		err = pki.NotFound(db.nouns.subscriptions.entity.Name, sub)
	}
	return key, err
}

// maxPageBytes bounds the texts and binary content of a page. The row that
// reaches it is the last: pages may be shorter than was asked for. It bounds
// the children of an expansion, of all parents together, as well, but that each
// list of them shows one at least.
const maxPageBytes = 4 << 20

// A weigher counts the bytes of texts and binary content that are read.
type weigher struct {
	rows

	bytes int
}

func (w *weigher) scan(dest ...any) error {
	err := w.rows.scan(dest...)
	for _, d := range dest {
		switch d := d.(type) {
		case *string:
			w.bytes += len(*d)
		case *[]byte:
			w.bytes += len(*d)
		case **string:
			if *d != nil {
				w.bytes += len(**d)
			}
		}
	}
	return err
}

// full reports whether no more rows should be read.
func (w *weigher) full() bool { return w.bytes >= maxPageBytes }

// list reads one page. It asks for one row more than the page holds, so that
// the last page is known.
func list[T any](ctx context.Context, db *DB, c conn, n *noun[T], s scope, q odata.Query) (p pki.Page[T], err error) {
	if q.Top <= 0 {
		q.Top = odata.DefaultTop
	}
	if q.Count {
		b := &builder{dialect: &db.dialect}
		b.put("SELECT COUNT(*) FROM ", n.from)
		if err := b.where(n.search, s, q); err != nil {
			return p, err
		}
		if p.Count, _, err = first(ctx, c, scanNumber, b.String(), b.args...); err != nil {
			return p, err
		}
	}
	keys := sortKeys(q, n)
	heavy := n.wants(q.Select)
	b, err := pageQuery(db, n, keys, heavy, s, q)
	if err != nil {
		return p, err
	}
	r, err := c.query(ctx, b.String(), b.args...)
	if err != nil {
		return p, err
	}
	defer end(r, &err)
	w := weigher{rows: r}
	p.Items = make([]T, 0, q.Top)
	at := newPosition(keys) // of the row just read
	dest := at.dest()
	var last []odata.Value
	for r.next() {
		if last != nil {
			p.After = last // there is more, which is all that this row tells
			break
		}
		item, err := n.scan(&w, heavy, dest...)
		if err != nil {
			return p, err
		}
		if p.Items = append(p.Items, item); len(p.Items) == q.Top || w.full() {
			last = at.values()
		}
	}
	return p, nil
}

func pageQuery[T any](db *DB, n *noun[T], keys []sortKey, heavy bool, s scope, q odata.Query) (*builder, error) {
	b := &builder{dialect: &db.dialect}
	b.put("SELECT ", n.columns(heavy))
	for _, k := range keys {
		b.put(", ", column(k.path, false))
	}
	return b, b.page(n.source(&db.dialect, q), n.search, keys, s, q)
}

// page writes what stands behind the columns of a page: from where they come,
// which rows, in which order and how many. One row more than the page holds
// tells whether it is the last.
func (b *builder) page(from string, search []string, keys []sortKey, s scope, q odata.Query) error {
	b.put(" FROM ", from)
	if err := b.where(search, s, q); err != nil {
		return err
	}
	if q.After != nil {
		if len(q.After) != len(keys) {
			return errors.New("page position does not fit the order")
		}
		b.put(" AND ")
		b.after(keys, q.After)
	}
	b.orderBy(keys)
	b.put(" LIMIT ", param{q.Top + 1})
	if q.Skip > 0 && q.After == nil {
		b.put(" OFFSET ", param{q.Skip})
	}
	return nil
}

// where writes what a row must fulfil, whatever page it is on.
func (b *builder) where(search []string, s scope, q odata.Query) error {
	b.put(" WHERE tenant = ", param{string(s.tenant)})
	switch {
	case s.key != nil:
		b.put(" AND subscription_key = ", param{*s.key})
	case s.subscription != nil:
		b.put(" AND subscription_key = (SELECT key FROM subscriptions WHERE tenant = ", param{string(s.tenant)}, " AND id = ", param{string(*s.subscription)}, ")")
	}
	if q.Search != "" {
		b.put(" AND ")
		b.search(search, q.Search)
	}
	if q.Filter == nil {
		return nil
	}
	b.put(" AND (")
	if err := b.filter(q.Filter); err != nil {
		return err
	}
	b.put(")")
	return nil
}
