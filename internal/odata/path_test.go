package odata

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestResourcePath(t *testing.T) {
	name := func(s string) Segment { return Segment{Text: s, Name: s} }
	key := func(s string) Segment { return Segment{Text: s, Key: true} }
	for in, want := range map[string][]Segment{
		"":                        nil,
		"/":                       nil,
		"cloudPkiSubscriptions":   {name("cloudPkiSubscriptions")},
		"/cloudPkiSubscriptions/": {name("cloudPkiSubscriptions")},
		"/deviceManagement/cloudPkiSubscriptions/a-b.c_d~e": {name("deviceManagement"), name("cloudPkiSubscriptions"), name("a-b.c_d~e")},
		"/set('k')":          {name("set"), key("k")},
		"/set(id='k')":       {name("set"), key("k")},
		"/set('id=k')":       {name("set"), key("id=k")},
		"/set(%27k%27)/sync": {name("set"), key("k"), name("sync")},
		"/set('it''s')":      {name("set"), key("it's")},
		"/set('''')":         {name("set"), key("'")},
		"/set('a%2Fb')":      {name("set"), key("a/b")},
		"/set('a%252Fb')":    {name("set"), key("a%2Fb")},
		"/set('(x)')":        {name("set"), key("(x)")},
		"/set%28%27k%27%29":  {name("set"), key("k")},
		"/set(ed4ad7e9-d7e9-ed4a-e9d7-4aede9d74aed)/$count": {name("set"), key("ed4ad7e9-d7e9-ed4a-e9d7-4aede9d74aed"), name("$count")},
		"/set/%7Bid%7D":                {name("set"), name("{id}")},
		"/set/{id}":                    {name("set"), name("{id}")},
		"/set/delta()":                 {name("set"), {Text: "delta", Name: "delta", Call: true}},
		"/set/microsoft.graph.delta()": {name("set"), {Text: "microsoft.graph.delta", Name: "delta", Call: true}},
		"/set/x/Microsoft.Graph.sync":  {name("set"), name("x"), {Text: "Microsoft.Graph.sync", Name: "sync"}},
		"/set/microsoft.graph.":        {name("set"), name("microsoft.graph.")},
		"/set/a+b":                     {name("set"), name("a+b")},
		"/set/%C3%A9":                  {name("set"), name("é")},
		"/...":                         {name("...")},
	} {
		got, err := ResourcePath(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", in, diff)
		}
	}
}

func TestResourcePathRefuses(t *testing.T) {
	const keyForm = "The key in parentheses must be a string in single quotes, with quotes in it doubled."
	for in, want := range map[string]string{
		"//":            "The path has an empty segment.",
		"/a//b":         "The path has an empty segment.",
		"//a":           "The path has an empty segment.",
		"/a//":          "The path has an empty segment.",
		"/a/./b":        "The path must not contain '.' or '..'.",
		"/a/..":         "The path must not contain '.' or '..'.",
		"/a/%2e%2E/b":   "The path must not contain '.' or '..'.",
		"/a%":           "The path has an invalid percent escape.",
		"/a%4":          "The path has an invalid percent escape.",
		"/a%zz":         "The path has an invalid percent escape.",
		"/a%00":         "The path has characters that are not allowed.",
		"/a%0A":         "The path has characters that are not allowed.",
		"/a%7F":         "The path has characters that are not allowed.",
		"/a%FF":         "The path has characters that are not allowed.",
		"/set('k'":      "Resource not found for the segment.",
		"/set('k')x":    "Resource not found for the segment.",
		"/('k')":        "Resource not found for the segment.",
		"/set('')":      keyForm,
		"/set(''')":     keyForm,
		"/set('it's')":  keyForm,
		"/set(k)":       keyForm,
		"/set(key='k')": keyForm,
		"/set(id=k)":    keyForm,
		"/set(id=)":     keyForm,
		"/set('a','b')": keyForm,
		"/set( 'k' )":   keyForm,
		"/set('a/b')":   "Resource not found for the segment.",
		"/" + strings.Repeat("a/", maxSegments+1): "The path has too many segments.",
		"/" + strings.Repeat("a", maxPathBytes):   "The path is too long.",
	} {
		got, err := ResourcePath(in)
		if err == nil {
			t.Errorf("%s: %+v, want an error", in, got)
		} else if err.Error() != want {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
}
