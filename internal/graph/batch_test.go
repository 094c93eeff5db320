package graph_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"cloudpki/internal/auth"
	"cloudpki/internal/graph"
)

// A stepResult is one answer of a batch as a client reads it.
type stepResult struct {
	ID      string            `json:"id"`
	Group   string            `json:"atomicityGroup"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`
}

// code is the code of the error that was answered, "" for none.
func (r stepResult) code() string {
	var e struct{ Error struct{ Code string } }
	_ = json.Unmarshal(r.Body, &e)
	return e.Error.Code
}

// batch sends requests, each the text of a JSON object, and returns what was
// answered to them.
func (w *world) batch(requests []string, header ...string) []stepResult {
	w.t.Helper()
	got := w.do("POST", "/beta/$batch", `{"requests":[`+strings.Join(requests, ",")+`]}`, header...)
	if got.StatusCode != http.StatusOK || !strings.HasPrefix(got.Header.Get("Content-Type"), "application/json") {
		w.t.Fatalf("batch: %s\n%s", got.Status, got.body)
	}
	if got.Header.Get("Cache-Control") != "no-store" || got.Header.Get("Content-Encoding") != "" {
		w.t.Errorf("batch: Cache-Control %q, Content-Encoding %q", got.Header.Get("Cache-Control"), got.Header.Get("Content-Encoding"))
	}
	var answers struct{ Responses []stepResult }
	decoder := json.NewDecoder(strings.NewReader(got.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&answers); err != nil || len(answers.Responses) != len(requests) {
		w.t.Fatalf("batch: %d answers to %d requests, %v\n%s", len(answers.Responses), len(requests), err, got.body)
	}
	return answers.Responses
}

// step is a request of a batch; more are further members of its JSON.
func batchStep(id any, method, url string, more ...string) string {
	return fmt.Sprintf(`{"id":"%v","method":"%s","url":"%s"%s}`, id, method, url, strings.Join(append([]string{""}, more...), ","))
}

// TestBatchOfTwenty is the largest there is, with an answer to each in order.
func TestBatchOfTwenty(t *testing.T) {
	w := newWorld(t)
	var requests []string
	for i := range 20 {
		requests = append(requests, batchStep(i, "POST", "/cloudPkiSubscriptions", fmt.Sprintf(`"body":{"id":"s%d"}`, i)))
	}
	for i, r := range w.batch(requests) {
		if r.ID != fmt.Sprint(i) || r.Status != http.StatusCreated || r.Headers["Location"] != w.origin+set+fmt.Sprintf("/s%d", i) || r.Headers["ETag"] == "" {
			t.Errorf("answer %d: %+v", i, r)
		}
	}
	got := w.do("POST", "/beta/$batch", `{"requests":[`+strings.Join(append(requests, batchStep("last", "GET", "/")), ",")+`]}`)
	if got.StatusCode != http.StatusBadRequest || !strings.Contains(got.body, "at most 20 requests") {
		t.Errorf("21 requests: %s\n%s", got.Status, got.body)
	}
}

// TestBatchStepsAreRequests: each is known by its own token, and answered as it
// would be alone.
func TestBatchStepsAreRequests(t *testing.T) {
	w := newWorld(t)
	w.fill()
	reader := `"headers":{"authorization":"Bearer ` + w.token(tenantA, "reader", auth.ScopeRead) + `"}`
	stranger := `"headers":{"Authorization":"Bearer ` + w.token(tenantB, "stranger", auth.ScopeReadWrite) + `"}`
	for name, c := range map[string]struct {
		step   string
		status int
		code   string
	}{
		"absolute url of ours":       {batchStep(1, "GET", w.origin+set+"/alpha"), 200, ""},
		"absolute url, other case":   {batchStep(1, "GET", strings.ToUpper(w.origin)+set+"/alpha"), 200, ""},
		"the token of the batch":     {batchStep(1, "DELETE", "/cloudPkiSubscriptions/nobody"), 404, "ResourceNotFound"},
		"a token that may not":       {batchStep(1, "DELETE", "/cloudPkiSubscriptions/alpha", reader), 403, "Authorization_RequestDenied"},
		"a token that may":           {batchStep(1, "GET", "/cloudPkiSubscriptions/alpha", reader), 200, ""},
		"a token of another tenant":  {batchStep(1, "GET", "/cloudPkiSubscriptions/alpha", stranger), 404, "ResourceNotFound"},
		"a token that is none":       {batchStep(1, "GET", "/cloudPkiSubscriptions/alpha", `"headers":{"Authorization":"Bearer x"}`), 401, "InvalidAuthenticationToken"},
		"an empty token":             {batchStep(1, "GET", "/cloudPkiSubscriptions/alpha", `"headers":{"Authorization":""}`), 401, "InvalidAuthenticationToken"},
		"base64 body":                {batchStep(1, "POST", "/cloudPkiSubscriptions", `"headers":{"Content-Type":"text/plain"}`, `"body":"e30"`), 415, "unsupportedMediaType"},
		"text for JSON":              {batchStep(1, "POST", "/cloudPkiSubscriptions", `"headers":{"Content-Type":"application/json"}`, `"body":"{}"`), 400, "BadRequest"},
		"a body that is too deep":    {batchStep(1, "POST", "/cloudPkiSubscriptions", `"body":{"x":`+strings.Repeat("[", 70)+strings.Repeat("]", 70)+`}`), 400, "BadRequest"},
		"no body where one must be":  {batchStep(1, "POST", "/cloudPkiSubscriptions"), 400, "BadRequest"},
		"a media type that is not":   {batchStep(1, "GET", "/cloudPkiSubscriptions", `"headers":{"Accept":"text/html"}`), 406, "notAcceptable"},
		"a method that is not":       {batchStep(1, "BREW", "/cloudPkiSubscriptions"), 405, "Request_BadRequest"},
		"too much header":            {batchStep(1, "GET", "/cloudPkiSubscriptions", `"headers":{"X":"`+strings.Repeat("a", 16<<10)+`"}`), 431, "BadRequest"},
		"a version that is not":      {batchStep(1, "GET", "/cloudPkiSubscriptions", `"headers":{"OData-MaxVersion":"3.0"}`), 400, "BadRequest"},
		"an address with a fragment": {batchStep(1, "GET", "/cloudPkiSubscriptions#x"), 400, "BadRequest"},
		"an address that is none":    {batchStep(1, "GET", "/cloudPkiSubscriptions/%zz"), 400, "BadRequest"},
		"another host":               {batchStep(1, "GET", "//example.com/beta"), 404, "ResourceNotFound"},
		"another port":               {batchStep(1, "GET", w.origin+"1/beta/"), 400, "BadRequest"},
		"another service":            {batchStep(1, "GET", "http://example.com/beta"), 400, "BadRequest"},
		"the root":                   {batchStep(1, "GET", "/"), 200, ""},
		"a condition":                {batchStep(1, "PATCH", "/cloudPkiSubscriptions/alpha", `"headers":{"If-Match":"W/\"9.9.9\""}`, `"body":{}`), 412, "resourceModified"},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.batch([]string{c.step})[0]
			if got.Status != c.status || got.code() != c.code {
				t.Errorf("%d %s, want %d %q\n%s", got.Status, got.code(), c.status, c.code, got.Body)
			}
			if guid.MatchString(got.Headers["request-id"]) && got.Headers["Content-Type"] != "" {
				return
			}
			t.Errorf("headers %v", got.Headers)
		})
	}
}

