package odata

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

func model() *Model {
	run, subscription := runType(), subscriptionType()
	return &Model{
		Types: []*EntityType{subscription, run},
		Sets:  []EntitySet{{Name: "cloudPkiSubscriptions", Type: subscription, Doc: "The subscriptions."}},
		Singletons: []Singleton{{
			Name:        "deviceManagement",
			Navigations: []Navigation{{Name: "cloudPkiSubscriptions", Target: subscription, Set: "cloudPkiSubscriptions"}, {Name: "runs", Target: run}},
		}},
	}
}

// TestModelAnnotations: what the annotations of a set say follows from the
// flags of its properties.
func TestModelAnnotations(t *testing.T) {
	var parsed map[string]any
	if err := json.Unmarshal(model().AppendJSON(nil), &parsed); err != nil {
		t.Fatal(err)
	}
	schema := parsed[Namespace].(map[string]any)
	set := schema[container].(map[string]any)["cloudPkiSubscriptions"].(map[string]any)
	members := subscriptionType().Queryable()
	filter := set["@Capabilities.FilterRestrictions"].(map[string]any)
	for _, name := range filter["NonFilterableProperties"].([]any) {
		if slices.Contains(members.Filter, name.(string)) {
			t.Errorf("%v may stand in $filter", name)
		}
		if strings.Contains(name.(string), "/") {
			continue
		}
		if _, err := ParseQuery("$filter="+name.(string)+"%20eq%20null", subscriptionType()); err == nil {
			t.Errorf("%v stands in $filter nevertheless", name)
		}
	}
	for _, name := range members.Filter {
		if _, err := ParseQuery("$filter="+name+"%20eq%20null", subscriptionType()); err != nil {
			t.Errorf("%s may not stand in $filter: %v", name, err)
		}
	}
	for _, name := range members.Sort {
		if _, err := ParseQuery("$orderby="+name, subscriptionType()); err != nil {
			t.Errorf("%s may not stand in $orderby: %v", name, err)
		}
	}
	binding := schema[container].(map[string]any)["deviceManagement"].(map[string]any)["$NavigationPropertyBinding"]
	if diff := cmp.Diff(map[string]any{"cloudPkiSubscriptions": "cloudPkiSubscriptions"}, binding); diff != "" {
		t.Error(diff)
	}
}

// golden compares got with the file of that name in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
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
		t.Errorf("%s: (-want +got)\n%s", name, diff)
	}
}

func TestModelXML(t *testing.T) {
	got := model().AppendXML(nil)
	golden(t, "metadata.xml", got)
	if again := model().AppendXML(nil); string(again) != string(got) {
		t.Error("the same model gave other bytes")
	}
	var names []string
	d := xml.NewDecoder(strings.NewReader(string(got)))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "EntityType" {
			names = append(names, e.Attr[0].Value)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "Annotation" {
			if i := slices.IndexFunc(e.Attr, func(a xml.Attr) bool { return strings.HasPrefix(a.Value, "Records") }); i >= 0 && e.Attr[i].Value != `Records <"seen"> & read.` {
				t.Errorf("a description is read back as %q", e.Attr[i].Value)
			}
		}
	}
	if diff := cmp.Diff([]string{"entity", "cloudPkiSubscription", "cloudPkiSyncRun", "deviceManagement"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestModelJSON(t *testing.T) {
	got := model().AppendJSON(nil)
	var parsed map[string]any
	if err := json.Unmarshal(got, &parsed); err != nil {
		t.Fatal(err)
	}
	indented, err := json.MarshalIndent(json.RawMessage(got), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "metadata.json", append(indented, '\n'))
	schema := parsed[Namespace].(map[string]any)
	version := schema["cloudPkiSubscription"].(map[string]any)["version"].(map[string]any)
	if version["$Type"] != "Edm.Int32" || version["$Nullable"] != nil {
		t.Errorf("version = %v", version)
	}
	if prefixed := string(model().AppendJSON([]byte("x"))); prefixed != "x"+string(got) {
		t.Error("what is appended must not depend on what is there")
	}
}

// TestModelSchemas keeps the schemas of the model as they are: those of reads,
// of requests and of the answer to a create.
func TestModelSchemas(t *testing.T) {
	got, err := json.MarshalIndent(model().Schemas(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "schemas.json", append(got, '\n'))
}

func TestEscapeXML(t *testing.T) {
	if got, want := escapeXML("a<b>&\"c'\n"), "a&lt;b&gt;&amp;&quot;c'&#10;"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
