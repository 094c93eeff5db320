package graph_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/graph"
)

// badBatches are refused as a whole: nothing in them is done. Each makes a
// subscription first, where it can be read that far.
var badBatches = []string{
	``, ` `, `null`, `[]`, `1`, `"text"`, `{`, `{}`, `{"requests"}`, `{"Requests":[]}`, `{"requests":null}`, `{"requests":{}}`, `{"requests":"x"}`,
	`{"requests":[`, `{"requests":[]`, `{"requests":[]}x`, `{"requests":[]}{}`, `{"requests":[],"requests":[]}`, "\xef\xbb\xbf{\"requests\":[]}",
	"{\"requests\":[],\"x\":\"\xff\"}", `{"requests":[],"x":NaN}`, `{'requests':[]}`,
	batchOf(`null`), batchOf(`1`), batchOf(`[]`), batchOf(`"GET /"`), batchOf(`{}`),
	batchOf(`{"method":"GET","url":"/"}`), batchOf(`{"id":null,"method":"GET","url":"/"}`), batchOf(`{"id":2,"method":"GET","url":"/"}`),
	batchOf(`{"id":"","method":"GET","url":"/"}`), batchOf(`{"id":"a'b","method":"GET","url":"/"}`), batchOf(`{"id":"ü","method":"GET","url":"/"}`),
	batchOf(`{"id":"` + strings.Repeat("a", 65) + `","method":"GET","url":"/"}`),
	batchOf(`{"id":"x","url":"/"}`), batchOf(`{"id":"x","method":7,"url":"/"}`), batchOf(`{"id":"x","method":"","url":"/"}`),
	batchOf(`{"id":"x","method":"G T","url":"/"}`), batchOf(`{"id":"x","method":"GETGETGETGETGETGET","url":"/"}`),
	batchOf(`{"id":"x","method":"GET"}`), batchOf(`{"id":"x","method":"GET","url":""}`), batchOf(`{"id":"x","method":"GET","url":null}`), batchOf(`{"id":"x","method":"GET","url":{}}`),
	batchOf(`{"id":"x","method":"GET","url":"/` + strings.Repeat("a", 8<<10) + `"}`),
	batchOf(`{"id":"x","id":"y","method":"GET","url":"/"}`),
	batchOf(`{"id":"first","method":"GET","url":"/"}`), batchOf(`{"id":"FIRST","method":"GET","url":"/"}`),
	batchOf(`{"id":"x","method":"GET","url":"/","headers":[]}`), batchOf(`{"id":"x","method":"GET","url":"/","headers":"Accept: x"}`),
	batchOf(`{"id":"x","method":"GET","url":"/","headers":{"Accept":1}}`), batchOf(`{"id":"x","method":"GET","url":"/","headers":{"Accept":["x"]}}`),
	batchOf(`{"id":"x","method":"GET","url":"/","headers":{"a b":"x"}}`), batchOf(`{"id":"x","method":"GET","url":"/","headers":{"":"x"}}`),
	batchOf(`{"id":"x","method":"GET","url":"/","headers":{"Accept":"a\r\nX: b"}}`), batchOf(`{"id":"x","method":"GET","url":"/","headers":{"Accept":"a","Accept":"b"}}`),
	batchOf(`{"id":"x","method":"GET","url":"/","dependsOn":"first"}`), batchOf(`{"id":"x","method":"GET","url":"/","dependsOn":{}}`),
	batchOf(`{"id":"x","method":"GET","url":"/","dependsOn":[1]}`), batchOf(`{"id":"x","method":"GET","url":"/","dependsOn":[null]}`),
	batchOf(`{"id":"x","method":"GET","url":"/","dependsOn":["x"]}`), batchOf(`{"id":"x","method":"GET","url":"/","dependsOn":["nobody"]}`), batchOf(`{"id":"x","method":"GET","url":"/","dependsOn":[""]}`),
	batchOf(`{"id":"x","method":"GET","url":"/","dependsOn":["later"]}`, `{"id":"later","method":"GET","url":"/"}`),
	batchOf(`{"id":"x","method":"GET","url":"/","dependsOn":["y"]}`, `{"id":"y","method":"GET","url":"/","dependsOn":["x"]}`),
	batchOf(`{"id":"x","method":"GET","url":"/","dependsOn":[` + strings.Repeat(`"first",`, 20) + `"first"]}`),
	batchOf(`{"id":"x","method":"GET","url":"/","atomicityGroup":1}`), batchOf(`{"id":"x","method":"GET","url":"/","atomicityGroup":"ü"}`),
	batchOf(`{"id":"x","method":"GET","url":"/","atomicityGroup":"x"}`), batchOf(`{"id":"x","method":"GET","url":"/","atomicityGroup":"first"}`),
	batchOf(`{"id":"x","method":"GET","url":"/","atomicityGroup":"g"}`, `{"id":"G","method":"GET","url":"/"}`),
	batchOf(`{"id":"x","method":"GET","url":"/","atomicityGroup":"g","dependsOn":["g"]}`),
	batchOf(`{"id":"x","method":"GET","url":"/","atomicityGroup":"g"}`, `{"id":"y","method":"GET","url":"/"}`, `{"id":"z","method":"GET","url":"/","atomicityGroup":"g"}`),
	batchOf(`{"id":"x","method":"GET","url":"/","atomicityGroup":"g"}`, `{"id":"y","method":"GET","url":"/","atomicityGroup":"h"}`, `{"id":"z","method":"GET","url":"/","atomicityGroup":"g"}`),
	batchOf(`{"id":"x","method":"POST","url":"/","headers":{"Content-Type":"image/png"},"body":{}}`), batchOf(`{"id":"x","method":"POST","url":"/","headers":{"Content-Type":"image/png"},"body":"*"}`),
	batchOf(`{"id":"x","method":"POST","url":"/","headers":{"Content-Type":"image/png"},"body":7}`),
	batchOf(strings.TrimSuffix(strings.Repeat(`{},`, 20), ",")),
}