// TestBatchBodies: JSON stays JSON, text is a string, XML is base64.
func TestBatchBodies(t *testing.T) {
	w := newWorld(t)
	w.fill()
	got := w.batch([]string{
		batchStep("count", "GET", "/cloudPkiSubscriptions/$count"),
		batchStep("xml", "GET", "/$metadata"),
		batchStep("json", "GET", "/$metadata?$format=json"),
		batchStep("none", "DELETE", "/cloudPkiSubscriptions/bare"),
		batchStep("head", "HEAD", "/cloudPkiSubscriptions/alpha"),
	})
	for i, want := range []string{`"2"`, `"PD94bWwg`, `{"$Version":`, "", ""} {
		if body := string(got[i].Body); !strings.HasPrefix(body, want) || want == "" && body != "" {
			t.Errorf("%s: body %.40s, want %s…", got[i].ID, body, want)
		}
	}
	if got[3].Status != 204 || got[3].Headers["Content-Type"] != "" {
		t.Errorf("%+v", got[3])
	}
}

// TestBatchIsRepeatable: a batch that is sent again under the same
// client-request-id creates nothing twice.
func TestBatchIsRepeatable(t *testing.T) {
	w := newWorld(t)
	requests := []string{
		batchStep(1, "POST", "/cloudPkiSubscriptions", `"body":{}`),
		batchStep(2, "POST", "/cloudPkiSubscriptions", `"body":{"displayName":"x"}`),
		batchStep(3, "POST", "/cloudPkiSubscriptions", `"atomicityGroup":"g"`, `"body":{}`),
	}
	const id = "client-request-id: 0f8fad5b-d9cb-469f-a165-70867728950e"
	first, again := w.batch(requests, id), w.batch(requests, id)
	for i := range first {
		if first[i].Status != http.StatusCreated || string(first[i].Body) != string(again[i].Body) {
			t.Errorf("request %d: %d %s, again %d %s", i+1, first[i].Status, first[i].Body, again[i].Status, again[i].Body)
		}
	}
	if n := w.do("GET", set+"/$count", "").body; n != "3" {
		t.Errorf("%s objects, want 3", n)
	}
}

