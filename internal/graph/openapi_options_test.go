package graph_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"cloudpki/internal/graph"
)

// samples are values of the query options that do not name members.
var samples = map[string][]string{
	"$filter": {"id ne null"}, "$search": {"x"}, "$top": {"1", "999"}, "$skip": {"1", "0"},
	"$count": {"true", "false"}, "$format": {"json"},
}

// described returns the query options of an operation with values to try.
func (w *world) described(document map[string]any, path string) map[string][]string {
	options := map[string][]string{}
	list, _ := member(document, "paths", path, "get", "parameters").([]any)
	for _, reference := range list {
		ref, _ := member(reference, "$ref").(string)
		p := member(document, "components", "parameters", strings.TrimPrefix(ref, "#/components/parameters/"))
		if name, _ := member(p, "name").(string); member(p, "in") == "query" {
			options[name] = samples[name]
			if _, names, ok := strings.Cut(member(p, "description").(string), "wanted: "); ok { // of $expand
				options[name] = strings.Split(strings.TrimSuffix(names, "."), ", ")
			}
			if names, ok := member(p, "schema", "items", "enum").([]any); ok {
				for _, n := range names {
					options[name] = append(options[name], n.(string))
				}
			}
		}
	}
	return options
}

// TestOpenAPIOptions: each address takes the query options that the document
// gives it, with every value that is listed, and refuses all others.
func TestOpenAPIOptions(t *testing.T) {
	w := newWorld(t, func(o *graph.Options) { o.Limits.PerMinute = 1 << 20 })
	w.fill()
	w.notify("{" + following + "}")
	document := w.openAPI()
	all := []string{"$filter", "$orderby", "$search", "$select", "$expand", "$top", "$skip", "$count"}
	tried := 0
	paths, _ := member(document, "paths").(map[string]any)
	for path, item := range paths {
		if member(item, "get") == nil || member(item, "servers") != nil { // or not OData
			continue
		}
		address := w.addressOf("/beta" + path)
		if plain := w.do("GET", address, ""); plain.StatusCode != http.StatusOK {
			t.Errorf("GET %s: %s", path, plain.Status)
		}
		tried++
		options := w.described(document, path)
		for name, values := range options {
			for _, value := range values {
				if got := w.do("GET", address+"?"+name+"="+url.QueryEscape(value), ""); got.StatusCode != http.StatusOK {
					t.Errorf("GET %s with %s=%s: %s\n%s", path, name, value, got.Status, got.body)
				}
			}
		}
		for _, name := range all {
			if _, ok := options[name]; ok || slices.Contains(lenient(path), name) {
				continue
			}
			value := append(samples[name], "id")[0]
			if got := w.do("GET", address+"?"+name+"="+url.QueryEscape(value), ""); got.StatusCode != http.StatusBadRequest {
				t.Errorf("GET %s with %s=%s, which is not described: %s", path, name, value, got.Status)
			}
		}
	}
	if tried < 25 {
		t.Errorf("only %d addresses were tried", tried)
	}
}

// lenient lists the options that an address takes and passes over: a count is
// the same whatever would be shown, and clients send the options of the list.
func lenient(path string) []string {
	if strings.HasSuffix(path, "/$count") {
		return []string{"$orderby", "$select", "$expand", "$top", "$skip", "$count"}
	}
	return nil
}
