package graph

import (
	"testing"

	"cloudpki/internal/pki"
)

func TestTag(t *testing.T) {
	s := pki.Subscription{Edits: 7, Revision: 12, Key: 35 + 36*35}
	if got := s.ETag(); got != `W/"7.12.zz"` {
		t.Errorf("tag %s", got)
	}
}

func TestIfMatch(t *testing.T) {
	s := pki.Subscription{Edits: 7, Revision: 12, Key: 35}
	for _, c := range []struct {
		name   string
		fields []string
		agrees bool
	}{
		{"no field", nil, true},
		{"anything", []string{"*"}, true},
		{"the tag", []string{`W/"7.12.z"`}, true},
		{"as a strong one", []string{`"7.12.z"`}, true},
		{"before a sync", []string{`W/"7.3.z"`}, true},
		{"another version", []string{`W/"6.12.z"`}, false},
		{"another incarnation", []string{`W/"7.12.y"`}, false},
		{"one of a list", []string{`W/"6.1.z", W/"7.1.z"`}, true},
		{"one of several fields", []string{`W/"6.1.z"`, `W/"7.1.z"`}, true},
		{"one of a list with empty elements", []string{`, W/"6.1.z",, "7.1.z",`}, true},
		{"none of a list", []string{`W/"6.1.z","5.1.z"`}, false},
		{"of another service", []string{`"abc"`}, false},
		{"empty tag", []string{`""`}, false},
	} {
		condition, err := ifMatch(c.fields)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if condition == nil {
			condition = func(string) error { return nil }
		}
		if err := condition(s.ETag()); (err == nil) != c.agrees {
			t.Errorf("%s: %v, want agreement %t", c.name, err, c.agrees)
		} else if err != nil && pki.CodeOf(err) != pki.CodePreconditionFailed {
			t.Errorf("%s: code %s", c.name, pki.CodeOf(err))
		}
	}
	for _, field := range []string{"", " ", ",", "7.12.z", `"7.12.z`, `W/7`, `W/`, `"a" "b"`, `*, "a"`, `w/"a"`} {
		if _, err := ifMatch([]string{field}); err == nil {
			t.Errorf("If-Match: %s is taken", field)
		}
	}
}

func TestUnchanged(t *testing.T) {
	for _, c := range []struct {
		field string
		want  bool
	}{
		{`W/"7.12.z"`, true},
		{`"7.12.z"`, true},
		{`W/"7.11.z"`, false},
		{`W/"1.1.a", W/"7.12.z"`, true},
		{`*`, true},
	} {
		got, err := unchanged([]string{c.field}, `W/"7.12.z"`)
		if err != nil || got != c.want {
			t.Errorf("If-None-Match: %s: %t, %v, want %t", c.field, got, err, c.want)
		}
	}
}
