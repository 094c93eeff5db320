package bench_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// A report is the outcome of one run: the floor, then cloudpki.
type report struct {
	machine string
	sides   []figures
}

// table returns what people read.
func (r report) table() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n\n", r.machine)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "operation\tside\tCPU us\tmedian\trequests/s\tp50 us\tp99 us\tbytes\t")
	for _, op := range operations() {
		for _, f := range r.sides {
			cpu := values(f.rounds[op], func(r round) time.Duration { return r.cpu })
			p50 := values(f.rounds[op], func(r round) time.Duration { return r.Median })
			p99 := values(f.rounds[op], func(r round) time.Duration { return r.P99 })
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%.0f\t%d\t%d\t%d\t\n", op, f.name,
				f.cpu(op).Microseconds(), median(cpu).Microseconds(), f.rate(op),
				median(p50).Microseconds(), median(p99).Microseconds(), f.bytes[op])
		}
	}
	_ = w.Flush() // into memory
	b.WriteByte('\n')
	w = tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "side\tstart ms\tmemory MiB\tpeak MiB\t")
	for _, f := range r.sides {
		fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.1f\t\n", f.name,
			float64(median(f.starts).Microseconds())/1000, float64(f.memory.Resident)/(1<<20), float64(f.memory.Peak)/(1<<20))
	}
	_ = w.Flush() // into memory
	return b.String()
}

// ratios returns what programs read: cloudpki's figures divided by the floor's.
func (r report) ratios() string {
	floor, product := r.sides[0], r.sides[1]
	var b strings.Builder
	line := func(name string, product, floor float64) { fmt.Fprintf(&b, "ratio %s %.2f\n", name, product/floor) }
	for _, op := range []string{"create", "get", "list50", "list100"} {
		line(op+"_cpu_vs_floor", float64(product.cpu(op)), float64(floor.cpu(op)))
		line(op+"_rate_vs_floor", product.rate(op), floor.rate(op))
	}
	line("rss_vs_floor", float64(product.memory.Resident), float64(floor.memory.Resident))
	line("startup_vs_floor", float64(median(product.starts)), float64(median(floor.starts)))
	return b.String()
}

// The table stands between these lines of the document.
const (
	tableBegin = "<!-- figures: written by the benchmark with -update -->\n"
	tableEnd   = "<!-- end of figures -->\n"
)

// write puts the table and the ratios into the document at path.
func (r report) write(tb testing.TB, path string) {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), tableBegin)
	_, after, closed := strings.Cut(rest, tableEnd)
	if !found || !closed {
		tb.Fatalf("%s has no place for the table: %q and %q", path, tableBegin, tableEnd)
	}
	text = fmt.Appendf(nil, "%s%s\n```text\n%s\n%s```\n\n%s%s", before, tableBegin, r.table(), r.ratios(), tableEnd, after)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		tb.Fatal(err)
	}
}
