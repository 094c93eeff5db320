package graph_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/graph"
)

const exampleOrigin = "https://pki.example.com"

func withOrigin(o *graph.Options) {
	o.Origin, o.Authority, o.TokenURL = exampleOrigin, exampleOrigin, exampleOrigin+"/organizations/oauth2/v2.0/token"
}

// askOpenAPI asks for the document with a method and header lines.
func (w *world) askOpenAPI(method string, header ...string) answer {
	w.t.Helper()
	server := httptest.NewServer(w.server.OpenAPI())
	defer server.Close()
	r, err := http.NewRequestWithContext(w.t.Context(), method, server.URL+"/openapi.json", http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "identity")
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	return w.send(r)
}

// openAPI returns the document as JSON values.
func (w *world) openAPI() map[string]any {
	w.t.Helper()
	var document map[string]any
	if err := json.Unmarshal([]byte(w.askOpenAPI(http.MethodGet).body), &document); err != nil {
		w.t.Fatalf("the document is no JSON: %v", err)
	}
	return document
}

// member walks down JSON objects.
func member(v any, path ...string) any {
	for _, name := range path {
		o, _ := v.(map[string]any)
		v = o[name]
	}
	return v
}

// TestOpenAPIGolden keeps the document under review: a change of it is a
// change of the API.
func TestOpenAPIGolden(t *testing.T) {
	w := newWorld(t, withOrigin)
	got := w.askOpenAPI(http.MethodGet).body
	compareGolden(t, "testdata/openapi.golden.json", indented(t, []byte(got)))
	if again := newWorld(t, withOrigin).askOpenAPI(http.MethodGet).body; got != again {
		t.Error("another process made another document")
	}
}

func indented(t *testing.T, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		t.Fatal(err)
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// compareGolden compares got with a file, which -update writes.
func compareGolden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got); if the change is meant, run the test with -update:\n%s", file, diff)
	}
}

// TestOpenAPIIsValid holds the document against the specification.
func TestOpenAPIIsValid(t *testing.T) {
	w := newWorld(t, withOrigin)
	loader := openapi3.NewLoader()
	document, err := loader.LoadFromData([]byte(w.askOpenAPI(http.MethodGet).body))
	if err != nil {
		t.Fatal(err)
	}
	if !document.IsOpenAPI31OrLater() {
		t.Errorf("openapi: %s", document.OpenAPI)
	}
	if err := document.Validate(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestOpenAPIHasEveryRoute: the document and the table of routes name the same
// operations, and each line of the table says what the document needs.
func TestOpenAPIHasEveryRoute(t *testing.T) {
	w := newWorld(t)
	var described []string
	owners := map[string]string{}
	paths, _ := member(w.openAPI(), "paths").(map[string]any)
	for path, item := range paths {
		for method, o := range item.(map[string]any) {
			if method == "parameters" || method == "servers" {
				continue
			}
			name := strings.ToUpper(method) + " /beta" + path
			if servers := asObject(item)["servers"]; servers != nil { // beside the API
				name = strings.ToUpper(method) + " " + path
				if want := []any{map[string]any{"url": w.origin}}; !cmp.Equal(servers, want) {
					t.Errorf("%s: its servers are %v, want %v", name, servers, want)
				}
			}
			described = append(described, name)
			id, _ := member(o, "operationId").(string)
			if summary, _ := member(o, "summary").(string); summary == "" || id == "" || strings.HasSuffix(id, "deviceManagement.") {
				t.Errorf("%s: its line in routes.go lacks the field tells, or id or summary in it", name)
			}
			if other := owners[id]; other != "" {
				t.Errorf("%s and %s have the same operationId %s", name, other, id)
			}
			owners[id] = name
		}
	}
	table := append(w.server.Routes(), "GET /trust/{tenant}/{file}", "GET /trust/{tenant}/{name}/{file}")
	slices.Sort(described)
	slices.Sort(table)
	if diff := cmp.Diff(table, described); diff != "" {
		t.Errorf("operations (-in the table of routes +in the document):\n%s", diff)
	}
}

// TestOpenAPIHasNoDanglingName: every reference leads somewhere, and what
// nothing refers to is not there.
func TestOpenAPIHasNoDanglingName(t *testing.T) {
	document := newWorld(t).openAPI()
	used := map[string]bool{}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				used[ref] = true
			}
			for _, child := range v {
				walk(child)
			}
		case []any:
			for _, child := range v {
				walk(child)
			}
		}
	}
	walk(document)
	for _, kind := range []string{"schemas", "responses", "parameters", "headers"} {
		list, _ := member(document, "components", kind).(map[string]any)
		for name := range list {
			ref := "#/components/" + kind + "/" + name
			if !used[ref] {
				t.Errorf("nothing refers to %s", ref)
			}
			delete(used, ref)
		}
	}
	for ref := range used {
		t.Errorf("%s is not there", ref)
	}
}