// TestBatchSpendsBudgets: each request of a batch is one of its client's.
func TestBatchSpendsBudgets(t *testing.T) {
	w := newWorld(t, func(o *graph.Options) { o.Limits.PerMinute = 60 }) // ten at once
	var requests []string
	for i := range 12 {
		requests = append(requests, batchStep(i, "GET", "/cloudPkiSubscriptions"))
	}
	for i, got := range w.batch(requests) {
		want := http.StatusOK
		if i >= 9 { // the batch itself is the first of ten
			want = http.StatusTooManyRequests
		}
		if got.Status != want || (got.Headers["Retry-After"] == "1") != (want == http.StatusTooManyRequests) {
			t.Errorf("request %d: %d, Retry-After %q, want %d", i, got.Status, got.Headers["Retry-After"], want)
		}
	}
}

// TestBatchAnswerIsBounded: what does not fit is refused, but a change that was
// made is not called refused.
func TestBatchAnswerIsBounded(t *testing.T) {
	w := newWorld(t)
	root := strings.Repeat("AAAA", 1<<20/3)
	for i := range 3 {
		w.create(fmt.Sprintf(`{"id":"s%d","trustedRootCertificate":"%s"}`, i, root))
	}
	var requests []string
	for i := range 19 {
		requests = append(requests, batchStep(i, "GET", "/cloudPkiSubscriptions/s1"))
	}
	got := w.batch(append(requests, batchStep("change", "PATCH", "/cloudPkiSubscriptions/s2", `"body":{"displayName":"changed"}`)))
	whole := slices.IndexFunc(got, func(r stepResult) bool { return r.Status != 200 })
	if whole != 5 { // 1.4 MB each in 8 MiB
		t.Errorf("%d answers fit", whole)
	}
	if r := got[18]; r.Status != http.StatusInsufficientStorage || r.code() != "insufficientStorage" || r.Headers["ETag"] != "" {
		t.Errorf("a read that does not fit: %d %v %.200s", r.Status, r.Headers, r.Body)
	}
	if r := got[19]; r.Status != http.StatusOK || r.Body != nil || r.Headers["ETag"] == "" {
		t.Errorf("a change whose answer does not fit: %d %v %.200s", r.Status, r.Headers, r.Body)
	}
	if name := w.do("GET", set+"/s2?$select=displayName", "").object(t)["displayName"]; name != "changed" {
		t.Errorf("the change was not made: %v", name)
	}
}

