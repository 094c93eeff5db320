package graph_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/auth"
)

// noteFetches stores what was fetched, as the service does every few seconds.
func (w *world) noteFetches() {
	w.t.Helper()
	if err := w.bundles.Fetched(w.t.Context(), w.server.Fetches()); err != nil {
		w.t.Fatal(err)
	}
}

// fetchesOf reads who fetched a bundle, as "TYPE ID VERSION.FORMAT COUNT".
func (w *world) fetchesOf(bundle, query string) []string {
	w.t.Helper()
	var rows []string
	for _, item := range w.do("GET", bundle+"/fetches?"+query, "").object(w.t)["value"].([]any) {
		row := item.(map[string]any)
		rows = append(rows, row["fetcherType"].(string)+" "+row["fetcherId"].(string)+" "+fmt.Sprint(row["version"])+"."+row["format"].(string)+" "+fmt.Sprint(row["fetchCount"]))
	}
	return rows
}

// Who has the last version, and who an older one only, is known before an old
// root goes.
func TestTrustFetchersAreKnown(t *testing.T) {
	w := newWorld(t)
	w.trusting("one")
	bundle := bundles + "/" + w.do("POST", bundles, `{"name":"devices"}`).object(t)["id"].(string)
	bearer := func(client string) string { return "Authorization: Bearer " + w.token(tenantA, client, auth.ScopeRead) }
	first := w.fetch("GET", devices+".pem", bearer("gateway"))
	w.fetch("GET", devices+".pem", bearer("sensor"))
	w.fetch("HEAD", devices+".pem", bearer("nobody")) // has no bytes of it
	w.fetch("GET", devices+".exe", bearer("nobody"))
	w.trusting("two")
	w.clock.Move(time.Second)
	w.fetch("GET", devices+".pem", bearer("gateway"))
	w.noteFetches()
	before := w.do("GET", bundle, "")
	tag := "ETag" // as it is spelled on the wire, which http.Header.Get does not find
	w.fetch("GET", devices+".pem", bearer("gateway"), "If-None-Match: "+w.fetch("GET", devices+".pem", bearer("gateway")).Header()[tag][0])
	w.fetch("GET", devices+"/1.pem", bearer("gateway"), "If-None-Match: "+first.Header()[tag][0])
	w.noteFetches()
	want := "application gateway 1.pem 2|application sensor 1.pem 1|application gateway 2.pem 3"
	if got := strings.Join(w.fetchesOf(bundle, "$orderby=version,fetcherId"), "|"); got != want {
		t.Errorf("fetches are %s, want %s", got, want)
	}
	if got := strings.Join(w.fetchesOf(bundle, "$filter=version+eq+2+and+fetcherType+eq+'application'"), "|"); got != "application gateway 2.pem 3" {
		t.Errorf("those of version 2 are %s", got)
	}
	if got := strings.Join(w.fetchesOf(bundle, "$filter=hasNewerVersion+eq+false+and+version+lt+2"), "|"); got != "application sensor 1.pem 1" {
		t.Errorf("who has an older version only is %s", got)
	}
	after := w.do("GET", bundle, "")
	for _, b := range []answer{before, after} {
		if current, outdated := fmt.Sprint(b.object(t)["currentFetcherCount"]), fmt.Sprint(b.object(t)["outdatedFetcherCount"]); current != "1" || outdated != "1" {
			t.Errorf("%s fetchers have the last version and %s an older one, want 1 and 1", current, outdated)
		}
	}
	if before.Header.Get("ETag") != after.Header.Get("ETag") {
		t.Error("a fetch changes the entity tag of the bundle")
	}
}

// A fetch is no change of a bundle: who follows it is not told.
func TestTrustFetchersAreNoChange(t *testing.T) {
	w := newWorld(t)
	w.trusting("one")
	w.do("POST", bundles, `{"name":"devices","access":"public"}`)
	link := nextLink.FindStringSubmatch(w.do("GET", bundles+"/delta()", "").body)[1]
	w.fetch("GET", devices+".pem")
	w.noteFetches()
	if told := w.do("GET", link, "").object(t)["value"].([]any); len(told) != 0 {
		t.Errorf("after a fetch, who follows the bundles is told %v", told)
	}
}

// Of who needs no token, the format and the name of the program are known, and
// nothing that it tells otherwise.
func TestTrustFetchersWithoutToken(t *testing.T) {
	w := newWorld(t)
	w.trusting("one")
	bundle := bundles + "/" + w.do("POST", bundles, `{"name":"devices","access":"public"}`).object(t)["id"].(string)
	for _, agent := range []string{"curl/8.5.0", "curl/7.1", "Mozilla/5.0 (X11) x", "", "<b>bold</b>", "größe/1", strings.Repeat("x", 500)} {
		if got := w.fetch("GET", devices+".pem", "User-Agent: "+agent, "X-Forwarded-For: 192.0.2.7"); got.Code != http.StatusOK {
			t.Fatalf("%q: %d\n%s", agent, got.Code, got.Body)
		}
	}
	w.fetch("GET", devices+".p7b", "User-Agent: curl/8.5.0")
	w.noteFetches()
	want := []string{
		"anonymous  1.pem 2", "anonymous Mozilla 1.pem 1", "anonymous curl 1.p7b 1", "anonymous curl 1.pem 2", "anonymous gr 1.pem 1",
		"anonymous " + strings.Repeat("x", 64) + " 1.pem 1",
	}
	if got := w.fetchesOf(bundle, "$orderby=fetcherId,format"); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("fetches are %q, want %q", got, want)
	}
}
