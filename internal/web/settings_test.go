package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// The settings show what a person may know, and keep the theme in the browser
// that it was chosen in.
func TestSettings(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.enter("reader", tenantA)
	p := b.get("/console/settings")
	p.check(t)
	for _, want := range []string{"<dd>a fact</dd>", "read all of the tenant", "DeviceManagementConfiguration.Read.All", `<th scope="row">vault</th>`, "list, issue, revoke", `value="" checked`} {
		if !strings.Contains(p.body, want) {
			t.Errorf("the page lacks %q:\n%s", want, p.body)
		}
	}
	form := url.Values{"form_token": {p.field(t, "form_token")}}
	for _, theme := range []string{"dark", "light"} {
		form.Set("theme", theme)
		if p := b.do(http.MethodPost, "/console/settings/theme", form); !strings.Contains(p.body, `<html lang="en" data-theme="`+theme+`">`) || !strings.Contains(p.body, `value="`+theme+`" checked`) {
			t.Errorf("%s:\n%s", theme, p.body)
		}
	}
	if p := w.browser().get("/console/signin"); strings.Contains(p.body, "data-theme") {
		t.Error("another browser has the theme")
	}
	form.Set("theme", hostile)
	if p := b.do(http.MethodPost, "/console/settings/theme", form); p.StatusCode != http.StatusBadRequest {
		t.Errorf("no theme: %s", p.Status)
	}
	form.Set("theme", "")
	if p := b.do(http.MethodPost, "/console/settings/theme", form); strings.Contains(p.body, "data-theme") {
		t.Errorf("the system's theme:\n%s", p.body)
	}
	form.Set("form_token", "another")
	if p := b.do(http.MethodPost, "/console/settings/theme", form); p.StatusCode != http.StatusForbidden {
		t.Errorf("a foreign form: %s", p.Status)
	}
	if p := b.do(http.MethodGet, "/console/settings", nil, "Cookie", "__Host-cloudpki-console-theme="+url.QueryEscape(hostile)); strings.Contains(p.body, "data-theme") {
		t.Errorf("a theme of somebody else's making:\n%s", p.body)
	}
}
