package odata

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDecodeDocumentedBody(t *testing.T) {
	o, err := subscriptionType().Decode([]byte(documentedBody))
	if err != nil {
		t.Fatal(err)
	}
	c := credentialsType().Object(o.Get("credentials"))
	for name, ok := range map[string]bool{
		"id":                        o.Get("id").State() == Absent,
		"cloudPkiProvider":          o.Get("cloudPkiProvider").Num() == 1,
		"lastModifiedDateTime":      o.Get("lastModifiedDateTime").Time().String() == "2017-01-01T00:00:35.1329464-08:00",
		"syncStatus":                o.Get("syncStatus").Num() == 1,
		"adminPassword":             c.Get("adminPassword").Str() == "Admin Password value",
		"authenticationCertificate": string(c.Get("authenticationCertificate").Bytes()) == "authenticationCertificate",
		"version":                   o.Get("version").Num() == 7,
	} {
		if !ok {
			t.Errorf("%s is not what the body says", name)
		}
	}
}

func TestDecodeAccepts(t *testing.T) {
	settings := func(o Object) Value { return o.Get("providerSettings") }
	for body, check := range map[string]func(Object) bool{
		` { } `:                func(o Object) bool { return o.Get("displayName").State() == Absent },
		`{"displayName":null}`: func(o Object) bool { return o.Get("displayName").State() == Null },
		`{"displayName":"a\u00e9\ud83d\ude00\"\\\/"}`:        func(o Object) bool { return o.Get("displayName").Str() == `aé😀"\/` },
		`{"displ\u0061yName":"x"}`:                           func(o Object) bool { return o.Get("displayName").Str() == "x" },
		`{"version":-2147483648}`:                            func(o Object) bool { return o.Get("version").Num() == -1<<31 },
		`{"size":"9223372036854775807"}`:                     func(o Object) bool { return o.Get("size").Num() == 1<<63-1 },
		`{"size":-9223372036854775808}`:                      func(o Object) bool { return o.Get("size").Num() == -1<<63 },
		`{"paused":true,"syncSchedule":"PT1H"}`:              func(o Object) bool { return o.Get("paused").IsTrue() && o.Get("syncSchedule").Span() == time.Hour },
		`{"profile":"ED4AD7E9-d7e9-ed4a-e9d7-4aede9d74aed"}`: func(o Object) bool { return o.Get("profile").Str() == "ed4ad7e9-d7e9-ed4a-e9d7-4aede9d74aed" },
		`{"trustedRootCertificate":""}`:                      func(o Object) bool { return o.Get("trustedRootCertificate").State() == Present },
		`{"tags":[]}`:                                        func(o Object) bool { return o.Get("tags").State() == Present && len(o.Get("tags").Items()) == 0 },
		`{"tags":["a","b"]}`:                                 func(o Object) bool { return o.Get("tags").Items()[1].Str() == "b" },
		`{"providerSettings":[{"value":"v","name":"n"}]}`:    func(o Object) bool { return settings(o).Items()[0].Items()[0].Str() == "n" },
		`{"providerSettings":[{"@odata.type":"#microsoft.graph.keyValuePair","name":"n"}]}`:                                                                                                                 func(o Object) bool { return len(settings(o).Items()) == 1 },
		`{"@odata.context":"x","@odata.type":"microsoft.graph.cloudPkiSubscription","displayName@odata.type":"#String","x@odata.y":[{"a":[1]}],"#microsoft.graph.sync":{"target":"x"},"@custom.note":null}`: func(Object) bool { return true },
		`{"@type":"#microsoft.graph.cloudPkiSubscription"}`:                                                                                                                                                 func(Object) bool { return true },
		`{"credentials":{"adminUserName":"a"}}`: func(o Object) bool {
			return credentialsType().Object(o.Get("credentials")).Get("adminPassword").State() == Absent
		},
		`{"displayName":"` + strings.Repeat("é", 64) + `"}`: func(o Object) bool { return len(o.Get("displayName").Str()) == 128 },
	} {
		o, err := subscriptionType().Decode([]byte(body))
		if err != nil {
			t.Errorf("%s: %v", body, err)
		} else if !check(o) {
			t.Errorf("%s is decoded as %+v", body, o.values)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	const odd = "\xff"
	for _, c := range []struct {
		body, target, msg string
		pos               int
	}{
		{"", "", "The body is empty; it must be a JSON object.", 0},
		{"  ", "", "The body ends in the middle of the JSON.", 2},
		{"[]", "", "The body must be a JSON object.", 0},
		{"null", "", "The body must be a JSON object.", 0},
		{"\xEF\xBB\xBF{}", "", "The body must not begin with a byte order mark.", 0},
		{"{}{}", "", "The body must end after one JSON object.", 2},
		{"{} x", "", "The body must end after one JSON object.", 2},
		{`{"version":7`, "", "The body ends in the middle of the JSON.", 12},
		{`{"version":7,}`, "", "The body is not valid JSON at byte 12.", 12},
		{`{'version':7}`, "", "The body is not valid JSON at byte 1.", 1},
		{`{"version":07}`, "", "The body is not valid JSON at byte 12.", 12},
		{`{"version":NaN}`, "", "The body is not valid JSON at byte 11.", 11},
		{`{"displayName":"` + odd + `"}`, "", "The body is not valid UTF-8.", 16},
		{`{"displayName":"\ud800"}`, "", "The body is not valid JSON at byte 16.", 16},
		{`{"displayName":"\udc00\ud800"}`, "", "The body is not valid JSON at byte 16.", 16},
		{"{\"displayName\":\"a\nb\"}", "", "The body is not valid JSON at byte 17.", 17},
		{`{"version":1,"version":2}`, "version", "The member 'version' is there twice.", 13},
		{`{"version":1,"v\u0065rsion":2}`, "version", "The member 'version' is there twice.", 13},
		{`{"x@odata.y":1,"x@odata.y":2}`, "x@odata.y", "The member 'x@odata.y' is there twice.", 15},
		{`{"@odata.x":{"a":1,"a":2}}`, "@odata.x/a", "The member '@odata.x/a' is there twice.", 19},
		{`{"credentials":{"adminPassword":1,"adminPassword":2}}`, "credentials/adminPassword", "The member 'credentials/adminPassword' is there twice.", 34},
		{`{"providerSettings":[{},{"name":"a","name":"b"}]}`, "providerSettings/name", "The member 'providerSettings/name' is there twice.", 36},
		{`{"two words":1,"two words":2}`, "", "The body has a member twice.", 15},
		{`{"DisplayName":"x"}`, "DisplayName", "The property 'DisplayName' must be spelled 'displayName'.", 1},
		{`{"colour":"x"}`, "colour", "The property 'colour' does not exist on type 'microsoft.graph.cloudPkiSubscription'.", 1},
		{`{"syncRuns":[]}`, "syncRuns", "The property 'syncRuns' is a navigation property and cannot be set here.", 1},
		{`{"two words":{"a":[]}}`, "", "The name of a member does not exist on type 'microsoft.graph.cloudPkiSubscription'.", 1},
		{`{"credentials":{"adminpassword":"x"}}`, "credentials/adminpassword", "The property 'adminpassword' must be spelled 'adminPassword'.", 16},
		{`{"credentials":{"token":"x"}}`, "credentials/token", "The property 'token' does not exist on type 'microsoft.graph.cloudPkiAdministratorCredentials'.", 16},
		{`{"version":null}`, "version", "null is not a valid value for the property 'version'; 'version' is not a nullable property.", 1},
		{`{"lastModifiedDateTime":null}`, "lastModifiedDateTime", "null is not a valid value for the property 'lastModifiedDateTime'; 'lastModifiedDateTime' is not a nullable property.", 1},
		{`{"displayName":7}`, "displayName", "The property 'displayName' must be a string.", 1},
		{`{"displayName":{"a":1}}`, "displayName", "The property 'displayName' must be a string.", 1},
		{`{"displayName":"a\u0000b"}`, "displayName", "The property 'displayName' must not contain U+0000.", 1},
		{`{"displayName":"` + strings.Repeat("é", 65) + `"}`, "displayName", "The property 'displayName' must not be longer than 64 characters.", 1},
		{`{"version":1.0}`, "version", "The property 'version' must be a whole number from -2147483648 to 2147483647.", 1},
		{`{"version":1e2}`, "version", "The property 'version' must be a whole number from -2147483648 to 2147483647.", 1},
		{`{"version":2147483648}`, "version", "The property 'version' must be a whole number from -2147483648 to 2147483647.", 1},
		{`{"version":"7"}`, "version", "The property 'version' must be a whole number from -2147483648 to 2147483647.", 1},
		{`{"size":9223372036854775808}`, "size", "The property 'size' must be a whole number from -9223372036854775808 to 9223372036854775807.", 1},
		{`{"size":"1e2"}`, "size", "The property 'size' must be a whole number from -9223372036854775808 to 9223372036854775807.", 1},
		{`{"paused":"true"}`, "paused", "The property 'paused' must be true or false.", 1},
		{`{"syncStatus":"Succeeded"}`, "syncStatus", "The property 'syncStatus' must be one of: unKnown, succeeded, failed.", 1},
		{`{"syncStatus":1}`, "syncStatus", "The property 'syncStatus' must be one of: unKnown, succeeded, failed.", 1},
		{`{"lastSyncDateTime":"2017-01-01"}`, "lastSyncDateTime", `The property 'lastSyncDateTime' must be a date and time such as "2017-01-01T00:00:35.1329464-08:00".`, 1},
		{`{"createdDateTime":1483228800}`, "createdDateTime", `The property 'createdDateTime' must be a date and time such as "2017-01-01T00:00:35.1329464-08:00".`, 1},
		{`{"syncSchedule":"1h"}`, "syncSchedule", `The property 'syncSchedule' must be a duration such as "PT1H30M" or "P1D".`, 1},
		{`{"profile":"{ed4ad7e9-d7e9-ed4a-e9d7-4aede9d74aed}"}`, "profile", `The property 'profile' must be a GUID such as "ed4ad7e9-d7e9-ed4a-e9d7-4aede9d74aed".`, 1},
		{`{"tags":"a"}`, "tags", "The property 'tags' must be an array.", 1},
		{`{"tags":["a",null]}`, "tags", "The property 'tags' must be an array in which each item must be a string.", 12},
		{`{"credentials":[]}`, "credentials", "The property 'credentials' must be an object.", 1},
		{`{"@odata.type":"#microsoft.graph.user"}`, "@odata.type", "The '@odata.type' must be '#microsoft.graph.cloudPkiSubscription'.", 1},
		{`{"@odata.type":7}`, "@odata.type", "The '@odata.type' must be '#microsoft.graph.cloudPkiSubscription'.", 1},
		{`{"credentials":{"@odata.type":"microsoft.graph.cloudPkiSubscription"}}`, "credentials/@odata.type", "The '@odata.type' must be '#microsoft.graph.cloudPkiAdministratorCredentials'.", 16},
		{`{"providerSettings":[{"@odata.type":"#x"}]}`, "providerSettings/@odata.type", "The '@odata.type' must be '#microsoft.graph.keyValuePair'.", 22},
		{`{"@odata.x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, "", "The body is nested too deeply.", 76},
		{`{"x":` + strings.Repeat(`{"a":`, 64) + "1" + strings.Repeat("}", 64) + `}`, "", "The body is nested too deeply.", 321},
		{`{"@odata.x":"` + strings.Repeat("a", maxAnnotationBytes) + `"}`, "", "The body has an annotation that is too long.", 1},
	} {
		_, err := subscriptionType().Decode([]byte(c.body))
		var got *Error
		if !errors.As(err, &got) {
			t.Errorf("%s: error %v, want an *Error", c.body, err)
			continue
		}
		code := CodeBadRequest
		if strings.HasSuffix(c.target, "@odata.type") {
			code = CodeModelValidation
		}
		want := &Error{Code: code, Target: c.target, Pos: c.pos, Msg: c.msg}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", c.body, diff)
		}
	}
}

func TestDecodeBase64IsCanonical(t *testing.T) {
	for _, s := range []string{"YQ", "YQ=", "YR==", "Y", "YW-_", "YQ==\\n", "YQ\\r\\n==", " YQ==", "YQ== ", "YQ==YQ==", "YWJj=", "a\\u0000b="} {
		o, err := subscriptionType().Decode([]byte(`{"trustedRootCertificate":"` + s + `"}`))
		if err == nil {
			t.Errorf("%q is decoded as %q", s, o.Get("trustedRootCertificate").Bytes())
		} else if want := "The property 'trustedRootCertificate' must be a string of padded standard base64."; err.Error() != want {
			t.Errorf("%q: %v, want %s", s, err, want)
		}
	}
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	o, err := subscriptionType().Decode([]byte(`{"trustedRootCertificate":"` + base64.StdEncoding.EncodeToString(all) + `"}`))
	if err != nil || string(o.Get("trustedRootCertificate").Bytes()) != string(all) {
		t.Errorf("all bytes: %v", err)
	}
}

func TestDecodeReportsAllFaults(t *testing.T) {
	_, err := subscriptionType().Decode([]byte(`{"version":"x","credentials":{"adminPassword":7},"Description":1,"displayName":"ok"}`))
	var got *Error
	if !errors.As(err, &got) {
		t.Fatal(err)
	}
	var targets []string
	for _, d := range got.Details {
		targets = append(targets, d.Target)
	}
	if diff := cmp.Diff([]string{"version", "credentials/adminPassword", "Description"}, targets); diff != "" {
		t.Error(diff)
	}
	if got.Target != "version" || got.Msg != got.Details[0].Msg {
		t.Errorf("the error is %+v, want the first of its details", got)
	}
	var b strings.Builder
	for i := range 100 {
		b.WriteString(`,"x` + strings.Repeat("a", i%50) + strings.Repeat("b", i/50+1) + `":0`)
	}
	_, err = subscriptionType().Decode([]byte("{" + b.String()[1:] + "}"))
	if !errors.As(err, &got) || len(got.Details) != maxDetails {
		t.Errorf("%d details, want %d", len(got.Details), maxDetails)
	}
}

func TestDecodeErrorsQuoteNoValue(t *testing.T) {
	const secret = "hunter2"
	for _, body := range []string{
		`{"credentials":{"adminPassword":hunter2}}`,
		`{"credentials":{"adminPassword":"hunter2}}`,
		`{"credentials":{"adminPassword":"hunter2","adminPassword":"hunter2"}}`,
		`{"credentials":{"adminPassword":"` + strings.Repeat(secret, 10) + `"}}`,
		`{"credentials":{"adminPassword":["hunter2"]}}`,
		`{"credentials":{"authenticationCertificate":"hunter2"}}`,
		`{"credentials":{"authenticationCertificatePassword":"hunter2\ud800"}}`,
		`{"credentials":{"@odata.type":"hunter2"}}`,
		`{"credentials":"hunter2"}`,
		`{"credentials":{"hunter2 is my password":1}}`,
		`{"syncStatus":"hunter2"}`,
		`{"version":"hunter2"}`,
		`hunter2`, `"hunter2"`, `{}hunter2`, `{"version":7}"hunter2"`,
	} {
		_, err := subscriptionType().Decode([]byte(body))
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v, want an *Error", body, err)
			continue
		}
		for _, f := range append(e.Details, *e) {
			if strings.Contains(f.Msg+f.Target+f.Option, secret) {
				t.Errorf("%s: the error repeats it: %+v", body, f)
			}
		}
	}
}

// TestDecodeChange: clients send back what they have read, so what the service
// owns is skipped whatever it holds, and so is the key.
func TestDecodeChange(t *testing.T) {
	body := []byte(`{"id":7,"createdDateTime":["never"],"lastModifiedDateTime":null,"displayName":"a"}`)
	o, err := subscriptionType().DecodeChange(body)
	if err != nil || o.Get("displayName").Str() != "a" {
		t.Errorf("%+v, %v", o, err)
	}
	for _, name := range []string{"id", "createdDateTime", "lastModifiedDateTime"} {
		if o.Get(name).State() != Absent {
			t.Errorf("%s is read", name)
		}
	}
	if _, err := subscriptionType().Decode(body); err == nil {
		t.Error("a create takes them")
	}
}

func TestDecodeParameters(t *testing.T) {
	revoke := subscriptionType().Actions[1]
	o, err := revoke.Decode([]byte(`{"reason":1,"at":null,"@odata.type":"x"}`))
	if err != nil || o.Get("reason").Num() != 1 || o.Get("at").State() != Null {
		t.Errorf("%+v, %v", o, err)
	}
	for _, empty := range []string{"", " \n", "{}"} {
		if o, err := revoke.Decode([]byte(empty)); err != nil || o.Get("reason").State() != Absent {
			t.Errorf("%q: %+v, %v", empty, o, err)
		}
	}
	if _, err := revoke.Decode([]byte(`{"Reason":1}`)); err == nil || err.Error() != "The property 'Reason' must be spelled 'reason'." {
		t.Error(err)
	}
	if _, err := revoke.Decode([]byte(`{"colour":1}`)); err == nil || err.Error() != "The property 'colour' does not exist among the parameters of '"+revoke.Name+"'." {
		t.Error(err)
	}
}
