// Package chaos lets CAs misbehave by seeded schedules while the whole engine
// syncs them, and holds what is left against what the CA issued: no certificate
// lost, no trust changed that nobody wished, every failure with a code that says
// what to do. A failing schedule is printed with its seed, and one seed alone is
// run by
//
//	go test ./e2e/chaos -run Chaos -seed 1234 -schedules 1 -v
package chaos_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"cloudpki/internal/casim"
)

// The whole suite runs some; `make chaos` runs a thousand.
func schedules() (first *uint64, count *int) {
	return flag.Uint64("seed", 1, "seed of the first schedule"), flag.Int("schedules", 24, "how many schedules to run")
}

var firstSeed, count = schedules()

// workers is how many schedules run at once: most of their time they wait.
const workers = 8

func TestChaos(t *testing.T) {
	var next atomic.Uint64
	var faults, runs, failed atomic.Int64
	var group sync.WaitGroup
	for range workers {
		w := newWorld(t)
		group.Go(func() {
			for i := next.Add(1) - 1; i < uint64(*count); i = next.Add(1) - 1 { //nolint:gosec // not negative
				seed := *firstSeed + i
				s := w.play(seed)
				faults.Add(int64(len(s.plan) / 2))
				runs.Add(int64(s.runs))
				failed.Add(int64(s.failed))
				for _, wrong := range s.wrong {
					t.Errorf("seed %d (%s): %s\n  schedule: %s", seed, s.kind, wrong, s.plan)
				}
			}
		})
	}
	group.Wait()
	t.Logf("%d schedules, %d faults, %d syncs, of which %d failed", *count, faults.Load(), runs.Load(), failed.Load())
}

// A story is one schedule and what came of it.
type story struct {
	kind         string
	plan         casim.Schedule
	runs, failed int
	wrong        []string // what must not be
}

func (s *story) blame(format string, args ...any) {
	s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
}

// play runs one schedule: syncs while the CA misbehaves, issues and revokes, and
// then syncs with an honest CA until all is as it should be.
func (w *world) play(seed uint64) *story {
	r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // to be repeated, not to be secret
	all := kinds()
	k := all[seed%uint64(len(all))]
	s := &story{kind: k.name, plan: casim.RandomSchedule(seed, 4+r.IntN(4), k.faults())}
	actor := w.begin(s, k)
	defer actor.end()
	if len(s.wrong) > 0 {
		return s
	}
	actor.ca.Follow(s.plan)
	for range 6 {
		actor.change(r)
		actor.sync()
	}
	actor.ca.Misbehave(casim.Fault{})
	actor.recover()
	actor.compare()
	return s
}
