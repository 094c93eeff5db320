package graph_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// follow reads a round from a link to its end, and returns the ids that it
// tells of, those of removed objects with the reason, and the delta link.
func (w *world) follow(link string, header ...string) (told []string, deltaLink string) {
	w.t.Helper()
	for range 50 {
		page := w.do("GET", link, "", header...)
		if page.StatusCode != http.StatusOK {
			w.t.Fatalf("%s: %s\n%s", link, page.Status, page.body)
		}
		o := page.object(w.t)
		for _, item := range o["value"].([]any) {
			item := item.(map[string]any)
			id := item["id"].(string)
			if removed, ok := item["@removed"].(map[string]any); ok {
				id += " " + removed["reason"].(string)
			}
			told = append(told, id)
		}
		next, more := o["@odata.nextLink"].(string)
		end, done := o["@odata.deltaLink"].(string)
		if more == done {
			w.t.Fatalf("%s: a page has one of the two links: %s", link, page.body)
		}
		if done {
			return told, end
		}
		link = next
	}
	w.t.Fatalf("%s: the links do not end", link)
	return nil, ""
}

// wants fails the test unless a round tells of ids, and returns the delta link.
func (w *world) wants(link string, ids ...string) string {
	w.t.Helper()
	told, end := w.follow(link)
	if !slices.Equal(told, ids) {
		w.t.Errorf("%s: the round tells of %v, want %v", link, told, ids)
	}
	return end
}

func TestDeltaOnTheWire(t *testing.T) {
	w := newWorld(t)
	w.create(`{"id":"a","displayName":"A"}`)
	w.create(`{"id":"b"}`)
	for _, family := range []string{"", "deviceManagement/"} {
		at := w.origin + "/beta/" + family + "cloudPkiSubscriptions/delta()"
		first := w.do("GET", at+"?$select=displayName&$top=1&$format=json", "")
		link := cutBetween(first.body, `"@odata.nextLink":"`, `"`)
		want := `{"@odata.context":"` + w.origin + `/beta/$metadata#` + family + `cloudPkiSubscriptions(id,displayName)",` +
			`"@odata.nextLink":"` + link + `","value":[{"@odata.etag":"` + cutBetween(first.body, `"@odata.etag":"`, `","`) + `",` +
			`"@odata.type":"#microsoft.graph.cloudPkiSubscription","id":"a","displayName":"A"}]}`
		if first.body != want {
			t.Errorf("body\n%s\nwant\n%s", first.body, want)
		}
		if prefix := at + "?$format=json&$skiptoken="; !strings.HasPrefix(link, prefix) {
			t.Errorf("nextLink %s, want %s…", link, prefix)
		}
		last := w.do("GET", link, "")
		if link := cutBetween(last.body, `"@odata.deltaLink":"`, `"`); !strings.HasPrefix(link, at+"?$format=json&$deltatoken=") {
			t.Errorf("deltaLink %s", link)
		}
		if strings.Contains(last.body, "nextLink") || !strings.Contains(last.body, `"id":"b","displayName":null}]}`) {
			t.Errorf("last page %s", last.body)
		}
	}
	_, link := w.follow(set + "/delta?$select=displayName")
	w.do("DELETE", set+"/b", "")
	for _, format := range []string{"minimal", "none", "full"} {
		gone := w.do("GET", link, "", "Accept: application/json;odata.metadata="+format)
		if !strings.HasSuffix(gone.body, `"value":[{"id":"b","@removed":{"reason":"deleted"}}]}`) {
			t.Errorf("odata.metadata=%s: %s", format, gone.body)
		}
	}
}

// cutBetween returns what stands between two texts, "" where they are not there.
func cutBetween(s, before, after string) string {
	_, rest, _ := strings.Cut(s, before)
	inner, _, _ := strings.Cut(rest, after)
	return inner
}