// TestOpenAPIServed: the document is public, cached by its tag and compressed.
func TestOpenAPIServed(t *testing.T) {
	w := newWorld(t)
	plain := w.askOpenAPI(http.MethodGet)
	tag := plain.Header.Get("ETag")
	if plain.StatusCode != http.StatusOK || plain.Header.Get("Content-Type") != "application/json" || tag == "" || plain.Header.Get("request-id") == "" {
		t.Fatalf("%s %v", plain.Status, plain.Header)
	}
	if again := w.askOpenAPI(http.MethodGet, "If-None-Match: "+tag); again.StatusCode != http.StatusNotModified || again.body != "" {
		t.Errorf("If-None-Match: %s with %d bytes", again.Status, len(again.body))
	}
	if again := w.askOpenAPI(http.MethodGet, "If-None-Match: W/\"other\""); again.StatusCode != http.StatusOK {
		t.Errorf("another tag: %s", again.Status)
	}
	if head := w.askOpenAPI(http.MethodHead); head.StatusCode != http.StatusOK || head.ContentLength != int64(len(plain.body)) || head.body != "" {
		t.Errorf("HEAD: %s, Content-Length %d", head.Status, head.ContentLength)
	}
	zipped := w.askOpenAPI(http.MethodGet, "Accept-Encoding: gzip")
	reader, err := gzip.NewReader(strings.NewReader(zipped.body))
	if err != nil {
		t.Fatalf("gzip: %v", err)
	}
	if body, err := io.ReadAll(reader); err != nil || string(body) != plain.body {
		t.Errorf("the compressed document differs, err %v", err)
	}
	refused := w.askOpenAPI(http.MethodPost)
	if refused.StatusCode != http.StatusMethodNotAllowed || refused.Header.Get("Allow") != "GET, HEAD" || !strings.Contains(refused.body, `"innerError"`) {
		t.Errorf("POST: %s %v %s", refused.Status, refused.Header, refused.body)
	}
}

// TestOpenAPISecrets: no schema of an answer shows a secret but the answer to
// the create that sent it, and requests alone may carry one.
func TestOpenAPISecrets(t *testing.T) {
	schemas := member(newWorld(t).openAPI(), "components", "schemas")
	name := "microsoft.graph.cloudPkiAdministratorCredentials"
	for _, secret := range []string{"adminPassword", "authenticationCertificate", "authenticationCertificatePassword"} {
		if got := member(schemas, name, "properties", secret, "type"); got != "null" {
			t.Errorf("%s is read as %v", secret, got)
		}
		if got := member(schemas, name+"Write", "properties", secret, "writeOnly"); got != true {
			t.Errorf("%s: writeOnly is %v in requests", secret, got)
		}
	}
	if ref := member(schemas, "microsoft.graph.cloudPkiSubscription", "properties", "version", "readOnly"); ref != true {
		t.Errorf("version: readOnly is %v", ref)
	}
}

// TestMetadataGolden keeps the model under review, in both forms of CSDL.
func TestMetadataGolden(t *testing.T) {
	w := newWorld(t, withOrigin)
	for form, file := range map[string]string{"xml": "testdata/metadata.golden.xml", "json": "testdata/metadata.golden.json"} {
		got := w.do("GET", "/beta/$metadata?$format="+form, "")
		body := []byte(got.body)
		if form == "json" {
			body = indented(t, body)
		}
		compareGolden(t, file, body)
	}
}
