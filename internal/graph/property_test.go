package graph_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/graph"
)

// owned are the members that the service writes; a change moves them by rules
// of its own.
var owned = []string{"lastModifiedDateTime", "version", "credentialInfo", "nextSyncDateTime"}

// secretMembers of credentials read as null whatever is stored.
var secretMembers = []string{"adminPassword", "authenticationCertificate", "authenticationCertificatePassword"}

// TestPatchIsAMerge changes a subscription at random and compares the answer
// with the merge of the change into what was read before (RFC 7396). The same
// change once more changes nothing, not even the entity tag.
func TestPatchIsAMerge(t *testing.T) {
	w := newWorld(t)
	w.create(`{"id":"one","cloudPkiProvider":"symantec"}`)
	random := rand.New(rand.NewPCG(1, 2))
	const address, plain = set + "/one?$select=*", "Accept: application/json;odata.metadata=none"
	before := w.do("GET", address, "", plain).object(t)
	refused := 0
	defer func() {
		if refused == 0 || refused > 100 {
			t.Errorf("%d of 200 changes were refused", refused)
		}
	}()
	for range 200 {
		w.clock.Move(time.Second)
		change := randomChange(random)
		body, err := json.Marshal(change)
		if err != nil {
			t.Fatal(err)
		}
		first := w.do("PATCH", set+"/one", string(body))
		if first.StatusCode == http.StatusBadRequest && strings.Contains(first.body, `"target":"credentials/adminPassword"`) {
			refused++ // the stored password stays with its server
			if diff := cmp.Diff(before, w.do("GET", address, "", plain).object(t)); diff != "" {
				t.Fatalf("PATCH %s was refused and has changed something:\n%s", body, diff)
			}
			continue
		}
		if first.StatusCode != http.StatusOK {
			t.Fatalf("PATCH %s: %s\n%s", body, first.Status, first.body)
		}
		after := w.do("GET", address, "", plain).object(t)
		want := without(merged(before, change), owned...)
		got := without(after, owned...)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("PATCH %s is not a merge (-want +got):\n%s", body, diff)
		}
		again := w.do("PATCH", set+"/one", string(body))
		if secretsOf(change) == 0 && again.body != first.body || again.StatusCode != http.StatusOK {
			t.Fatalf("PATCH %s is not idempotent:\n%s\n%s", body, first.body, again.body)
		}
		before = w.do("GET", address, "", plain).object(t)
	}
}

// randomChange is a PATCH body of some of the members that a client may write.
func randomChange(random *rand.Rand) map[string]any {
	text := func() any {
		if random.IntN(4) == 0 {
			return nil
		}
		return fmt.Sprintf("text %d", random.IntN(3))
	}
	values := map[string]func() any{
		"displayName":                  text,
		"description":                  text,
		"cloudPkiProvider":             func() any { return []any{"symantec", "stepCa", "unKnown"}[random.IntN(3)] },
		"trustedRootCertificate":       func() any { return []any{nil, "AQID", "BAUG"}[random.IntN(3)] },
		"serviceUri":                   func() any { return []any{nil, "https://ca.example.com/", "https://other.example.com/"}[random.IntN(3)] },
		"serverCertificateAuthorities": func() any { return []any{nil, "AQID"}[random.IntN(2)] },
		"syncSchedule":                 func() any { return []any{nil, "PT6H", "PT12H"}[random.IntN(3)] },
		"paused":                       func() any { return []any{nil, true, false}[random.IntN(3)] },
		"providerSettings": func() any {
			return []any{[]any{}, []any{map[string]any{"name": "a", "value": "b"}}}[random.IntN(2)]
		},
		"credentials": func() any { return randomCredentials(random, text) },
		"version":     func() any { return random.IntN(9) },
		"syncStatus":  func() any { return "failed" },
	}
	change := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(values)) { // in one order, so that the numbers mean the same each time
		if random.IntN(3) == 0 {
			change[name] = values[name]()
		}
	}
	return change
}

func randomCredentials(random *rand.Rand, text func() any) any {
	if random.IntN(5) == 0 {
		return nil
	}
	c := map[string]any{}
	if random.IntN(2) == 0 {
		c["adminUserName"] = text()
	}
	for _, name := range secretMembers {
		if random.IntN(4) == 0 {
			c[name] = []any{nil, "****", "YWJj"}[random.IntN(3)]
		}
	}
	return c
}

// secretsOf counts the secrets that a change replaces: each counts as a change,
// for nobody can tell whether it is the same.
func secretsOf(change map[string]any) int {
	credentials, _ := change["credentials"].(map[string]any)
	n := 0
	for _, name := range secretMembers {
		if v, ok := credentials[name].(string); ok && v != "****" {
			n++
		}
	}
	return n
}

// merged is the merge of a change into an answer.
func merged(before, change map[string]any) map[string]any {
	after := maps.Clone(before)
	for name, value := range change {
		switch name {
		case "version", "syncStatus": // the service's own
		case "credentials":
			stored := before[name]
			if moves(before, change) {
				stored = nil
			}
			after[name] = mergedCredentials(stored, value)
		default:
			after[name] = value
		}
	}
	return after
}

