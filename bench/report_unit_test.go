package bench_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cloudpki/bench/load"
	"cloudpki/bench/process"
)

// synthetic returns figures whose cost is in proportion to factor: least CPU
// 100 us, median rate 1000 per second.
func synthetic(name string, factor int) figures {
	f := figures{name: name, rounds: map[string][]round{}, bytes: map[string]int{}}
	for _, op := range operations() {
		for _, disturbed := range []int{3, 1, 2} {
			f.rounds[op] = append(f.rounds[op], round{
				Result: load.Result{Requests: 2000, Elapsed: time.Duration(factor*disturbed) * time.Second},
				cpu:    time.Duration(100*factor*disturbed) * time.Microsecond,
			})
		}
	}
	f.starts = []time.Duration{9 * time.Second, time.Duration(factor) * time.Millisecond, 0}
	f.memory = process.Memory{Resident: int64(factor) << 20}
	return f
}

func TestReport(t *testing.T) {
	t.Parallel()
	r := report{machine: "a machine", sides: []figures{synthetic("floor", 1), synthetic("cloudpki", 4)}}
	want := `ratio create_cpu_vs_floor 4.00
ratio create_rate_vs_floor 0.25
ratio get_cpu_vs_floor 4.00
ratio get_rate_vs_floor 0.25
ratio list50_cpu_vs_floor 4.00
ratio list50_rate_vs_floor 0.25
ratio list100_cpu_vs_floor 4.00
ratio list100_rate_vs_floor 0.25
ratio rss_vs_floor 4.00
ratio startup_vs_floor 4.00
`
	if diff := cmp.Diff(want, r.ratios()); diff != "" {
		t.Errorf("ratios (-want +got):\n%s", diff)
	}
	text, err := os.ReadFile("../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "performance.md")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // what was written is replaced
		r.write(t, path)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(got), "ratio rss_vs_floor"); n != 1 || !strings.Contains(string(got), "a machine") {
		t.Errorf("the document holds %d tables, want the new one alone", n)
	}
}
