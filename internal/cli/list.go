package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cloudpki/internal/graph"
)

// maxPage is the largest page that the API gives.
const maxPage = 999

// listFlags are the flags of every command that lists.
type listFlags struct {
	filter, search, order string
	top                   int
	all                   bool
	flags                 *pflag.FlagSet
}

func (f *listFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.flags = flags
	flags.StringVar(&f.filter, "filter", "", "OData filter over the members that -o json shows: \"id ne 'x'\"")
	flags.StringVar(&f.order, "order", "", "members to sort by: \"id desc\"")
	flags.IntVar(&f.top, "top", 100, "list at most so many")
	flags.BoolVar(&f.all, "all", false, "list every one")
}

// addSearch adds the flag for sets that can be searched.
func (f *listFlags) addSearch(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.search, "search", "", "only what contains this text")
}

// options returns the query options, with further conditions joined to the filter.
func (f *listFlags) options(conditions ...string) graph.ListOptions {
	o := graph.ListOptions{OrderBy: f.order, Top: maxPage}
	if f.filter != "" {
		conditions = append([]string{"(" + f.filter + ")"}, conditions...)
	}
	o.Filter = strings.Join(conditions, " and ")
	if f.search != "" {
		o.Search = strconv.Quote(f.search)
	}
	if !f.all {
		o.Top = min(maxPage, f.top+1) // one more tells whether there are more
	}
	return o
}

// A listing is a set of the API and how its objects look in a table.
type listing[T any] struct {
	segments []string // of its address
	fields   []string // members that the table needs; nil for the customary ones
	columns  []column
	row      func(T) []string
	none     string // said where the set is empty
}

// list writes a set as it comes, page by page, so that one of any length takes
// no memory.
func list[T any](ctx context.Context, p *program, l listing[T], f *listFlags, conditions ...string) error {
	switch {
	case f.top < 1:
		return misuse("--all lists every one", "--top is %d; it must be at least 1", f.top)
	case f.all && f.flags.Changed("top"):
		return misuse("", "--top contradicts --all")
	}
	service, err := p.service()
	if err != nil {
		return err
	}
	if f.filter != "" || f.search != "" || len(conditions) > 0 {
		l.none = "nothing matches"
	}
	out := newListWriter(p, l)
	options := f.options(conditions...)
	if p.output == outputTable {
		options.Select = l.fields
	}
	for object, err := range service.Objects(ctx, options, l.segments...) {
		if err != nil {
			return errors.Join(err, out.flush())
		}
		if !f.all && out.count == f.top {
			p.note("there are more than %d; --all lists every one", f.top)
			break
		}
		if err := out.add(object); err != nil {
			return err
		}
	}
	return out.close()
}

// A listWriter writes objects as a table or as one JSON array.
type listWriter[T any] struct {
	listing[T]
	p     *program
	out   *bufio.Writer
	table *table     // nil for JSON
	rows  [][]string // not yet written
	count int
}

func newListWriter[T any](p *program, l listing[T]) *listWriter[T] {
	w := &listWriter[T]{listing: l, p: p, out: bufio.NewWriter(p.out)}
	if p.output == outputTable {
		w.table = p.newTable(l.columns)
	}
	return w
}

// add writes one object, or keeps it until a page of the table is full.
func (w *listWriter[T]) add(object json.RawMessage) error {
	w.count++
	if w.table == nil {
		return w.addJSON(object)
	}
	var decoded T
	if err := json.Unmarshal(object, &decoded); err != nil {
		return notUnderstood(err)
	}
	w.rows = append(w.rows, w.row(decoded))
	if len(w.rows) < maxPage {
		return nil
	}
	return w.flush()
}

func (w *listWriter[T]) addJSON(object json.RawMessage) error {
	open := ",\n  "
	if w.count == 1 {
		open = "[\n  "
	}
	text, err := indented(object, "  ")
	if err != nil {
		return err
	}
	_, err = w.out.WriteString(open + text)
	return err
}

// flush writes what is kept.
func (w *listWriter[T]) flush() error {
	if len(w.rows) > 0 {
		if err := w.table.write(w.out, w.rows); err != nil {
			return err
		}
		w.rows = nil
	}
	return w.out.Flush()
}

// close ends the list.
func (w *listWriter[T]) close() error {
	switch {
	case w.table != nil && w.count == 0:
		w.p.note("%s", w.none)
	case w.table == nil && w.count == 0:
		_, _ = w.out.WriteString("[]\n") // Flush tells of errors
	case w.table == nil:
		_, _ = w.out.WriteString("\n]\n")
	}
	return w.flush()
}
