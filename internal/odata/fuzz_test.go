package odata

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// mustBeError fails unless err is an *Error with a text.
func mustBeError(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Msg == "" {
		t.Fatalf("error %v, want an *Error with a text", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(documentedBody))
	f.Add([]byte(`{"@odata.type":"#x","providerSettings":[{"name":"a"}],"tags":["a"],"version":1e2,"size":"1","syncSchedule":"PT1H"}`))
	f.Add([]byte(`{"credentials":{"adminPassword":"\ud800"}}`))
	et := subscriptionType()
	shape := newShape(f, et)
	f.Fuzz(func(t *testing.T, body []byte) {
		o, err := et.Decode(body)
		if err != nil {
			mustBeError(t, err)
			return
		}
		if !json.Valid(body) {
			t.Fatalf("%q is not JSON and was decoded", body)
		}
		first := shape.Append(nil, &subscription{o}, Selection{}, Format{Metadata: MetadataFull}, Annotations{})
		if !json.Valid(first) {
			t.Fatalf("%s is not JSON", first)
		}
	})
}

func FuzzParseQuery(f *testing.F) {
	for _, s := range []string{
		"$filter=displayName+eq+'a'&$orderby=version+desc&$top=5&$select=id&$count=true&$search=%22a%22",
		"filter=not(contains(tolower(displayName),'a'))+or+version+in+(1,2)+and+lastSyncDateTime+gt+2017-01-01T00:00:35.1329464-08:00",
		"$filter=syncStatus eq microsoft.graph.syncStatus'failed' and syncSchedule eq duration'PT1H'",
		"$expand=syncRuns&$skip=1&$format=json&$skiptoken=x&api-version=1",
	} {
		f.Add(s)
	}
	et := subscriptionType()
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := ParseQuery(raw, et)
		if err != nil {
			mustBeError(t, err)
			return
		}
		if q.Top < 1 || q.Top > MaxTop || q.Skip < 0 {
			t.Fatalf("%q: %+v", raw, q)
		}
		if q.Filter == nil {
			return
		}
		text := string(appendExpr(nil, q.Filter))
		again, err := parseFilter(text, et)
		if err != nil {
			// Written in full, a filter may have more parentheses than one may nest.
			if strings.Contains(err.Error(), "nested") {
				return
			}
			t.Fatalf("%q is written as %q, which is refused: %v", raw, text, err)
		}
		if second := string(appendExpr(nil, again)); second != text {
			t.Fatalf("%q is read as %q", text, second)
		}
		if strings.Contains(text, "Password") {
			t.Fatalf("%q asks for a secret", text)
		}
		Eval(q.Filter, func(Path, bool) Value { return Value{} })
	})
}

func FuzzResourcePath(f *testing.F) {
	for _, s := range []string{"/set('it''s')/microsoft.graph.sync", "/set/%7Bid%7D/delta()", "/a//b/../c", "/set(ed4ad7e9-d7e9-ed4a-e9d7-4aede9d74aed)/$count/", ".()"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, p string) {
		segments, err := ResourcePath(p)
		if err != nil {
			mustBeError(t, err)
			return
		}
		for _, s := range segments {
			if s.Text == "" || s.Key == (s.Name != "") || !s.Key && (s.Text == "." || s.Text == "..") || strings.ContainsAny(s.Text, "\x00\r\n") {
				t.Fatalf("%q has the segment %+v", p, s)
			}
		}
	})
}

func FuzzTokenOpen(f *testing.F) {
	s := newSealer(f, 'k')
	f.Add("binding", s.Seal("binding", []Value{String("a"), Int(7)}))
	f.Add("", "AQ")
	f.Fuzz(func(t *testing.T, binding, token string) {
		if _, err := s.Open(binding, token); err != nil {
			mustBeError(t, err)
		}
		if pos, ok := readPosition([]byte(token)); ok && len(pos) > maxTokenParts {
			t.Fatalf("%d values", len(pos))
		}
	})
}

func FuzzParseDateTimeOffset(f *testing.F) {
	for _, s := range []string{"2017-01-01T00:00:35.1329464-08:00", "0001-01-01T00:00:00Z", "9999-12-31t23:59:59.999999999999+14:00", "PT1H30M", "-P1DT0.5S"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := ParseDateTimeOffset(s); err == nil {
			if again, err := ParseDateTimeOffset(d.String()); err != nil || again != d {
				t.Fatalf("%q is written as %s and read as %v, %v", s, d, again, err)
			}
		}
		if d, err := ParseDuration(s); err == nil {
			if again, err := ParseDuration(string(AppendDuration(nil, d))); err != nil || again != d {
				t.Fatalf("%q is written as %s and read as %v, %v", s, AppendDuration(nil, d), again, err)
			}
		}
	})
}
