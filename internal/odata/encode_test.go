package odata

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestShapeWritesTheDocumentedAnswer(t *testing.T) {
	et := subscriptionType()
	s := documented(t, et)
	got := string(newShape(t, et).Append(nil, &s, Selection{All: true}, Format{}, Annotations{}))
	if got != documentedAnswer {
		t.Errorf("got  %s\nwant %s", got, documentedAnswer)
	}
}

func TestShapeLevelsOfMetadata(t *testing.T) {
	et := subscriptionType()
	shape := newShape(t, et)
	s := subscription{NewObject(et.Properties)}
	s.Set("id", String("a"))
	s.Set("cloudPkiProvider", Int(1))
	s.Set("credentials", List(StringOrNull(nil), NullValue()))
	s.Set("trustedRootCertificate", Binary([]byte("a")))
	s.Set("version", Int(7))
	s.Set("tags", List(String("x"), String("y")))
	s.Set("providerSettings", List(List(String("n"), NullValue())))
	s.Set("syncSchedule", Duration(time.Hour))
	s.Set("paused", Bool(false))
	s.Set("size", Int(5))
	sel := Selection{Names: []string{"id", "cloudPkiProvider", "credentials", "trustedRootCertificate", "version", "providerSettings", "tags", "syncSchedule", "paused", "size", "profile"}}
	a := Annotations{Context: "https://h/$metadata#x", ETag: `W/"1"`, ID: "https://h/x('a')", EditLink: "https://h/x('a')"}
	secrets := `"adminUserName":null,"adminPassword":null,"authenticationCertificate":null,"authenticationCertificatePassword":null}`
	for _, c := range []struct {
		format Format
		want   string
	}{
		{Format{Metadata: MetadataNone}, `{"id":"a","cloudPkiProvider":"symantec","credentials":{` + secrets +
			`,"trustedRootCertificate":"YQ==","version":7,"providerSettings":[{"name":"n","value":null}],"tags":["x","y"],"syncSchedule":"PT1H","paused":false,"size":5,"profile":null}`},
		{Format{IEEE754: true}, `{"@odata.context":"https://h/$metadata#x","@odata.etag":"W/\"1\"","@odata.type":"#microsoft.graph.cloudPkiSubscription",` +
			`"id":"a","cloudPkiProvider":"symantec","credentials":{"@odata.type":"microsoft.graph.cloudPkiAdministratorCredentials",` + secrets +
			`,"trustedRootCertificate":"YQ==","version":7,"providerSettings":[{"@odata.type":"microsoft.graph.keyValuePair","name":"n","value":null}],"tags":["x","y"],"syncSchedule":"PT1H","paused":false,"size":"5","profile":null}`},
		{Format{Metadata: MetadataFull}, `{"@odata.context":"https://h/$metadata#x","@odata.etag":"W/\"1\"","@odata.type":"#microsoft.graph.cloudPkiSubscription",` +
			`"@odata.id":"https://h/x('a')","@odata.editLink":"https://h/x('a')","syncRuns@odata.navigationLink":"https://h/x('a')/syncRuns",` +
			`"id":"a","cloudPkiProvider@odata.type":"#microsoft.graph.cloudPkiProvider","cloudPkiProvider":"symantec",` +
			`"credentials":{"@odata.type":"microsoft.graph.cloudPkiAdministratorCredentials",` + secrets +
			`,"trustedRootCertificate@odata.type":"#Binary","trustedRootCertificate":"YQ==","version@odata.type":"#Int32","version":7,` +
			`"providerSettings@odata.type":"#Collection(microsoft.graph.keyValuePair)","providerSettings":[{"@odata.type":"microsoft.graph.keyValuePair","name":"n","value":null}],` +
			`"tags@odata.type":"#Collection(String)","tags":["x","y"],"syncSchedule@odata.type":"#Duration","syncSchedule":"PT1H","paused":false,"size@odata.type":"#Int64","size":5,"profile":null}`},
	} {
		if got := string(shape.Append(nil, &s, sel, c.format, a)); got != c.want {
			t.Errorf("%+v\ngot  %s\nwant %s", c.format, got, c.want)
		}
	}
}

