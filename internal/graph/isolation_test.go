package graph_test

import (
	"net/http"
	"strings"
	"testing"

	"cloudpki/internal/auth"
	"cloudpki/internal/graph"
)

// keysOf returns, for a pattern of the table of routes, an address of an
// object that tenant A has.
func (w *world) addressOf(pattern string) string {
	w.t.Helper()
	list := w.do("GET", set+"/alpha/syncRuns?$select=id", "").object(w.t)["value"].([]any)
	keys := map[string]string{
		"syncRuns":               list[0].(map[string]any)["id"].(string),
		"certificateAuthorities": "fba5c17e04c593d7c76cc0232f19ca272468e9f4ccac6ee373f6bb0507f98a30",
		"certificates":           "427859cb300c3d1eb6bf891394438f07",
	}
	segments := strings.Split(pattern, "/")
	followed := strings.HasPrefix(pattern, "/beta/subscriptions")
	for i, s := range segments {
		if s == "{key}" && keys[segments[i-1]] != "" {
			segments[i] = keys[segments[i-1]]
		} else if followed && s == "{id}" {
			segments[i] = w.do("GET", "/beta/subscriptions?$select=id", "").object(w.t)["value"].([]any)[0].(map[string]any)["id"].(string)
		} else if s == "{id}" && segments[i-1] == "trustBundles" {
			segments[i] = w.anyBundle()
		} else if s == "{id}" && segments[i-1] == "alerts" {
			segments[i] = raisedAlert
		} else if s == "{id}" && segments[i-1] == "estEndpoints" {
			segments[i] = w.anyESTEndpoint()
		} else if strings.HasPrefix(s, "{") {
			segments[i] = "alpha"
		}
	}
	return strings.Join(segments, "/")
}

// anyBundle returns the id of a trust bundle of tenant A.
func (w *world) anyBundle() string {
	w.t.Helper()
	list := w.do("GET", bundles+"?$select=id", "").object(w.t)["value"].([]any)
	if len(list) == 0 {
		return w.do("POST", bundles, `{"name":"any"}`).object(w.t)["id"].(string)
	}
	return list[0].(map[string]any)["id"].(string)
}

// anyESTEndpoint returns the id of an EST endpoint of tenant A.
func (w *world) anyESTEndpoint() string {
	w.t.Helper()
	list := w.do("GET", estEndpoints+"?$select=id", "").object(w.t)["value"].([]any)
	if len(list) == 0 {
		return w.do("POST", estEndpoints, estEndpointBody).object(w.t)["id"].(string)
	}
	return list[0].(map[string]any)["id"].(string)
}

