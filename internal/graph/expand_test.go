package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cloudpki/internal/auth"
	"cloudpki/internal/graph"
)

// names returns one member of each item of a collection.
func names(list any, member string) []string {
	var all []string
	for _, item := range list.([]any) {
		all = append(all, fmt.Sprint(item.(map[string]any)[member]))
	}
	return all
}

// TestExpandedChildrenToTheEnd follows the links behind expanded children: with
// what was expanded they show what the navigation's own address does.
func TestExpandedChildrenToTheEnd(t *testing.T) {
	w := newWorld(t)
	w.fill()
	for _, options := range []string{"", "$orderby=commonName desc", "$filter=contains(tolower(commonName),'DEVICE-') or commonName ge 'device-1'", "$search=\"device\"", "$skip=1;$orderby=notAfter", "$count=true;$select=commonName"} {
		own := w.do("GET", set+"/alpha/certificates?"+strings.ReplaceAll(options, ";", "&"), "").object(t)
		want := names(own["value"], "id")
		nested := strings.Trim(options+";$top=1", ";")
		for _, address := range []string{set + "/alpha?$expand=certificates(" + nested + ")", set + "?$filter=id eq 'alpha'&$expand=certificates(" + nested + ")"} {
			o := w.do("GET", address, "").object(t)
			if list, ok := o["value"].([]any); ok {
				o = list[0].(map[string]any)
			}
			if o["certificates@odata.count"] != own["@odata.count"] {
				t.Errorf("%s: count %v, want %v", address, o["certificates@odata.count"], own["@odata.count"])
			}
			got := names(o["certificates"], "id")
			for next, _ := o["certificates@odata.nextLink"].(string); next != ""; next, _ = o["@odata.nextLink"].(string) {
				page := w.do("GET", next, "")
				if page.StatusCode != 200 {
					t.Fatalf("%s: %s\n%s", next, page.Status, page.body)
				}
				o = page.object(t)
				got = append(got, names(o["value"], "id")...)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", address, got, want)
			}
		}
	}
}

// TestExpandedLinksAreBound: the token behind expanded children is good for that
// navigation of that parent, that query and that tenant.
func TestExpandedLinksAreBound(t *testing.T) {
	w := newWorld(t)
	w.fill()
	o := w.do("GET", set+"/alpha?$expand=certificates($top=1;$filter=commonName ge 'a')", "").object(t)
	link := o["certificates@odata.nextLink"].(string)
	stranger := "Authorization: Bearer " + w.token(tenantB, "client-a", auth.ScopeReadWrite)
	w.do("POST", set, `{"id":"alpha"}`, stranger)
	for name, got := range map[string]answer{
		"another filter":     w.do("GET", strings.Replace(link, "%20ge%20", "%20gt%20", 1), ""),
		"another navigation": w.do("GET", strings.Replace(link, "/certificates?", "/certificateAuthorities?", 1), ""),
		"another parent":     w.do("GET", strings.Replace(link, "/alpha/", "/bare/", 1), ""),
		"another tenant":     w.do("GET", link, "", stranger),
	} {
		if got.StatusCode != 400 {
			t.Errorf("%s: %s\n%s", name, got.Status, got.body)
		}
	}
}

// TestExpandedChildrenStayWithTheirTenant: under the same id another tenant sees
// its own.
func TestExpandedChildrenStayWithTheirTenant(t *testing.T) {
	w := newWorld(t)
	w.fill()
	stranger := "Authorization: Bearer " + w.token(tenantB, "client-a", auth.ScopeReadWrite)
	if got := w.do("GET", set+"/alpha?$expand=*", "", stranger); got.StatusCode != 404 {
		t.Errorf("%s", got.Status)
	}
	w.do("POST", set, `{"id":"alpha"}`, stranger)
	for _, address := range []string{set + "/alpha?$expand=*", set + "?$expand=*,certificates($count=true)"} {
		got := w.do("GET", address, "", stranger)
		if got.StatusCode != 200 || strings.Contains(got.body, "device") || strings.Contains(got.body, "CN=") {
			t.Errorf("%s: %s\n%s", address, got.Status, got.body)
		}
		if own := w.do("GET", address, ""); !strings.Contains(own.body, "device-1") || !strings.Contains(own.body, "CN=root") {
			t.Errorf("%s by its own tenant: %s", address, own.body)
		}
	}
}

// TestExpandedPagesAreBounded: a page with children is shorter than was asked
// for where it would be too long, and the links lead to all the same.
func TestExpandedPagesAreBounded(t *testing.T) {
	w := newWorld(t, func(o *graph.Options) { o.Limits.PerMinute = 1 << 30 })
	const count = 105
	var want []string
	for i := range count {
		want = append(want, w.create(fmt.Sprintf(`{"id":"s%03d"}`, i)))
	}
	for _, c := range []struct {
		query, prefer, applied string
		size                   int
	}{
		{"", "", "", 100},
		{"$expand=syncRuns", "", "", 100},
		{"$top=999&$expand=syncRuns($top=1)", "", "", 100},
		{"$top=7&$expand=*", "", "", 7},
		{"$expand=syncRuns($top=100),certificates($top=100)", "", "", 50},
		{"$expand=skippedItems", "", "", 50},
		{"$expand=skippedItems($select=reason)", "", "", 100},
		{"$expand=syncRuns($top=100),certificateAuthorities($top=100),certificates($select=certificate;$top=100)", "", "", 4},
		{"$expand=skippedItems", "odata.maxpagesize=500", "odata.maxpagesize=50", 50},
		{"", "odata.maxpagesize=500", "odata.maxpagesize=500", count},
	} {
		var got []string
		next := set + "?" + c.query
		for first := true; next != ""; first = false {
			page := w.do("GET", next, "", "Prefer: "+c.prefer)
			o := page.object(t)
			items := names(o["value"], "id")
			if first && len(items) != c.size {
				t.Errorf("%s: a page of %d, want %d", c.query, len(items), c.size)
			}
			if applied := page.Header.Get("Preference-Applied"); applied != c.applied {
				t.Errorf("%s: preference applied %q, want %q", c.query, applied, c.applied)
			}
			got = append(got, items...)
			next, _ = o["@odata.nextLink"].(string)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d objects, want %d", c.query, len(got), len(want))
		}
	}
}