func TestShapeLeavesOutOptionalMembers(t *testing.T) {
	et := subscriptionType()
	shape := newShape(t, et)
	s := subscription{NewObject(et.Properties)}
	s.Set("paused", NullValue())
	s.Set("size", Int(0))
	got := string(shape.Append(nil, &s, Selection{All: true}, Format{Metadata: MetadataNone}, Annotations{Context: "x", ETag: "x", ID: "x", EditLink: "x"}))
	want := `{"id":null,"cloudPkiProvider":null,"createdDateTime":null,"description":null,"lastModifiedDateTime":null,"displayName":null,` +
		`"syncStatus":null,"lastSyncError":null,"lastSyncDateTime":null,"credentials":null,"trustedRootCertificate":null,"version":null,"size":0}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	some := string(shape.Append(nil, &s, Selection{Names: []string{"id", "tags", "paused"}}, Format{Metadata: MetadataNone}, Annotations{}))
	if want := `{"id":null,"tags":[],"paused":null}`; some != want {
		t.Errorf("got  %s\nwant %s", some, want)
	}
	zero := string(shape.Append(nil, &s, Selection{}, Format{Metadata: MetadataNone}, Annotations{}))
	if zero != want {
		t.Errorf("the zero Selection writes %s", zero)
	}
}

func TestShapeWritesAnUnknownEnumMemberAsItsNumber(t *testing.T) {
	et := subscriptionType()
	s := subscription{NewObject(et.Properties)}
	s.Set("syncStatus", Int(9))
	got := string(newShape(t, et).Append(nil, &s, Selection{Names: []string{"syncStatus"}}, Format{Metadata: MetadataNone}, Annotations{}))
	if want := `{"syncStatus":"9"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPage(t *testing.T) {
	for _, c := range []struct {
		page   Page
		format Format
		want   string
	}{
		{
			Page{Context: "c", HasCount: true, Count: 2, NextLink: "n"},
			Format{},
			`x{"@odata.context":"c","@odata.count":2,"@odata.nextLink":"n","value":[]}`,
		},
		{
			Page{Context: "c", HasCount: true, DeltaLink: "d"},
			Format{Metadata: MetadataNone, IEEE754: true},
			`x{"@odata.count":"0","@odata.deltaLink":"d","value":[]}`,
		},
	} {
		if got := string(c.page.AppendClose(c.page.AppendOpen([]byte("x"), c.format))); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestShapeAppendDoesNotAllocate(t *testing.T) {
	et := subscriptionType()
	shape, s := newShape(t, et), documented(t, et)
	buf := make([]byte, 0, 8<<10)
	n := testing.AllocsPerRun(100, func() {
		buf = shape.Append(buf[:0], &s, Selection{All: true}, Format{Metadata: MetadataFull}, Annotations{Context: "c", ID: "i", EditLink: "e"})
	})
	if n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func TestNewShapeRefuses(t *testing.T) {
	et := runType()
	get := func(*subscription) Value { return Value{} }
	for want, getters := range map[string]map[string]func(*subscription) Value{
		"shape of cloudPkiSyncRun: no getter for property found":       {"id": get},
		"shape of cloudPkiSyncRun: getter for unknown property colour": {"id": get, "found": get, "colour": get},
	} {
		if _, err := NewShape(et, getters); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func TestAppendString(t *testing.T) {
	for in, want := range map[string]string{
		"":                       `""`,
		`a"b\c/d`:                `"a\"b\\c/d"`,
		"\b\f\n\r\t\x00\x1f\x7f": "\"\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\"",
		"<>&'é😀\u2028\u2029":     "\"<>&'é😀\u2028\u2029\"",
		"a\xffb\xc3":             "\"a\uFFFDb\uFFFD\"",
	} {
		if got := string(AppendString(nil, in)); got != want {
			t.Errorf("AppendString(%q) = %s, want %s", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.String().Draw(t, "text")
		var out string
		if err := json.Unmarshal(AppendString(nil, in), &out); err != nil || out != strings.ToValidUTF8(in, string(utf8.RuneError)) {
			t.Fatalf("%q is read as %q, %v", in, out, err)
		}
	})
}

func TestWhatIsWrittenCanBeDecoded(t *testing.T) {
	et := subscriptionType()
	shape := newShape(t, et)
	s := documented(t, et)
	for _, f := range []Format{{}, {Metadata: MetadataNone}, {Metadata: MetadataFull, IEEE754: true}} {
		first := shape.Append(nil, &s, Selection{All: true}, f, Annotations{Context: "c", ID: "i", EditLink: "e"})
		again, err := et.Decode(first)
		if err != nil {
			t.Fatalf("%s: %v", first, err)
		}
		second := shape.Append(nil, &subscription{again}, Selection{All: true}, f, Annotations{Context: "c", ID: "i", EditLink: "e"})
		if string(first) != string(second) {
			t.Errorf("got  %s\nwant %s", second, first)
		}
	}
}
