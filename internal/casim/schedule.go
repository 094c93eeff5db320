package casim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// A Schedule is a sequence of faults, by calls: the same schedule makes the same
// trouble again, whatever the clock says.
type Schedule []Step

// A Step is one stretch of a schedule.
type Step struct {
	Fault string // name of a fault; "" is honesty
	Calls int    // how many calls, or connections that come to nothing, it lasts
}

// RandomSchedule returns n faults with honest stretches between them, drawn from
// the named faults; all there are where names is nil. The same seed gives the
// same schedule.
func RandomSchedule(seed uint64, n int, names []string) Schedule {
	if names == nil {
		for _, f := range Faults() {
			names = append(names, f.Name)
		}
	}
	r := rand.New(rand.NewPCG(seed, 0)) // to be repeated, not to be secret
	var s Schedule
	for range n {
		s = append(s, Step{Calls: r.IntN(12)}, Step{Fault: names[r.IntN(len(names))], Calls: 1 + r.IntN(6)})
	}
	return s
}

// String writes a schedule as ParseSchedule reads it: "honest*3 rate-limited*2".
func (s Schedule) String() string {
	parts := make([]string, len(s))
	for i, step := range s {
		name := step.Fault
		if name == "" {
			name = "honest"
		}
		parts[i] = name + "*" + strconv.Itoa(step.Calls)
	}
	return strings.Join(parts, " ")
}

// ParseSchedule reads what String wrote. A fault without a number lasts for one
// call.
func ParseSchedule(text string) (Schedule, error) {
	var s Schedule
	for part := range strings.FieldsSeq(text) {
		name, calls, found := strings.Cut(part, "*")
		step := Step{Fault: name, Calls: 1}
		if name == "honest" {
			step.Fault = ""
		} else if _, ok := ByName(name); !ok {
			return nil, fmt.Errorf("read schedule: no fault is called %q", name)
		}
		if found {
			n, err := strconv.Atoi(calls)
			if err != nil || n < 0 {
				return nil, fmt.Errorf("read schedule: %q is not a number of calls", calls)
			}
			step.Calls = n
		}
		s = append(s, step)
	}
	if s == nil {
		return nil, errors.New("read schedule: it is empty")
	}
	return s, nil
}

// Follow misbehaves by a schedule from the next call on, and is honest behind
// its end. Misbehave ends it.
func (c *CA) Follow(s Schedule) {
	c.Misbehave(Fault{})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.schedule = slices.Clone(s)
	c.advance()
}

// meet counts a call, or a connection that strikes calls wrong, and returns the
// fault that it meets, which stays in force until the next one begins: nobody
// can tell when an answer has ended.
func (c *CA) meet(strikes func(Fault) bool) Fault {
	c.mu.Lock()
	c.advance()
	met := c.fault
	struck := strikes(met)
	if struck && len(c.schedule) > 0 {
		c.schedule[0].Calls--
	}
	c.mu.Unlock()
	if struck && c.opts.Met != nil {
		c.opts.Met(met.Name)
	}
	return met
}

// advance takes up the step that is due; c.mu is held.
func (c *CA) advance() {
	if len(c.schedule) == 0 {
		return
	}
	for len(c.schedule) > 0 && c.schedule[0].Calls <= 0 {
		c.schedule = c.schedule[1:]
	}
	next := Fault{}
	if len(c.schedule) > 0 {
		next, _ = ByName(c.schedule[0].Fault)
	}
	if next.Name != c.fault.Name {
		c.fault = next
		c.changes++
	}
}

// Front serves a dialect in the CA's place where it misbehaves: the Answer of
// the fault comes before the honest handler.
func (c *CA) Front(honest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if met := c.meet(func(Fault) bool { return true }); met.Answer != nil {
			met.Answer(w, r, honest)
			return
		}
		honest.ServeHTTP(w, r)
	})
}
