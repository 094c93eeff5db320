package graph_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A judge holds answers against the OpenAPI document. It closes the schemas of
// answers, which are open for members to come: in this version there are none
// but those described, and annotations.
type judge struct {
	document map[string]any
	compiler *jsonschema.Compiler
}

func newJudge(t *testing.T, w *world) *judge {
	t.Helper()
	j := &judge{document: w.openAPI(), compiler: jsonschema.NewCompiler()}
	closeObjects(j.document)
	j.compiler.AssertFormat()
	if err := j.compiler.AddResource("openapi.json", j.document); err != nil {
		t.Fatal(err)
	}
	return j
}

// closeObjects refuses members that are not described, but for annotations of
// members and those of odata.metadata=full.
func closeObjects(v any) {
	switch v := v.(type) {
	case map[string]any:
		if v["type"] == "object" && v["properties"] != nil && v["additionalProperties"] == nil {
			v["additionalProperties"] = false
			v["patternProperties"] = map[string]any{`^[A-Za-z]+@|^@odata\.(id|editLink)$`: map[string]any{}}
		}
		for _, child := range v {
			closeObjects(child)
		}
	case []any:
		for _, child := range v {
			closeObjects(child)
		}
	}
}

// schema compiles what stands at a place in the document.
func (j *judge) schema(place ...string) (*jsonschema.Schema, error) {
	pointer := "openapi.json#"
	for _, name := range place {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D", "$", "%24").Replace(name)
	}
	return j.compiler.Compile(pointer)
}

// check says what of an answer the document does not foresee.
func (j *judge) check(method, pattern string, a answer) string {
	if method == "HEAD" || pattern == "" || method == "OPTIONS" {
		return ""
	}
	place := []string{"paths", strings.TrimPrefix(pattern, "/beta"), strings.ToLower(method), "responses"}
	responses, _ := member(j.document, place...).(map[string]any)
	status := strconv.Itoa(a.StatusCode)
	if responses[status] == nil {
		status = status[:1] + "XX"
	}
	described := responses[status]
	if described == nil {
		return "the status is not described"
	}
	place = append(place, status)
	if ref, ok := member(described, "$ref").(string); ok {
		place = strings.Split(strings.TrimPrefix(ref, "#/"), "/")
		described = member(j.document, place...)
	}
	return j.checkBody(place, described, a)
}

func (j *judge) checkBody(place []string, described any, a answer) string {
	for name := range asObject(member(described, "headers")) {
		if strings.HasSuffix(name, "request-id") && a.Header.Get(name) == "" {
			return "the header field " + name + " is missing"
		}
	}
	content := asObject(member(described, "content"))
	if a.body == "" {
		if len(content) > 0 {
			return "a body is described and there is none"
		}
		return ""
	}
	media, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";")
	if content[media] == nil {
		return "the media type " + media + " is not described"
	}
	schema, err := j.schema(append(append([]string{}, place...), "content", media, "schema")...)
	if err != nil {
		return err.Error()
	}
	var body any = a.body
	if media == "application/json" {
		if body, err = jsonschema.UnmarshalJSON(strings.NewReader(a.body)); err != nil {
			return err.Error()
		}
	}
	if err := schema.Validate(body); err != nil {
		return err.Error()
	}
	return ""
}

func asObject(v any) map[string]any {
	o, _ := v.(map[string]any)
	return o
}

// TestAnswersFitOpenAPI plays every case of TestWire and holds each answer,
// refusals too, against the document.
func TestAnswersFitOpenAPI(t *testing.T) {
	paths, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	judged := 0
	for _, path := range paths {
		w := newWorld(t)
		w.fill()
		j := newJudge(t, w)
		var got answer
		for _, s := range readSections(t, path) {
			if s.name != "request" {
				continue
			}
			got = w.play(s.text, got)
			line, _, _ := strings.Cut(s.text, "\n")
			if fault := j.check(got.Request.Method, w.server.RouteOf(got.Request), got); fault != "" {
				t.Errorf("%s: %s answers %s: %s\n%s", path, line, got.Status, fault, got.body)
			}
			judged++
		}
	}
	if judged < 50 {
		t.Errorf("only %d answers were judged", judged)
	}
}

