package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cloudpki/internal/auth"
)

// TestPagesToTheEnd follows every chain of links to its end: each object comes
// once, in order, whatever the page size, the filter and the order.
func TestPagesToTheEnd(t *testing.T) {
	w := newWorld(t)
	var all, even []string
	for i := range 23 {
		id := fmt.Sprintf("s%02d", i)
		all = append(all, id)
		if i%2 == 0 {
			even = append(even, id)
		}
		w.create(fmt.Sprintf(`{"id":%q,"displayName":"Name %02d","description":%q}`, id, i, []string{"even", "odd"}[i%2]))
	}
	reversed := slices.Clone(all)
	slices.Reverse(reversed)
	for _, c := range []struct {
		query string
		want  []string
	}{
		{"", all},
		{"$top=1", all},
		{"$top=22", all},
		{"$top=23", all},
		{"$top=5&$skip=3", all[3:]},
		{"$skip=23", nil},
		{"$top=4&$orderby=displayName%20desc", reversed},
		{"$top=4&$orderby=description,displayName&$filter=description%20eq%20'even'", even},
		{"%24top=3&%24filter=description+eq+%27even%27&%24select=displayName", even},
		{"top=3&filter=contains(description,'ve')&$count=true", even},
		{"$top=7&$search=name", all},
	} {
		for _, family := range []string{"", "deviceManagement/"} {
			var got []string
			next := w.origin + "/beta/" + family + "cloudPkiSubscriptions?" + c.query
			for pages := 0; next != ""; pages++ {
				if pages > 30 {
					t.Fatalf("%s: the links do not end", c.query)
				}
				page := w.do("GET", next, "")
				if page.StatusCode != 200 {
					t.Fatalf("%s: %s\n%s", next, page.Status, page.body)
				}
				o := page.object(t)
				for _, item := range o["value"].([]any) {
					got = append(got, item.(map[string]any)["id"].(string))
				}
				next, _ = o["@odata.nextLink"].(string)
				if next != "" && !strings.HasPrefix(next, w.origin+"/beta/"+family) {
					t.Fatalf("nextLink %s", next)
				}
				if strings.Contains(c.query, "count") && o["@odata.count"] != float64(len(c.want)) {
					t.Errorf("%s: @odata.count %v, want %d", c.query, o["@odata.count"], len(c.want))
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s%s: %v, want %v", family, c.query, got, c.want)
			}
		}
	}
}

// TestSkipTokensAreBound: a token is good for its query, its set and its
// tenant alone.
func TestSkipTokensAreBound(t *testing.T) {
	w := newWorld(t)
	w.fill()
	page := w.do("GET", set+"?$top=1&$filter=version%20ge%201", "")
	next := nextLink.FindStringSubmatch(page.body)
	if next == nil {
		t.Fatalf("no link: %s", page.body)
	}
	if got := w.do("GET", next[1], ""); got.StatusCode != 200 {
		t.Fatalf("the link as it is: %s", got.Status)
	}
	token := next[1][strings.Index(next[1], "$skiptoken="):]
	for name, got := range map[string]answer{
		"another filter": w.do("GET", set+"?$filter=version%20ge%202&"+token, ""),
		"no filter":      w.do("GET", set+"?"+token, ""),
		"another order":  w.do("GET", set+"?$filter=version%20ge%201&$orderby=displayName&"+token, ""),
		"another set":    w.do("GET", set+"/alpha/certificates?"+token, ""),
		"another tenant": w.do("GET", next[1], "", "Authorization: Bearer "+w.token(tenantB, "client-a", auth.ScopeReadWrite)),
		"another token":  w.do("GET", next[1]+"A", ""),
	} {
		if got.StatusCode != 400 || !strings.Contains(got.body, "$skiptoken") {
			t.Errorf("%s: %s\n%s", name, got.Status, got.body)
		}
	}
	if got := w.do("GET", set+"?$top=5&$select=id&$filter=version%20ge%201&"+token, ""); got.StatusCode != 200 {
		t.Errorf("another page size: %s\n%s", got.Status, got.body)
	}
}
