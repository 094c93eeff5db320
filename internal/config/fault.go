package config

import (
	"fmt"
	"slices"
	"strings"
)

// maxName is the longest unknown name that is compared with the known ones.
const maxName = 64

// A Fault is one setting that cannot be used.
type Fault struct {
	Setting string // its key ("sync.interval"), or the variable's name
	Msg     string // what is wrong and what to write instead; no secret
}

// Faults is the error of Load and Validate: every fault there is.
type Faults []Fault

// Error returns one line for a single fault, else a line for each.
func (f Faults) Error() string {
	if len(f) == 1 {
		return f[0].Setting + ": " + f[0].Msg
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d settings are wrong:", len(f))
	for _, fault := range f {
		fmt.Fprintf(&b, "\n  %s: %s", fault.Setting, fault.Msg)
	}
	return b.String()
}

// add notes a fault.
func (f *Faults) add(setting, format string, args ...any) {
	*f = append(*f, Fault{setting, fmt.Sprintf(format, args...)})
}

// names reports whether one of the faults is about the setting.
func (f Faults) names(setting string) bool {
	return slices.ContainsFunc(f, func(fault Fault) bool { return fault.Setting == setting })
}

// orNil returns f as an error, nil when there is no fault.
func (f Faults) orNil() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// suggestion returns "; did you mean PREFIX+X?" with the known name nearest to
// name, "" where none is near.
func suggestion(prefix, name string, known []string) string {
	if len(name) > maxName {
		return ""
	}
	best, least := "", len(name)/3+2
	for _, k := range known {
		d := distance(name, k)
		if strings.HasPrefix(k, name) || strings.HasPrefix(name, k) {
			d = min(d, 1) // cut short or drawn out: secret for secret_file
		}
		if d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + prefix + best + "?"
}

// distance returns how many letters must be added, removed or replaced to
// turn a into b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