// TestRefusalsFitOpenAPI holds every refusal of TestRefusals against the one
// schema of errors, wherever it was met.
func TestRefusalsFitOpenAPI(t *testing.T) {
	w := newWorld(t)
	w.fill()
	j := newJudge(t, w)
	place := []string{"components", "responses", "refused"}
	described := member(j.document, place...)
	for _, r := range badRequests {
		method, address, _ := strings.Cut(r.request, " ")
		got := w.do(method, address, r.body, r.header...)
		if method == http.MethodHead {
			continue
		}
		if fault := j.checkBody(place, described, got); fault != "" {
			t.Errorf("%.200s answers %s: %s\n%s", r.request, got.Status, fault, got.body)
		}
	}
}

// TestJudge: what does not fit the document is found out.
func TestJudge(t *testing.T) {
	w := newWorld(t)
	w.fill()
	j := newJudge(t, w)
	const pattern = "/beta/cloudPkiSubscriptions/{id}"
	good := w.do("GET", set+"/alpha", "")
	if fault := j.check("GET", pattern, good); fault != "" {
		t.Fatal(fault)
	}
	for name, damage := range map[string]func(*answer){
		"wrong type":     func(a *answer) { a.body = strings.Replace(a.body, `"version":1`, `"version":"1"`, 1) },
		"unknown member": func(a *answer) { a.body = strings.Replace(a.body, `{`, `{"surprise":1,`, 1) },
		"unknown enum":   func(a *answer) { a.body = strings.Replace(a.body, `"symantec"`, `"nobody"`, 1) },
		"a secret":       func(a *answer) { a.body = strings.Replace(a.body, `"adminPassword":null`, `"adminPassword":"x"`, 1) },
		"a date":         func(a *answer) { a.body = strings.Replace(a.body, `1234567Z"`, `12345678Z"`, 1) },
		"no body":        func(a *answer) { a.body = "" },
		"status":         func(a *answer) { a.Response = &http.Response{StatusCode: http.StatusFound, Header: a.Header} },
		"media type": func(a *answer) {
			a.Response = &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/html"}}}
		},
	} {
		bad := good
		if damage(&bad); bad.body == good.body && bad.Response == good.Response {
			t.Errorf("%s: nothing was damaged in %s", name, good.body)
		}
		if fault := j.check("GET", pattern, bad); fault == "" {
			t.Errorf("%s is not found out", name)
		}
	}
}

// TestOpenAPIExamples: the examples are the documented request and answer, and
// fit their schemas.
func TestOpenAPIExamples(t *testing.T) {
	w := newWorld(t)
	j := newJudge(t, w)
	operation := []string{"paths", "/cloudPkiSubscriptions/{id}", "post"}
	for file, place := range map[string][]string{
		"testdata/seed/request.http":  {"requestBody", "content", "application/json"},
		"testdata/seed/response.http": {"responses", "201", "content", "application/json"},
	} {
		place = append(append([]string{}, operation...), place...)
		example := member(j.document, append(place, "examples", "documented", "value")...)
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, body, _ := strings.Cut(string(raw), "\n\n")
		var want any
		if err := json.Unmarshal([]byte(body), &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, example); diff != "" {
			t.Errorf("%s (-documented +example):\n%s", file, diff)
		}
		schema, err := j.schema(append(place, "schema")...)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(example); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// TestRequestsFitOpenAPI: what the schema of a create refuses, the service
// refuses, and the other way round, for members, types and null.
func TestRequestsFitOpenAPI(t *testing.T) {
	w := newWorld(t)
	schema, err := newJudge(t, w).schema("components", "schemas", "microsoft.graph.cloudPkiSubscriptionCreate")
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{
		`{}`, fullBody, `{"@odata.type":"#microsoft.graph.cloudPkiSubscription"}`, `{"@odata.context":"x"}`, `{"displayName":null}`,
		`{"credentials":null}`, `{"providerSettings":[]}`, `{"syncStatus":null}`,
		`{"nosuch":1}`, `{"displayname":"x"}`, `{"displayName":1}`, `{"version":null}`, `{"version":"1"}`, `{"version":2147483648}`, `{"version":1.5}`,
		`{"cloudPkiProvider":"nosuch"}`, `{"cloudPkiProvider":1}`, `{"paused":"true"}`, `{"credentials":[]}`, `{"credentials":{"nosuch":1}}`,
		`{"providerSettings":[{"nosuch":1}]}`, `{"lastSyncDateTime":"yesterday"}`, `{"@odata.type":"#microsoft.graph.other"}`, `[]`, `1`,
	} {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		fits := schema.Validate(value) == nil
		got := w.do("POST", "/beta/cloudPkiSubscriptions", body)
		if taken := got.StatusCode == 201; taken != fits {
			t.Errorf("%s: the schema takes it: %v; the service answers %s %s", body, fits, got.Status, got.body)
		}
	}
}
