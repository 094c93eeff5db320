package graph_test

import (
	"net/http"
	"strings"
	"testing"
)

const (
	estEndpoints    = "/beta/deviceManagement/estEndpoints"
	estEndpointBody = `{"subscriptionId":"alpha","userName":"device","password":"CANARY-sixteen-characters","subjectPatterns":["*.example.com"]}`
)

// An endpoint is made, read, changed under its entity tag and removed; its
// password is in no answer and in no audit event.
func TestESTEndpoint(t *testing.T) {
	w := newWorld(t)
	w.create(`{"id":"alpha"}`)
	made := w.do("POST", estEndpoints, estEndpointBody)
	if made.StatusCode != http.StatusCreated {
		t.Fatalf("POST: %s %s", made.Status, made.body)
	}
	o := made.object(t)
	one := estEndpoints + "/" + o["id"].(string)
	if made.Header.Get("Location") != w.origin+one || o["enabled"] != true || o["allowReenrol"] != true || o["password"] != nil {
		t.Errorf("Location %q of %s", made.Header.Get("Location"), made.body)
	}
	tag := made.Header.Get("ETag")
	read := w.do("GET", one, "")
	if read.StatusCode != http.StatusOK || read.Header.Get("ETag") != tag || tag == "" {
		t.Errorf("GET: %s with %q, want %q", read.Status, read.Header.Get("ETag"), tag)
	}
	if got := w.do("GET", one, "", "If-None-Match: "+tag); got.StatusCode != http.StatusNotModified {
		t.Errorf("GET of what is known: %s", got.Status)
	}
	changed := w.do("PATCH", one, `{"profile":"printers","enabled":false,"password":null}`, "If-Match: "+tag)
	if o := changed.object(t); changed.StatusCode != http.StatusOK || o["profile"] != "printers" || o["enabled"] != false || o["userName"] != "device" {
		t.Errorf("PATCH: %s %s", changed.Status, changed.body)
	}
	for _, method := range []string{"PATCH", "DELETE"} {
		if got := w.do(method, one, `{"profile":"other"}`, "If-Match: "+tag); got.StatusCode != http.StatusPreconditionFailed {
			t.Errorf("%s with an old tag: %s %s", method, got.Status, got.body)
		}
	}
	listed := w.do("GET", estEndpoints+"?$filter=subscriptionId eq 'alpha' and profile eq 'printers'&$count=true", "")
	if listed.object(t)["@odata.count"] != 1.0 {
		t.Errorf("the list: %s", listed.body)
	}
	trail := w.do("GET", "/beta/deviceManagement/auditEvents", "")
	for _, a := range []answer{made, read, changed, listed, trail} {
		if strings.Contains(a.body, "CANARY") || strings.Contains(a.body, "argon2id") {
			t.Errorf("an answer tells the password: %s", a.body)
		}
	}
	if strings.Count(trail.body, "EstEndpoint") < 2 {
		t.Errorf("the audit trail: %s", trail.body)
	}
	if got := w.do("DELETE", one, "", "If-Match: "+changed.Header.Get("ETag")); got.StatusCode != http.StatusNoContent {
		t.Errorf("DELETE: %s %s", got.Status, got.body)
	}
	if got := w.do("GET", one, ""); got.StatusCode != http.StatusNotFound {
		t.Errorf("GET of what is gone: %s", got.Status)
	}
}

// What cannot be is refused with the member at fault.
func TestESTEndpointRefusals(t *testing.T) {
	w := newWorld(t)
	w.create(`{"id":"alpha"}`)
	one := estEndpoints + "/" + w.anyESTEndpoint()
	const good = `"subscriptionId":"alpha","userName":"device"`
	for _, c := range []struct{ method, address, body, target string }{
		{"POST", estEndpoints, `{}`, "subscriptionId"},
		{"POST", estEndpoints, `{` + good + `}`, "password"},
		{"POST", estEndpoints, `{` + good + `,"password":"fifteen letters"}`, "password"},
		{"POST", estEndpoints, `{` + good + `,"password":"` + strings.Repeat("x", 65) + `"}`, "password"},
		{"POST", estEndpoints, `{"subscriptionId":"beta","userName":"device","password":"sixteen-characters"}`, "subscriptionId"},
		{"POST", estEndpoints, `{"subscriptionId":"alpha","userName":"a:b","password":"sixteen-characters"}`, "userName"},
		{"POST", estEndpoints, `{` + good + `,"password":"sixteen-characters","subjectPatterns":[""]}`, "subjectPatterns"},
		{"PATCH", one, `{"subscriptionId":"beta"}`, "subscriptionId"},
		{"PATCH", one, `{"password":"short"}`, "password"},
	} {
		got := w.do(c.method, c.address, c.body)
		if got.StatusCode != http.StatusBadRequest || got.object(t)["error"].(map[string]any)["target"] != c.target {
			t.Errorf("%s %s: %s, want 400 for %s\n%s", c.method, c.body, got.Status, c.target, got.body)
		}
	}
}
