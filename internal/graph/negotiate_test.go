package graph

import (
	"net/http"
	"strings"
	"testing"
)

func TestReadWeight(t *testing.T) {
	for text, want := range map[string]float64{"1": 1, "1.0": 1, "1.000": 1, "0": 0, "0.5": 0.5, "0.125": 0.125, "0.": 0} {
		if got, ok := readWeight(text); !ok || got < want-1e-9 || got > want+1e-9 {
			t.Errorf("%s: %v, %t, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "2", "1.1", "0.1234", "-1", ".5", "0.x", "1e0", "01"} {
		if got, ok := readWeight(text); ok {
			t.Errorf("%s is taken as %v", text, got)
		}
	}
}

func TestReadPrefer(t *testing.T) {
	for field, want := range map[string]preferences{
		"":                                       {},
		"return=minimal":                         {minimal: true},
		"Return = Minimal":                       {minimal: true},
		"return=representation":                  {representation: true},
		"return=representation, return=minimal":  {representation: true},
		"respond-async; odata.maxpagesize=7":     {maxPageSize: "7"},
		`maxpagesize="3",return=minimal,x=y`:     {minimal: true, maxPageSize: "3"},
		"return=nothing":                         {},
		"odata.include-annotations=\"*\",return": {},
	} {
		if got := readPrefer(http.Header{"Prefer": {field}}); got != want {
			t.Errorf("Prefer: %s: %+v, want %+v", field, got, want)
		}
	}
}

func TestFormatOption(t *testing.T) {
	for query, want := range map[string]string{
		"$format=json": "json", "format=json": "json", "%24Format=json": "json", "$top=1&$FORMAT=application%2Fjson": "application/json",
		"$filter=x&$format= xml ": "xml", "$filter=format": "", "": "", "format": "",
	} {
		if got, _ := formatOption(query); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}

// TestWriteEscaped: microsoft-graph-client escapes nothing of a filter.
func TestWriteEscaped(t *testing.T) {
	var b strings.Builder
	writeEscaped(&b, `$filter=name eq 'ä"<>' and (v gt 1)%20{|}`)
	if got, want := b.String(), `$filter=name%20eq%20'%C3%A4%22%3C%3E'%20and%20(v%20gt%201)%20%7B%7C%7D`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