// TestTenantsAreApart walks the table of routes: what tenant A has is not
// there for tenant B, by any address, and nothing that B does changes it.
func TestTenantsAreApart(t *testing.T) {
	w := newWorld(t, func(o *graph.Options) { o.Limits.PerMinute = 1 << 30 })
	w.fill()
	w.notify("{" + following + "}")
	stranger := "Authorization: Bearer " + w.token(tenantB, "client-a", auth.ScopeReadWrite)
	w.anyBundle()
	w.anyESTEndpoint()
	before := w.do("GET", set+"/alpha", "").body
	audit := w.do("GET", "/beta/deviceManagement/auditEvents", "").body
	for _, line := range w.server.Routes() {
		method, pattern, _ := strings.Cut(line, " ")
		address := w.addressOf(pattern)
		if method == "GET" {
			if own := w.do(method, address, ""); own.StatusCode != http.StatusOK {
				t.Errorf("%s %s by its own tenant: %s\n%s", method, address, own.Status, own.body)
			}
		}
		body := ""
		switch {
		case method == "POST" && strings.HasSuffix(pattern, "/subscriptions"):
			body = "{" + following + "}"
		case strings.HasSuffix(pattern, "$batch"):
			body = `{"requests":[` + batchStep(1, "GET", "/cloudPkiSubscriptions/alpha") + "," + batchStep(2, "GET", "/cloudPkiSubscriptions") + "," +
				batchStep(3, "PATCH", "/cloudPkiSubscriptions/alpha", `"body":{"displayName":"taken over"}`) + "," +
				batchStep(4, "DELETE", "/cloudPkiSubscriptions/alpha", `"atomicityGroup":"g"`) + `]}`
		case method == "PATCH" && strings.Contains(pattern, "/subscriptions"):
			body = `{"expirationDateTime":"2026-11-25T12:00:00Z"}`
		case strings.HasSuffix(pattern, "/stageCredentials"):
			body = `{"credentials":{"adminUserName":"taken over"}}`
		case strings.HasSuffix(pattern, "/promoteCredentials"), strings.HasSuffix(pattern, "TrustChange"), strings.HasSuffix(pattern, "/revoke"):
			body = `{}`
		case strings.HasSuffix(pattern, "/issueCertificate"):
			body = `{"certificateSigningRequest":"none"}`
		case method == "POST" && strings.HasSuffix(pattern, "/trustBundles"):
			body = `{"name":"any"}`
		case method == "POST" && strings.HasSuffix(pattern, "/estEndpoints"):
			body = estEndpointBody
		case method == "POST" || method == "PATCH":
			body = `{"displayName":"taken over"}`
		}
		got := w.do(method, address, body, stranger)
		switch {
		case method == "POST" && (strings.HasSuffix(pattern, "ubscriptions") || strings.HasSuffix(pattern, "/trustBundles") || strings.HasSuffix(pattern, "ubscriptions/{id}")):
			// B may well create an object of its own under the same id.
			if got.StatusCode != http.StatusCreated {
				t.Errorf("%s %s: %s", method, address, got.Status)
			}
			w.do("DELETE", set+"/alpha", "", stranger)
		case method == "POST" && strings.HasSuffix(pattern, "/estEndpoints"):
			if got.StatusCode != http.StatusBadRequest || !strings.Contains(got.body, "There is no subscription") {
				t.Errorf("%s %s: %s, want that there is no such subscription\n%s", method, address, got.Status, got.body)
			}
		case strings.Contains(pattern, "{"):
			if got.StatusCode != http.StatusNotFound || got.object(t)["error"].(map[string]any)["code"] != "ResourceNotFound" {
				t.Errorf("%s %s: %s, want 404 ResourceNotFound\n%s", method, address, got.Status, got.body)
			}
		case got.StatusCode != http.StatusOK:
			t.Errorf("%s %s: %s", method, address, got.Status)
		}
		for _, trace := range []string{"Alpha", "alpha-admin", "device-1", tenantA} {
			if strings.Contains(got.body, trace) {
				t.Errorf("%s %s tells %q to another tenant: %s", method, address, trace, got.body)
			}
		}
	}
	if after := w.do("GET", set+"/alpha", "").body; after != before {
		t.Errorf("alpha has changed:\n%s\n%s", before, after)
	}
	if after := w.do("GET", "/beta/deviceManagement/auditEvents", "").body; after != audit {
		t.Errorf("the audit trail of A has changed:\n%s\n%s", audit, after)
	}
}

// TestSecretsAreToldOnce walks the table of routes after a create and asks in
// every way for what was sent: no answer, no header and no log line has it.
func TestSecretsAreToldOnce(t *testing.T) {
	w := newWorld(t, func(o *graph.Options) { o.Limits.PerMinute = 1 << 30 })
	w.fill()
	w.notify(`{` + following + `,"clientState":"CANARY-state"}`)
	clean := func(what, text string) {
		t.Helper()
		for _, canary := range canaries {
			if strings.Contains(text, canary) {
				t.Errorf("%s tells %q: %s", what, canary, text)
			}
		}
	}
	variants := []string{"", "?$format=application/json;odata.metadata=full", "?$select=*", "?$filter=credentials/adminPassword eq 'CANAR'"}
	for _, line := range w.server.Routes() {
		method, pattern, _ := strings.Cut(line, " ")
		if method != "GET" {
			continue
		}
		for _, v := range variants {
			got := w.do(method, w.addressOf(pattern)+v, "")
			clean(line+v, got.body)
			for name, values := range got.Header {
				clean(line+v+" "+name, strings.Join(values, " "))
			}
		}
	}
	for _, c := range []struct{ method, path, body string }{
		{"PATCH", set + "/alpha", `{"credentials":{"adminPassword":"CANARY-new"}}`},
		{"PATCH", set + "/alpha", `{"credentials":{"adminPassword":["CANARY"]}}`},
		{"PATCH", set + "/alpha", `{"credentials":{"authenticationCertificate":"CANARY"}}`},
		{"PATCH", set + "/alpha", `{"credentials":{"CANARY":1}`},
		{"POST", set + "/alpha", `{"credentials":{"adminPassword":"CANARY"}}`},
		{"POST", set, `{"credentials":{"adminPassword":"CANARY"},"version":"x"}`},
		{"POST", set + "/alpha/sync", ""},
	} {
		clean(c.method+" "+c.body, w.do(c.method, c.path, c.body).body)
	}
	minimal := w.do("POST", set+"/second", fullBody, "Prefer: return=minimal")
	clean("return=minimal", minimal.body)
	clean("the log", w.log.String())
	if !strings.Contains(w.log.String(), "refuse request") {
		t.Error("the log holds no refused request: it was not looked at")
	}
}