// moves reports whether a change moves to another provider and brings secrets
// for it: what was stored for the old one is forgotten then.
func moves(before, change map[string]any) bool {
	to, ok := change["cloudPkiProvider"]
	from := before["cloudPkiProvider"]
	return ok && from != "unKnown" && to != from && secretsOf(change) > 0
}

func mergedCredentials(before, change any) any {
	patch, ok := change.(map[string]any)
	if !ok {
		return nil
	}
	after, ok := before.(map[string]any)
	if !ok {
		after = map[string]any{"adminUserName": nil}
	}
	after = maps.Clone(after)
	for _, name := range secretMembers {
		after[name] = nil
	}
	if name, ok := patch["adminUserName"]; ok {
		after["adminUserName"] = name
	}
	return after
}

func without(o map[string]any, names ...string) map[string]any {
	o = maps.Clone(o)
	for _, name := range names {
		delete(o, name)
	}
	return o
}

// TestETagChangesWithTheContent does what may and what may not change a
// subscription, at random: two answers have the same entity tag exactly when
// they have the same content.
func TestETagChangesWithTheContent(t *testing.T) {
	w := newWorld(t)
	w.fill()
	random := rand.New(rand.NewPCG(3, 4))
	content := func() (tag, body string) {
		got := w.do("GET", set+"/alpha?$select=*", "", "Accept: application/json;odata.metadata=none")
		return got.Header.Get("ETag"), got.body
	}
	byTag, byBody := map[string]string{}, map[string]string{}
	for range 150 {
		w.clock.Move(time.Second)
		switch random.IntN(6) {
		case 0:
			w.do("GET", set, "")
		case 1:
			w.do("PATCH", set+"/alpha", fmt.Sprintf(`{"displayName":"name %d"}`, random.IntN(2)))
		case 2:
			w.do("PATCH", set+"/alpha", `{"version":7,"lastSyncError":"mine"}`)
		case 3:
			w.do("PATCH", set+"/alpha", `{"displayName":7}`)
		case 4:
			w.do("POST", set+"/alpha/sync", "")
			w.sync("alpha")
		case 5:
			w.do("PATCH", set+"/alpha", `{"credentials":{"adminPassword":"new"}}`)
			w.do("POST", set+"/alpha/sync", "")
			w.sync("alpha")
		}
		tag, body := content()
		if known, ok := byTag[tag]; ok && known != body {
			t.Fatalf("one entity tag %s for\n%s\n%s", tag, known, body)
		}
		if known, ok := byBody[body]; ok && known != tag {
			t.Fatalf("two entity tags %s and %s for\n%s", known, tag, body)
		}
		byTag[tag], byBody[body] = body, tag
	}
	if len(byTag) < 20 {
		t.Errorf("only %d states were seen", len(byTag))
	}
}

// TestPagesUnderWrites follows the links of a set while others create, change
// and delete: each object that existed throughout is shown exactly once.
func TestPagesUnderWrites(t *testing.T) {
	w := newWorld(t, func(o *graph.Options) { o.Limits.PerMinute = 1 << 20 })
	const lasting = 60
	for i := range lasting {
		w.create(fmt.Sprintf(`{"id":"lasting-%02d","displayName":"n%02d"}`, i, i%7))
	}
	var stop atomic.Bool
	var writers sync.WaitGroup
	defer writers.Wait()
	defer stop.Store(true)
	for n := range 3 {
		writers.Go(func() {
			for i := 0; !stop.Load(); i++ {
				// Their ids are between those of the lasting ones, in any order.
				id := fmt.Sprintf("lasting-%02d-%d-%d", i*37%lasting, n, i)
				w.quietly("POST", set+"/"+id, fmt.Sprintf(`{"displayName":"n%02d"}`, i%7))
				w.quietly("PATCH", fmt.Sprintf("%s/lasting-%02d", set, i*13%lasting), fmt.Sprintf(`{"description":"%d"}`, i))
				w.quietly("DELETE", set+"/"+id, "")
			}
		})
	}
	for _, query := range []string{"$top=7", "$top=5&$orderby=displayName%20desc", "$top=9&$orderby=createdDateTime,id&$filter=startswith(id,'lasting')", "$top=11&$search=n"} {
		for range 5 {
			seen := map[string]int{}
			for next := w.origin + set + "?" + query; next != ""; {
				page := w.do("GET", next, "").object(t)
				for _, item := range page["value"].([]any) {
					seen[item.(map[string]any)["id"].(string)]++
				}
				next, _ = page["@odata.nextLink"].(string)
			}
			for i := range lasting {
				if id := fmt.Sprintf("lasting-%02d", i); seen[id] != 1 {
					t.Errorf("%s: %s was shown %d times", query, id, seen[id])
				}
			}
		}
	}
}

// quietly sends a request from a goroutine of the test, which may not end it.
func (w *world) quietly(method, path, body string) {
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.origin+path, strings.NewReader(body))
	if err != nil {
		w.t.Errorf("%s %s: %v", method, path, err)
		return
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+w.admin())
	got, err := w.http.Do(r)
	if err != nil {
		w.t.Errorf("%s %s: %v", method, path, err)
		return
	}
	defer func() { _ = got.Body.Close() }()
	if got.StatusCode >= http.StatusMultipleChoices {
		w.t.Errorf("%s %s: %s", method, path, got.Status)
	}
}