// batchOf is a batch of a create and what else.
func batchOf(requests ...string) string {
	create := `{"id":"first","method":"POST","url":"/cloudPkiSubscriptions","body":{"id":"made"}}`
	return `{"requests":[` + strings.Join(append([]string{create}, requests...), ",") + `]}`
}

// TestBatchRefusals asserts the error of each, told apart by the golden file.
func TestBatchRefusals(t *testing.T) {
	w := newWorld(t)
	var b strings.Builder
	for _, body := range badBatches {
		got := w.do("POST", "/beta/$batch", body, "Content-Type: application/json")
		if got.StatusCode != http.StatusBadRequest {
			t.Errorf("%.300s: %s", body, got.Status)
			continue
		}
		e := got.object(t)["error"].(map[string]any)
		if e["code"] != "BadRequest" {
			t.Errorf("%.300s: code %v", body, e["code"])
		}
		target, _ := e["target"].(string)
		if len(body) > 300 {
			body = body[:300] + "..."
		}
		b.WriteString(printableLine(body) + "\n\t" + target + ": " + e["message"].(string) + "\n")
	}
	const path = "testdata/batch.golden"
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("refusals (-want +got):\n%s", diff)
	}
	if n := w.do("GET", set+"/$count", "").body; n != "0" {
		t.Errorf("a batch that was refused has made %s objects", n)
	}
}

func printableLine(s string) string {
	s = strings.ReplaceAll(s, `{"id":"first","method":"POST","url":"/cloudPkiSubscriptions","body":{"id":"made"}}`, "CREATE")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// FuzzBatch: whatever is sent, the batch is refused or each of its requests has
// an answer with a status, and nothing fails inside.
func FuzzBatch(f *testing.F) {
	for _, body := range badBatches {
		f.Add(body)
	}
	f.Add(batchOf())
	f.Add(batchOf(`{"id":"x","atomicityGroup":"g","method":"DELETE","url":"/$first","dependsOn":["first"],"headers":{"If-Match":"*"}}`))
	w := newWorld(f, func(o *graph.Options) { o.Limits.PerMinute = 1 << 30 }) // what is spent does not come back: the clock stands still
	token := "Bearer " + w.admin()
	f.Fuzz(func(t *testing.T, body string) {
		checkBatch(t, w, token, body)
	})
}

func checkBatch(t *testing.T, w *world, token, body string) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://h/beta/$batch", strings.NewReader(body))
	r.Header.Set("Authorization", token)
	r.Header.Set("Content-Type", "application/json")
	got := httptest.NewRecorder()
	w.server.ServeHTTP(got, r)
	if got.Code == http.StatusBadRequest && strings.HasPrefix(got.Body.String(), `{"error":{"code":"`) {
		return
	}
	var answers struct{ Responses []stepResult }
	if err := json.Unmarshal(got.Body.Bytes(), &answers); got.Code != http.StatusOK || err != nil {
		t.Fatalf("%d, %v\n%s", got.Code, err, got.Body)
	}
	for _, a := range answers.Responses {
		if a.Status < 200 || a.Status >= 500 || a.ID == "" || len(a.Body) > 0 && a.Status == http.StatusNoContent {
			t.Fatalf("%+v\n%s\n%s", a, got.Body, w.log)
		}
	}
}
