package chaos_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudpki/internal/casim"

	gocmp "github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden file")

// TestEveryFault syncs once under each fault of the catalogue and compares how
// it is told with what has been judged right: the code, when it is tried again,
// and what was skipped. Nothing may be lost and no trust changed.
func TestEveryFault(t *testing.T) {
	const golden = "testdata/faults.golden"
	all := casim.Faults()
	outcomes := make([]string, len(all))
	next := make(chan int)
	var group sync.WaitGroup
	for _, w := range newWorlds(t, workers) {
		group.Go(func() {
			for i := range next {
				s := &story{manual: true} // so that no fault may change the root
				outcomes[i] = w.suffer(s, all[i])
				for _, wrong := range s.wrong {
					t.Errorf("%s: %s", all[i].Name, wrong)
				}
			}
		})
	}
	for i := range all {
		next <- i
	}
	close(next)
	group.Wait()
	slices.Sort(outcomes)
	got := strings.Join(outcomes, "\n") + "\n"
	if *update {
		must(t, os.WriteFile(golden, []byte(got), 0o600))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	if diff := gocmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("faults are told otherwise (-judged +now):\n%s", diff)
	}
}

// suffer syncs with an honest CA, then under a fault, then with the honest one
// again, and tells of the sync between.
func (w *world) suffer(s *story, f casim.Fault) string {
	a := w.begin(s, kinds()[0])
	defer a.end()
	if len(s.wrong) > 0 {
		return f.Name
	}
	a.patient = true
	a.ca.Misbehave(f)
	a.pass(25 * time.Hour)
	if hangs(f.Name) {
		a.sync(w.hasty)
	} else {
		a.sync(w.service)
	}
	run := a.last
	a.ca.Misbehave(casim.Fault{})
	a.recover()
	a.compare()
	outcome := cmp.Or(string(run.Error), "succeeded")
	if run.Retry != "" {
		outcome += ", " + string(run.Retry)
	}
	if c := run.Counts; c.Skipped+c.Missing > 0 {
		outcome += fmt.Sprintf("; %d skipped, %d missing", c.Skipped, c.Missing)
	}
	return fmt.Sprintf("%-26s %s", f.Name, outcome)
}