func TestDeltaAddresses(t *testing.T) {
	w := newWorld(t)
	w.create(`{"id":"a"}`)
	w.create(`{"id":"delta"}`)
	for _, path := range []string{"/delta", "/delta()", "/microsoft.graph.delta()", "/microsoft.graph.delta", "/Delta()", "/delta%28%29"} {
		for _, at := range []string{"/beta/cloudPkiSubscriptions", "/beta/deviceManagement/cloudPkiSubscriptions"} {
			w.wants(at+path, "a", "delta")
			w.wants(at + "/a/certificates" + path)
			w.wants(at + "('a')/certificates" + path)
		}
	}
	got := w.do("GET", set+"('delta')", "", "Accept: application/json;odata.metadata=full")
	if link := set + `('delta')"`; got.StatusCode != 200 || strings.Count(got.body, link) != 2 {
		t.Errorf("an object called delta: %s\n%s", got.Status, got.body)
	}
	for path, status := range map[string]int{"/a()": 404, "('a')/delta()": 404, "/a/syncRuns/delta()": 404, "/delta/a": 404, "/$count()": 404} {
		if got := w.do("GET", set+path, ""); got.StatusCode != status {
			t.Errorf("%s: %s, want %d", path, got.Status, status)
		}
	}
	if got := w.do("PATCH", set+"/delta", `{}`); got.StatusCode != 405 || got.Header.Get("Allow") != "GET, HEAD, OPTIONS" {
		t.Errorf("PATCH: %s, Allow %q", got.Status, got.Header.Get("Allow"))
	}
	if got := w.do("GET", "/beta/$metadata", ""); strings.Count(got.body, `<Function Name="delta" IsBound="true"`) != 4 {
		t.Errorf("$metadata does not tell of four functions delta:\n%s", got.body)
	}
}

// TestDeltaKeepsItsOptions: what the first call asked for counts for all links
// that follow from it.
func TestDeltaKeepsItsOptions(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.create(fmt.Sprintf(`{"id":"s%d","displayName":%q}`, i, []string{"even", "odd"}[i%2]))
	}
	filter := url.QueryEscape("displayName eq 'even'")
	link := w.wants(set+"/delta?$top=2&$select=id&$filter="+filter, "s0", "s2", "s4")
	w.do("PATCH", set+"/s0", `{"displayName":"odd"}`)
	w.do("PATCH", set+"/s1", `{"displayName":"even"}`)
	w.do("DELETE", set+"/s3", "")
	again := w.wants(link, "s0 changed", "s1", "s3 deleted")
	w.wants(again)
	if page := w.do("GET", link, ""); strings.Contains(page.body, "displayName") || strings.Count(page.body, `"id"`) != 2 {
		t.Errorf("$select and $top are forgotten: %s", page.body)
	}

	page := w.do("GET", set+"/delta", "", "Prefer: odata.maxpagesize=3, return=minimal")
	if got := page.Header.Get("Preference-Applied"); got != "odata.maxpagesize=3" {
		t.Errorf("Preference-Applied %q", got)
	}
	next := cutBetween(page.body, `"@odata.nextLink":"`, `"`)
	w.wants(next, "s1")
	w.wants(w.wants(set + "/delta?$deltatoken=latest&$select=id"))
}

func TestDeltaRefusals(t *testing.T) {
	w := newWorld(t)
	w.create(`{"id":"a"}`)
	w.create(`{"id":"b"}`)
	_, end := w.follow(set + "/delta")
	token := end[strings.Index(end, "$deltatoken="):]
	next := cutBetween(w.do("GET", set+"/delta?$top=1", "").body, `"@odata.nextLink":"`, `"`)
	skip := next[strings.Index(next, "$skiptoken="):]
	_, children := w.follow(set + "/a/certificates/delta")
	for _, c := range []struct{ query, target, message string }{
		{"$orderby=id", "$orderby", "The query option '$orderby' is not supported by delta(); $select, $filter and $top are."},
		{"$skip=1", "$skip", "The query option '$skip' is not supported by delta(); $select, $filter and $top are."},
		{"count=true", "$count", "The query option '$count' is not supported by delta(); $select, $filter and $top are."},
		{"$search=a", "$search", "The query option '$search' is not supported by delta(); $select, $filter and $top are."},
		{"$expand=syncRuns", "$expand", "The query option '$expand' is not supported by delta(); $select, $filter and $top are."},
		{"$select=id&$select=id", "$select", "The query option '$select' is given twice."},
		{"$top=1000", "$top", "Invalid value for $top: it must be a whole number from 1 to 999."},
		{token + "&$select=id", "$select", "The query option '$select' is part of the $deltatoken and cannot be given beside it. Call a link as it was given."},
		{"$filter=id+eq+'a'&" + skip, "$filter", "The query option '$filter' is part of the $skiptoken and cannot be given beside it. Call a link as it was given."},
		{token + "&" + skip, "$skiptoken", "There is more than one token. Call a link as it was given."},
		{"$deltatoken=latest&" + token, "$deltatoken", "There is more than one token. Call a link as it was given."},
		{"$deltatoken=", "$deltatoken", "The $deltatoken is not valid for this request."},
		{"$deltatoken=nonsense", "$deltatoken", "The $deltatoken is not valid for this request."},
		{token + "A", "$deltatoken", "The $deltatoken is not valid for this request."},
		{"$skiptoken=" + token[len("$deltatoken="):], "$skiptoken", "The $skiptoken is not valid for this request."},
		{"$deltatoken=" + skip[len("$skiptoken="):], "$deltatoken", "The $deltatoken is not valid for this request."},
		{"$filter=" + strings.Repeat("+", 5000) + "id+eq+'a'", "$filter", "The query options of delta() are too long: each link holds them."},
	} {
		got := w.do("GET", set+"/delta?"+c.query, "")
		e, _ := got.object(t)["error"].(map[string]any)
		if got.StatusCode != 400 || e["target"] != c.target || e["message"] != c.message {
			t.Errorf("%.60s: %s, target %v\n%v\nwant %s\n%s", c.query, got.Status, e["target"], e["message"], c.target, c.message)
		}
	}
	for name, got := range map[string]answer{
		"another set":    w.do("GET", set+"/a/certificates/delta?"+token, ""),
		"another parent": w.do("GET", strings.Replace(children, "/a/", "/b/", 1), ""),
		"a list":         w.do("GET", set+"?"+skip, ""),
		"another tenant": w.do("GET", end, "", "Authorization: Bearer "+w.token(tenantB, "client-a", auth.ScopeReadWrite)),
	} {
		if got.StatusCode != 400 {
			t.Errorf("a token at %s: %s", name, got.Status)
		}
	}
	if got := w.do("GET", set+"/c/certificates/delta", ""); got.StatusCode != 404 {
		t.Errorf("delta of an unknown subscription: %s", got.Status)
	}
}