// TestBatchGroupKeepsToOneTenant: a transaction is one tenant's.
func TestBatchGroupKeepsToOneTenant(t *testing.T) {
	w := newWorld(t)
	stranger := `"headers":{"Authorization":"Bearer ` + w.token(tenantB, "stranger", auth.ScopeReadWrite) + `"}`
	got := w.batch([]string{
		batchStep(1, "POST", "/cloudPkiSubscriptions", `"atomicityGroup":"g"`, `"body":{}`),
		batchStep(2, "POST", "/cloudPkiSubscriptions", `"atomicityGroup":"g"`, `"body":{}`, stranger),
	})
	if got[0].Status != http.StatusFailedDependency || got[1].Status != http.StatusBadRequest {
		t.Errorf("%d, %d %s", got[0].Status, got[1].Status, got[1].Body)
	}
	if n := w.do("GET", set+"/$count", "").body; n != "0" {
		t.Errorf("%s objects were made", n)
	}
}

// TestBatchGroupOfFirstSecrets: the tenant's first key outlives a group that
// failed after it was needed.
func TestBatchGroupOfFirstSecrets(t *testing.T) {
	w := newWorld(t)
	secret := `"body":{"id":"%s","credentials":{"adminPassword":"secret"}}`
	got := w.batch([]string{
		batchStep(1, "POST", "/cloudPkiSubscriptions", `"atomicityGroup":"g"`, fmt.Sprintf(secret, "a")),
		batchStep(2, "DELETE", "/cloudPkiSubscriptions/nobody", `"atomicityGroup":"g"`),
		batchStep(3, "POST", "/cloudPkiSubscriptions", fmt.Sprintf(secret, "a")),
	})
	if got[0].Status != 424 || got[1].Status != 404 || got[2].Status != 201 || !strings.Contains(string(got[2].Body), `"adminPassword":"secret"`) {
		t.Errorf("%d, %d, %d %s", got[0].Status, got[1].Status, got[2].Status, got[2].Body)
	}
	if w.do("PATCH", set+"/a", `{"credentials":{"adminPassword":"other"}}`).StatusCode != 200 {
		t.Error("the secrets do not open")
	}
}

// TestBatchStopsAtAGroup: a group that fails is a failure to stop at.
func TestBatchStopsAtAGroup(t *testing.T) {
	w := newWorld(t)
	got := w.batch([]string{
		batchStep(1, "DELETE", "/cloudPkiSubscriptions/nobody", `"atomicityGroup":"g"`),
		batchStep(2, "POST", "/cloudPkiSubscriptions", `"atomicityGroup":"g"`, `"body":{}`),
		batchStep(3, "POST", "/cloudPkiSubscriptions", `"body":{}`),
	}, "Prefer: continue-on-error=false")
	if got[0].Status != 404 || got[1].Status != 424 || got[2].Status != 424 {
		t.Errorf("%d, %d, %d, want 404, 424, 424", got[0].Status, got[1].Status, got[2].Status)
	}
}

// TestMultipartBatch is what o.js and @odata/client send.
func TestMultipartBatch(t *testing.T) {
	w := newWorld(t)
	got := w.do("POST", "/beta/$batch", "--b--", "Content-Type: multipart/mixed;boundary=b", "Accept: multipart/mixed", "Authorization:")
	if got.StatusCode != http.StatusUnsupportedMediaType || !strings.Contains(got.body, `"code":"unsupportedMediaType"`) || !strings.Contains(got.body, "as JSON") {
		t.Errorf("%s\n%s", got.Status, got.body)
	}
}
