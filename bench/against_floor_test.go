package bench_test

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"cloudpki/bench/load"
	"cloudpki/bench/process"
)

// The defaults are as small as they can be for figures that repeat within a
// few percent on a quiet machine; the whole takes about two minutes.
var (
	rounds      = flag.Int("rounds", 5, "rounds of each operation on each side")
	roundTime   = flag.Duration("round", 2*time.Second, "how long a round lasts")
	rows        = flag.Int("rows", 3000, "subscriptions in the database before the measurement")
	connections = flag.Int("connections", 8, "connections that are kept busy")
	starts      = flag.Int("starts", 10, "starts of each side that are timed")
	update      = flag.Bool("update", false, "write the table into docs/performance.md")
)

// warmUp precedes the rounds of each operation.
const warmUp = 500 * time.Millisecond

// BenchmarkAgainstFloor measures cloudpki and the floor in turn, round by
// round, so that what else the machine does falls on both.
func BenchmarkAgainstFloor(b *testing.B) {
	for b.Loop() {
		if *profileDir != "" {
			profile(b, *profileDir)
			continue
		}
		r := measure(b)
		fmt.Print("\n", r.table(), "\n", r.ratios())
		if *update {
			r.write(b, "../docs/performance.md")
		}
	}
	b.ReportMetric(0, "ns/op") // the time of the whole run says nothing
}

// measure runs everything once.
func measure(b *testing.B) report {
	b.Helper()
	sides := []*side{newFloor(b), newProduct(b)}
	r := report{machine: describeMachine(b), sides: make([]figures, len(sides))}
	work := make([]map[string]load.Op, len(sides))
	for i, s := range sides {
		r.sides[i] = figures{name: s.name, rounds: map[string][]round{}, bytes: map[string]int{}}
		s.begin(b, *connections)
		work[i] = s.prepare(b, *rows)
		if err := s.stop(); err != nil {
			b.Fatal(err)
		}
	}
	for range *starts {
		for i, s := range sides {
			r.sides[i].starts = append(r.sides[i].starts, s.timeStart(b))
		}
	}
	for _, s := range sides {
		s.begin(b, *connections)
	}
	for _, name := range operations() {
		for i, s := range sides {
			r.sides[i].bytes[name] = work[i][name].MaxLength - slack
			s.round(b, work[i][name], warmUp)
		}
		for range *rounds {
			for i, s := range sides {
				r.sides[i].rounds[name] = append(r.sides[i].rounds[name], s.round(b, work[i][name], *roundTime))
			}
		}
	}
	for i, s := range sides {
		memory, err := s.running.Memory()
		if err != nil {
			b.Fatal(err)
		}
		r.sides[i].memory = memory
	}
	return r
}

// operations are in the order of measuring: creates last, because they make
// the database larger, and not by the same on both sides.
func operations() []string { return []string{"get", "list50", "list100", "create"} }

// prepare creates n subscriptions and returns the operations by name.
func (s *side) prepare(tb testing.TB, n int) map[string]load.Op {
	tb.Helper()
	create, get := s.seed(tb, n)
	return map[string]load.Op{"get": get, "list50": s.list(tb, 50), "list100": s.list(tb, 100), "create": create}
}

// A round is one measurement of one operation on one side.
type round struct {
	load.Result
	cpu time.Duration // of the server, for one request
}

// figures are the measurements of one side.
type figures struct {
	name   string
	rounds map[string][]round // by operation
	bytes  map[string]int     // length of an answer, by operation
	starts []time.Duration
	memory process.Memory
}

// round keeps the side busy with op for the duration d.
func (s *side) round(b *testing.B, op load.Op, d time.Duration) round {
	b.Helper()
	before, err := s.running.CPU()
	if err != nil {
		b.Fatal(err)
	}
	result, err := s.loader.Run(b.Context(), op, d)
	if err != nil {
		b.Fatalf("%s: %v", s.name, err)
	}
	after, err := s.running.CPU()
	if err != nil {
		b.Fatal(err)
	}
	return round{result, (after - before) / time.Duration(result.Requests)}
}

// timeStart starts and stops the side.
func (s *side) timeStart(b *testing.B) time.Duration {
	b.Helper()
	took, err := s.start(b.Context())
	if err == nil {
		err = s.stop()
	}
	if err != nil {
		b.Fatal(err)
	}
	return took
}

// cpu is the least of the rounds: what else runs can only add to it.
func (f figures) cpu(op string) time.Duration {
	return slices.Min(values(f.rounds[op], func(r round) time.Duration { return r.cpu }))
}

// rate is the median of the rounds, in requests per second.
func (f figures) rate(op string) float64 {
	return median(values(f.rounds[op], func(r round) float64 { return r.Rate() }))
}

func values[T, V any](list []T, value func(T) V) []V {
	out := make([]V, len(list))
	for i, item := range list {
		out[i] = value(item)
	}
	return out
}

// median is the lower one of two in the middle.
func median[T int | float64 | time.Duration](list []T) T {
	list = slices.Sorted(slices.Values(list))
	return list[(len(list)-1)/2]
}
