package casim

import (
	"regexp"
	"slices"
	"testing"
	"time"
)

// The catalogue is what customers are told: at least 120 behaviours, each with
// a name of its own that can be typed, a sentence, and exactly one effect.
func TestCatalogue(t *testing.T) {
	name := regexp.MustCompile(`^[a-z0-9]+([-.][a-z0-9]+)*$`)
	seen := map[string]bool{}
	for _, f := range Faults() {
		if !name.MatchString(f.Name) || seen[f.Name] || f.Doc == "" {
			t.Errorf("fault %q: badly named, named twice, or without words", f.Name)
		}
		seen[f.Name] = true
		effects := 0
		for _, has := range []bool{f.Answer != nil, f.Search != nil, f.Policies != nil, f.World != nil, f.Handshake != nil, f.Accept != nil} {
			if has {
				effects++
			}
		}
		if effects != 1 {
			t.Errorf("fault %q has %d effects", f.Name, effects)
		}
	}
	if len(seen) < 120 {
		t.Errorf("%d behaviours, want at least 120", len(seen))
	}
	t.Logf("%d behaviours", len(seen))
}

// A schedule is the same for the same seed, survives being written down, and is
// over when its calls are.
func TestSchedule(t *testing.T) {
	s := RandomSchedule(42, 5, nil)
	if again := RandomSchedule(42, 5, nil); again.String() != s.String() || RandomSchedule(43, 5, nil).String() == s.String() {
		t.Error("a schedule does not follow its seed")
	}
	read, err := ParseSchedule(s.String())
	if err != nil || read.String() != s.String() {
		t.Errorf("%q is read as %q, %v", s, read, err)
	}
	for _, text := range []string{"", "nonsense", "slow*x", "slow*-1", "honest*"} {
		if _, err := ParseSchedule(text); err == nil {
			t.Errorf("%q is a schedule", text)
		}
	}
	ca := newCA(t, Options{})
	srv := serve(t, ca)
	c := client(t, ca, time.Hour)
	ca.Follow(Schedule{{Calls: 1}, {Fault: "http-404", Calls: 2}, {Calls: 1}, {Fault: "gone", Calls: 1}})
	var got []int
	for range 6 {
		resp, err := c.Get(srv.URL + "policyService")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, resp.StatusCode)
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	if want := []int{500, 404, 404, 500, 410, 500}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v (a GET is refused by the honest service with 500)", got, want)
	}
}
