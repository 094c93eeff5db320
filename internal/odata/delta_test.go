package odata

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseDelta(t *testing.T) {
	for _, c := range []struct {
		raw  string
		want DeltaQuery
		fail string // option that the error names
	}{
		{raw: ""},
		{raw: "$format=json&api-version=beta"},
		{raw: "$select=id&&top=5&%24filter=a+eq+'b%26c'", want: DeltaQuery{Options: "$select=id&top=5&%24filter=a+eq+'b%26c'"}},
		{raw: "deltatoken=Latest&$select=id", want: DeltaQuery{Options: "$select=id", Latest: true}},
		{raw: "$deltatoken=abc&$format=json", want: DeltaQuery{Token: "abc", Kind: DeltaToken}},
		{raw: "$skipToken=abc", want: DeltaQuery{Token: "abc", Kind: DeltaSkipToken}},
		{raw: "$deltatoken=abc&$top=1", fail: "$top"},
		{raw: "$filter=x&$skiptoken=abc", fail: "$filter"},
		{raw: "$deltatoken=abc&$skiptoken=abc", fail: "$skiptoken"},
		{raw: "$deltatoken=latest&$deltatoken=latest", fail: "$deltatoken"},
		{raw: "$deltatoken", fail: "$deltatoken"},
		{raw: "$orderby=id", fail: "$orderby"},
		{raw: "$expand=a", fail: "$expand"},
		{raw: "unknown=1", fail: "$unknown"},
		{raw: "$select=" + strings.Repeat("a", MaxDeltaOptions), fail: "$select"},
		{raw: "$select=%zz", fail: "$select"},
	} {
		got, err := ParseDelta(c.raw)
		if c.fail != "" {
			if e, ok := errors.AsType[*Error](err); !ok || e.Option != c.fail || e.Code != CodeBadRequest {
				t.Errorf("%.40q: error is %v, want one that names %s", c.raw, err, c.fail)
			}
			continue
		}
		if err != nil {
			t.Errorf("%.40q: %v", c.raw, err)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%.40q: %s", c.raw, d)
		}
	}
}

// What ParseDelta keeps can be read again, and comes back as it is.
func FuzzParseDelta(f *testing.F) {
	f.Add("$select=id&top=5&%24filter=a+eq+'b%26c'&$deltatoken=latest")
	f.Add("$deltatoken=abc&$format=json")
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := ParseDelta(raw)
		if err != nil {
			return
		}
		if q.Token != "" && (q.Options != "" || q.Latest) || len(q.Options) > MaxDeltaOptions {
			t.Fatalf("%q gave %+v", raw, q)
		}
		again, err := ParseDelta(q.Options)
		if err != nil || again != (DeltaQuery{Options: q.Options}) {
			t.Fatalf("%q gave %+v, and that %+v, %v", raw, q, again, err)
		}
	})
}

// A token of one kind is none of another, and its error names its own option.
func TestTokenKinds(t *testing.T) {
	s := newSealer(t, 'k')
	kinds := map[TokenKind]string{SkipToken: "$skiptoken", DeltaSkipToken: "$skiptoken", DeltaToken: "$deltatoken"}
	for sealed := range kinds {
		token := s.For(sealed).Seal("b", []Value{Int(1)})
		for opened, option := range kinds {
			_, err := s.For(opened).Open("b", token)
			if sealed == opened {
				if err != nil {
					t.Errorf("kind %d: %v", sealed, err)
				}
				continue
			}
			if e, ok := errors.AsType[*Error](err); !ok || e.Option != option {
				t.Errorf("kind %d opened as %d: %v, want an error that names %s", sealed, opened, err, option)
			}
		}
	}
}

func TestAppendRemoved(t *testing.T) {
	want := `{"id":"a\"b","@removed":{"reason":"deleted"}}`
	if got := string(AppendRemoved(nil, `a"b`, "deleted")); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