// TestDeltaResync: who comes too late begins anew, with the options as before.
func TestDeltaResync(t *testing.T) {
	w := newWorld(t)
	w.create(`{"id":"a"}`)
	w.create(`{"id":"b"}`)
	options := "?$top=1&$select=id"
	_, end := w.follow(set + "/delta" + options)
	next := cutBetween(w.do("GET", set+"/delta"+options, "").body, `"@odata.nextLink":"`, `"`)
	w.clock.Move(pki.DeltaRoundLife)
	w.wants(next, "b")
	w.clock.Move(time.Second)
	w.isResync(next, w.origin+"/beta/cloudPkiSubscriptions/delta()"+options)
	w.clock.Move(pki.DeltaLinkLife - pki.DeltaRoundLife - time.Second)
	renewed := w.wants(end)
	w.clock.Move(time.Second)
	w.isResync(end, w.origin+"/beta/cloudPkiSubscriptions/delta()"+options)
	w.wants(renewed)

	_, end = w.follow("/beta/deviceManagement/cloudPkiSubscriptions/a/certificates/delta")
	w.do("DELETE", set+"/a", "")
	if got := w.do("GET", end, ""); got.StatusCode != 404 {
		t.Errorf("after the subscription was deleted: %s", got.Status)
	}
	w.create(`{"id":"a"}`)
	w.isResync(end, w.origin+"/beta/deviceManagement/cloudPkiSubscriptions/a/certificates/delta()")
}

// isResync fails the test unless a link answers 410 with the address to begin
// anew at, where that is one.
func (w *world) isResync(link, location string) {
	w.t.Helper()
	got := w.do("GET", link, "")
	e, _ := got.object(w.t)["error"].(map[string]any)
	inner, _ := e["innerError"].(map[string]any)
	if got.StatusCode != http.StatusGone || e["code"] != "syncStateNotFound" || inner["code"] != "resyncRequired" {
		w.t.Errorf("%s: %s\n%s", link, got.Status, got.body)
	}
	if at := got.Header.Get("Location"); at != location {
		w.t.Errorf("Location %s, want %s", at, location)
	}
	w.follow(location)
}

// TestDeltaOfCertificates follows what a sync finds.
func TestDeltaOfCertificates(t *testing.T) {
	w := newWorld(t)
	w.create(`{"id":"a","cloudPkiProvider":"symantec"}`)
	now := odata.FromTime(w.clock.Now())
	leases, err := w.store.TakeDue(t.Context(), "worker", now, odata.FromTime(w.clock.Now().Add(time.Hour)), 1, pki.Bounds{PerTenant: 1})
	if err != nil || len(leases) != 1 {
		t.Fatalf("%d leases, %v", len(leases), err)
	}
	save := func(ids ...pki.ID) {
		page := pki.RunPage{Run: leases[0].Run, Now: now}
		for _, id := range ids {
			page.Certificates = append(page.Certificates, pki.Certificate{ID: id, Status: pki.CertificateStatus(len(ids)), Reason: -1})
		}
		if _, err := w.store.SavePage(t.Context(), leases[0], page); err != nil {
			t.Fatal(err)
		}
	}
	save("x", "y")
	link := w.wants(set+"/a/certificates/delta?$top=1", "x", "y")
	save("y")
	link = w.wants(link, "y")
	w.wants(link)
}
