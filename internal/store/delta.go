package store

import (
	"cmp"
	"context"
	"slices"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// SubscriptionChanges implements pki.DeltaStore.
func (db *DB) SubscriptionChanges(ctx context.Context, t pki.TenantID, q odata.Query, from pki.DeltaPosition) (page pki.Delta[pki.Subscription], err error) {
	err = db.engine.view(ctx, func(c conn) error {
		d := deltaReader[pki.Subscription]{db, c, &db.nouns.subscriptions, scope{tenant: t}, subscriptionChanges, q, from}
		page, err = d.page(ctx)
		return err
	})
	for i := range page.Items {
		if s := page.Items[i].Item; s != nil {
			s.Tenant = t
		}
	}
	return page, err
}

// CertificateChanges implements pki.DeltaStore. Certificates are never removed
// from a subscription, so they leave no tombstones.
func (db *DB) CertificateChanges(ctx context.Context, t pki.TenantID, sub pki.ID, q odata.Query, from pki.DeltaPosition) (page pki.Delta[pki.Certificate], err error) {
	err = db.engine.view(ctx, func(c conn) error {
		key, err := db.subscriptionKey(ctx, c, t, sub)
		if err != nil {
			return err
		}
		d := deltaReader[pki.Certificate]{db, c, &db.nouns.certificates, scope{tenant: t, key: &key}, key, q, from}
		page, err = d.page(ctx)
		return err
	})
	return page, err
}

// A deltaReader reads one page of what has changed in a set.
type deltaReader[T any] struct {
	db   *DB
	c    conn
	noun *noun[T]
	scope
	set  int64 // whose change numbers they are, as nextChange has it
	q    odata.Query
	from pki.DeltaPosition
}

// A changedRow is a row, or a tombstone, with its place in the order of changes.
type changedRow[T any] struct {
	change int64
	pki.DeltaItem[T]
}

func (d *deltaReader[T]) page(ctx context.Context) (page pki.Delta[T], err error) {
	if err := d.begin(ctx); err != nil {
		return page, err
	}
	if d.from.Latest {
		return pki.Delta[T]{Next: d.end()}, nil
	}
	list, err := d.rows(ctx)
	if err != nil {
		return page, err
	}
	if d.key == nil && !d.from.Initial {
		gone, err := d.tombstones(ctx)
		if err != nil {
			return page, err
		}
		list = append(list, gone...)
		slices.SortFunc(list, func(a, b changedRow[T]) int {
			return cmp.Or(cmp.Compare(a.change, b.change), cmp.Compare(a.ID, b.ID))
		})
	}
	page.Next = d.end()
	if page.More = len(list) > d.q.Top; page.More {
		list = list[:d.q.Top]
		page.Next = d.from
		page.Next.Change, page.Next.ID = list[len(list)-1].change, list[len(list)-1].ID
	}
	page.Items = make([]pki.DeltaItem[T], len(list))
	for i := range list {
		page.Items[i] = list[i].DeltaItem
	}
	return page, nil
}

// begin finds out where the round ends, and whether it can be read at all. A
// position beyond the last number is of a database that was restored since.
func (d *deltaReader[T]) begin(ctx context.Context) error {
	if d.q.Top <= 0 {
		d.q.Top = odata.DefaultTop
	}
	if d.from.Key != 0 && d.from.Key != d.set {
		return pki.Resync()
	}
	d.from.Key = d.set
	last, _, err := first(ctx, d.c, scanNumber, "SELECT last FROM change_counters WHERE tenant = ?1 AND subscription_key = ?2", string(d.tenant), d.set)
	if err != nil {
		return err
	}
	if d.from.Until == 0 {
		d.from.Until = last
	}
	if max(d.from.Change-1, d.from.Until) > last {
		return pki.Resync()
	}
	return nil
}

// end is the position behind the round.
func (d *deltaReader[T]) end() pki.DeltaPosition {
	return pki.DeltaPosition{Begun: d.from.Begun, Change: d.from.Until + 1, Key: d.from.Key}
}

// rows reads what is there, and makes the page shorter where that is long. The
// first round tells what matches the filter; the later ones tell of the rest
// that it does not match.
func (d *deltaReader[T]) rows(ctx context.Context) (list []changedRow[T], err error) {
	b, err := d.rowsQuery()
	if err != nil {
		return nil, err
	}
	r, err := d.c.query(ctx, b.String(), b.args...)
	if err != nil {
		return nil, err
	}
	defer end(r, &err)
	w := weigher{rows: r}
	for len(list) <= d.q.Top && r.next() {
		row, err := d.row(&w)
		if err != nil {
			return nil, err
		}
		if list = append(list, row); w.full() {
			d.q.Top = min(d.q.Top, len(list))
		}
	}
	return list, nil
}

func (d *deltaReader[T]) row(r rows) (row changedRow[T], err error) {
	var id string
	var matches int64
	item, err := d.noun.scan(r, d.noun.wants(d.q.Select), &row.change, &id, &matches)
	row.ID = pki.ID(id)
	if matches != 0 {
		row.Item = &item
	} else {
		row.Removed = pki.RemovedChanged
	}
	return row, err
}

func (d *deltaReader[T]) rowsQuery() (*builder, error) {
	b := &builder{dialect: &d.db.dialect}
	b.put("SELECT ", d.noun.columns(d.noun.wants(d.q.Select)), ", change, id, ")
	where := odata.Query{}
	switch {
	case d.q.Filter == nil:
		b.put("1")
	case d.from.Initial:
		where.Filter = d.q.Filter
		b.put("1")
	default:
		b.put("CASE WHEN (")
		if err := b.filter(d.q.Filter); err != nil {
			return nil, err
		}
		b.put(") THEN 1 ELSE 0 END")
	}
	b.put(" FROM ", d.noun.from)
	if err := b.where(nil, d.scope, where); err != nil {
		return nil, err
	}
	d.within(b)
	return b, nil
}

// tombstones reads what is gone.
func (d *deltaReader[T]) tombstones(ctx context.Context) ([]changedRow[T], error) {
	b := &builder{dialect: &d.db.dialect}
	b.put("SELECT change, id FROM tombstones WHERE tenant = ", param{string(d.tenant)}, " AND subscription_key = ", param{d.set})
	d.within(b)
	scan := func(r rows) (row changedRow[T], err error) {
		row.Removed = pki.RemovedDeleted
		return row, r.scan(&row.change, (*string)(&row.ID))
	}
	return all(ctx, d.c, scan, b.String(), b.args...)
}

// within writes that a row is behind the position and in the round, and asks
// for one more than fits on the page.
func (d *deltaReader[T]) within(b *builder) {
	b.put(" AND change <= ", param{d.from.Until}, " AND (change, id) > (", param{d.from.Change}, ", ", param{string(d.from.ID)},
		") ORDER BY change, id LIMIT ", param{d.q.Top + 1})
}
