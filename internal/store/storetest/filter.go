package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// A listing is a stored collection with what each row's properties are, so
// that any query can be answered twice: by the store, and by going through all
// rows with odata.Eval.
type listing struct {
	entity *odata.EntityType
	rows   []listed
	newest bool // without an order the greatest id comes first
	free   bool // without an order the store may choose one
	page   func(q odata.Query) ([]pki.ID, []odata.Value, int64, error)
}

type listed struct {
	id     pki.ID
	values map[string]odata.Value // by column
}

func (l listed) get(p odata.Path, folded bool) odata.Value {
	v := l.values[p.Column()]
	if folded && v.State() == odata.Present {
		return odata.String(odata.Fold(v.Str()))
	}
	return v
}

const randomRows = 60

func filters(t *testing.T, open Open) {
	t.Run("subscriptions", func(t *testing.T) { examineQueries(t, randomSubscriptions(t, open)) })
	t.Run("certificates", func(t *testing.T) { examineQueries(t, randomCertificates(t, open)) })
	t.Run("runs", func(t *testing.T) { examineQueries(t, randomRuns(t, open)) })
	t.Run("authorities", func(t *testing.T) { examineQueries(t, randomAuthorities(t, open)) })
	t.Run("skipped items", func(t *testing.T) { examineQueries(t, randomSkippedItems(t, open)) })
	t.Run("audit events", func(t *testing.T) { examineQueries(t, randomAuditEvents(t, open)) })
}

// examineQueries draws queries and compares every page of the store's answer.
func examineQueries(t *testing.T, l listing) {
	paths := pathsOf(l.entity)
	for _, p := range paths {
		if l.rows[0].get(p, false).State() == odata.Absent {
			t.Fatalf("the examination does not know the property %s", p.Column())
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		q := odata.Query{Top: rapid.IntRange(1, randomRows+1).Draw(t, "top"), Count: true}
		if rapid.IntRange(0, 3).Draw(t, "filtered") > 0 {
			q.Filter = drawExpr(t, l, paths, 3)
		}
		for range rapid.IntRange(0, 3).Draw(t, "keys") {
			p := rapid.SampledFrom(paths).Filter(func(p odata.Path) bool { return p.Property.Sort }).Draw(t, "key")
			q.OrderBy = append(q.OrderBy, odata.Order{Path: p, Desc: rapid.Bool().Draw(t, "desc")})
		}
		if l.searchable() && rapid.IntRange(0, 4).Draw(t, "searched") == 0 {
			q.Search = odata.Fold(drawText(t))
		}
		want := l.answer(q)
		var got []pki.ID
		for {
			ids, after, count, err := l.page(q)
			if err != nil {
				t.Fatal(err)
			}
			if count != int64(len(want)) {
				t.Fatalf("count is %d, want %d", count, len(want))
			}
			got = append(got, ids...)
			if after == nil {
				break
			}
			if q.After = after; len(ids) != q.Top || len(got) > randomRows {
				t.Fatalf("a page of %d with another behind it, of %d asked for", len(ids), q.Top)
			}
		}
		if l.free && len(q.OrderBy) == 0 {
			slices.Sort(got)
			slices.Sort(want)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("store:\n%v\nwant:\n%v", l.describe(got, q), l.describe(want, q))
		}
	})
}

// describe shows rows with the values that a query looks at.
func (l listing) describe(ids []pki.ID, q odata.Query) string {
	var b strings.Builder
	for _, id := range ids {
		i := slices.IndexFunc(l.rows, func(r listed) bool { return r.id == id })
		fmt.Fprintf(&b, "%s", id)
		for _, o := range q.OrderBy {
			fmt.Fprintf(&b, " %s=%+v", o.Path.Column(), l.rows[i].get(o.Path, false))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// answer is what the store should say.
func (l listing) answer(q odata.Query) []pki.ID {
	var rows []listed
	for _, r := range l.rows {
		if (q.Filter == nil || odata.Eval(q.Filter, r.get)) && l.found(r, q.Search) {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b listed) int {
		for _, o := range q.OrderBy {
			c := compare(a.get(o.Path, false), b.get(o.Path, false))
			if o.Desc {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		c := strings.Compare(string(a.id), string(b.id))
		if last := len(q.OrderBy) - 1; last < 0 && l.newest || last >= 0 && q.OrderBy[last].Desc {
			c = -c
		}
		return c
	})
	ids := make([]pki.ID, len(rows))
	for i, r := range rows {
		ids[i] = r.id
	}
	return ids
}

func (l listing) searchable() bool {
	return slices.ContainsFunc(pathsOf(l.entity), func(p odata.Path) bool { return p.Property.Search })
}

func (l listing) found(r listed, text string) bool {
	if text == "" {
		return true
	}
	for _, p := range pathsOf(l.entity) {
		if v := r.get(p, true); p.Property.Search && v.State() == odata.Present && strings.Contains(v.Str(), text) {
			return true
		}
	}
	return false
}

func compare(a, b odata.Value) int {
	if a.State() != odata.Present || b.State() != odata.Present {
		return cmp.Compare(a.State(), b.State())
	}
	return cmp.Or(strings.Compare(a.Str(), b.Str()), cmp.Compare(a.Num(), b.Num()), cmp.Compare(a.Time().Ticks, b.Time().Ticks))
}

// pathsOf returns what may be asked of an entity type.
func pathsOf(e *odata.EntityType) []odata.Path {
	var paths []odata.Path
	for i := range e.Properties {
		p := &e.Properties[i]
		if p.Filter || p.Search {
			paths = append(paths, odata.Path{Property: p})
		}
		if p.Kind == odata.KindComplex && !p.Collection {
			for j := range p.Complex.Properties {
				if q := &p.Complex.Properties[j]; q.Filter {
					paths = append(paths, odata.Path{Parent: p, Property: q})
				}
			}
		}
	}
	return paths
}
