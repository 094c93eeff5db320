package sectigo

import (
	"testing"

	"cloudpki/internal/provider"

	"github.com/google/go-cmp/cmp"
)

// What is read as a cursor is written as it was read.
func FuzzCursor(f *testing.F) {
	f.Add([]byte(`{"v":1,"s":"Issued","n":40,"l":[10001,10002]}`))
	f.Add([]byte(`{"v":1,"s":"Revoked","n":0}`))
	f.Add([]byte(`{"v":2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := readCursor(append(provider.Cursor{}, b...))
		if err != nil {
			return
		}
		c, err := p.cursor()
		if err != nil {
			t.Fatal(err)
		}
		again, err := readCursor(c)
		if len(p.Last) == 0 {
			p.Last, again.Last = nil, nil
		}
		if diff := cmp.Diff(p, again); err != nil || diff != "" {
			t.Errorf("%s is written as %s: %v\n%s", b, c, err, diff)
		}
	})
}

// A time is one that can be written, or none.
func FuzzMoment(f *testing.F) {
	f.Add("2026-11-23T12:00:00.000Z")
	f.Add("2026-11-23")
	f.Fuzz(func(t *testing.T, v string) {
		if at := moment(v); !at.IsZero() && (at.Year() < 1 || at.Year() > 9999) {
			t.Errorf("%q is read as %v", v, at)
		}
	})
}
