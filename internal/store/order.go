package store

import (
	"slices"

	"cloudpki/internal/odata"
)

// A sortKey is one column that a list is sorted by.
type sortKey struct {
	path     odata.Path
	desc     bool
	nullable bool // the column may hold NULL
}

// sortKeys returns the columns that q asks to sort by, or where it asks for
// none the one of n that suits its filter, and the id behind them, so that no
// two rows are in the same place.
func sortKeys[T any](q odata.Query, n *noun[T]) []sortKey {
	id := n.entity.Property("id")
	order := q.OrderBy
	if len(order) == 0 {
		order = n.suitableOrder(q.Filter)
	}
	keys := make([]sortKey, 0, len(order)+1)
	for _, o := range order {
		keys = append(keys, sortKey{o.Path, o.Desc, nullable(o.Path) && !slices.Contains(n.filled, o.Path.Column())})
		if o.Path.Parent == nil && o.Path.Property.Name == id.Name {
			return keys // what comes behind a unique key changes nothing
		}
	}
	last := n.newest
	if len(order) > 0 {
		last = order[len(order)-1].Desc // so that an index can be read from either end
	}
	return append(keys, sortKey{path: odata.Path{Property: id}, desc: last})
}

// orderBy writes the order, NULL lowest on both databases.
func (b *builder) orderBy(keys []sortKey) {
	separator := " ORDER BY "
	for _, k := range keys {
		b.put(separator, column(k.path, false), k.direction())
		separator = ", "
	}
}

// direction is what stands behind the column in ORDER BY.
func (k sortKey) direction() string {
	switch {
	case k.desc && k.nullable:
		return " DESC NULLS LAST"
	case k.desc:
		return " DESC"
	case k.nullable:
		return " NULLS FIRST"
	}
	return ""
}

// after writes that a row comes behind the position at: it is greater in one
// key and equal in those before. The bound on the first key alone says nothing
// new, but lets an index be used.
func (b *builder) after(keys []sortKey, at []odata.Value) {
	b.put("(")
	b.notBefore(keys[0], at[0])
	b.put(" AND (")
	for i := range keys {
		if i > 0 {
			b.put(" OR ")
		}
		b.put("(")
		for j := range i {
			b.equal(keys[j], at[j])
			b.put(" AND ")
		}
		b.beyond(keys[i], at[i])
		b.put(")")
	}
	b.put("))")
}

func (b *builder) equal(k sortKey, v odata.Value) {
	if value := columnValue(k.path, v); value != nil {
		b.put(column(k.path, false), " = ", param{value})
		return
	}
	b.put(column(k.path, false), " IS NULL")
}

// beyond writes that the column is behind v in the order of k.
func (b *builder) beyond(k sortKey, v odata.Value) {
	name, value := column(k.path, false), columnValue(k.path, v)
	switch {
	case value == nil && k.desc:
		b.put("FALSE")
	case value == nil:
		b.put(name, " IS NOT NULL")
	case k.desc && k.nullable:
		b.put("(", name, " < ", param{value}, " OR ", name, " IS NULL)")
	case k.desc:
		b.put(name, " < ", param{value})
	default:
		b.put(name, " > ", param{value})
	}
}

// notBefore writes that the column is v or behind it.
func (b *builder) notBefore(k sortKey, v odata.Value) {
	name, value := column(k.path, false), columnValue(k.path, v)
	switch {
	case value == nil && k.desc:
		b.put(name, " IS NULL")
	case value == nil:
		b.put("TRUE")
	case k.desc && k.nullable:
		b.put("(", name, " <= ", param{value}, " OR ", name, " IS NULL)")
	case k.desc:
		b.put(name, " <= ", param{value})
	default:
		b.put(name, " >= ", param{value})
	}
}

// A position is where a row stands in the order: one value for each key.
type position struct {
	keys    []sortKey
	texts   []*string
	numbers []*int64
}

func newPosition(keys []sortKey) position {
	return position{keys, make([]*string, len(keys)), make([]*int64, len(keys))}
}

// dest returns what to scan the columns of the keys into.
func (p position) dest() []any {
	dest := make([]any, len(p.keys))
	for i, k := range p.keys {
		if isText(k.path.Property) {
			dest[i] = &p.texts[i]
		} else {
			dest[i] = &p.numbers[i]
		}
	}
	return dest
}

// values returns the position as odata.Query.After takes it.
func (p position) values() []odata.Value {
	values := make([]odata.Value, len(p.keys))
	for i, k := range p.keys {
		switch {
		case p.texts[i] != nil:
			values[i] = odata.String(*p.texts[i])
		case p.numbers[i] == nil:
			values[i] = odata.NullValue()
		case k.path.Property.Kind == odata.KindDateTimeOffset:
			values[i] = odata.Date(odata.DateTimeOffset{Ticks: *p.numbers[i]})
		default:
			values[i] = odata.Int(*p.numbers[i])
		}
	}
	return values
}

func isText(p *odata.Property) bool { return p.Kind == odata.KindString || p.Kind == odata.KindGUID }
