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
	f.addConditions(cmd)
	flags := cmd.Flags()
	f.flags = flags
	flags.IntVar(&f.top, "top", 100, "list at most so many")
	flags.BoolVar(&f.all, "all", false, "list every one")
}

// addConditions adds the flags that say which objects, and in which order.
func (f *listFlags) addConditions(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.filter, "filter", "", "OData filter over the members that -o json shows: \"id ne 'x'\"")
	cmd.Flags().StringVar(&f.order, "order", "", "members to sort by: \"id desc\"")
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

	// CSV, for commands with the annotation givesCSV: titles of the records,
	// and the record of an object.
	titles []string
	record func(T) []string
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
	out := newObjectWriter(p, l)
	options := f.options(conditions...)
	if p.output == outputTable {
		options.Select = l.fields
	}
	count := 0
	for object, err := range service.Objects(ctx, options, l.segments...) {
		if err != nil {
			return errors.Join(err, out.flush())
		}
		if !f.all && count == f.top {
			p.note("there are more than %d; --all lists every one", f.top)
			break
		}
		if err := out.add(object); err != nil {
			return err
		}
		count++
	}
	if count == 0 && p.output == outputTable {
		p.note("%s", l.none)
	}
	return out.close()
}

// An objectWriter writes the objects of a set one after another, in the form
// that it stands for.
type objectWriter interface {
	add(object json.RawMessage) error
	flush() error // writes what is kept of a set that broke off
	close() error // ends the set
}

// newObjectWriter returns the writer of the results of a listing.
func newObjectWriter[T any](p *program, l listing[T]) objectWriter {
	switch p.output {
	case outputJSON:
		return newJSONWriter(p.out)
	case outputCSV:
		return newCSVWriter(p.out, l.titles, l.record)
	}
	return &tableWriter[T]{listing: l, out: bufio.NewWriter(p.out), table: p.newTable(l.columns)}
}

// A tableWriter writes objects as rows of a table, a page at a time.
type tableWriter[T any] struct {
	listing[T]
	out   *bufio.Writer
	table *table
	rows  [][]string // not yet written
}

func (w *tableWriter[T]) add(object json.RawMessage) error {
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

func (w *tableWriter[T]) flush() error {
	if len(w.rows) > 0 {
		if err := w.table.write(w.out, w.rows); err != nil {
			return err
		}
		w.rows = nil
	}
	return w.out.Flush()
}

func (w *tableWriter[T]) close() error { return w.flush() }
