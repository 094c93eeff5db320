package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/pki"
)

// A sync that waits is cancelled at once; a preview is asked for and watched.
func TestCancelAndPreview(t *testing.T) {
	w := newWorld(t)
	w.subscribe("alpha")
	b := w.browser()
	b.enter("admin", tenantA)
	if p := b.get(alpha); !strings.Contains(p.body, "Cancel this sync") {
		t.Errorf("no way to cancel:\n%s", p.body)
	}
	if p := b.press("/cancel", ""); p.StatusCode != http.StatusOK || !strings.Contains(p.body, ">Cancelled<") || !strings.Contains(p.body, "Preview a sync") {
		t.Errorf("cancelled: %s\n%s", p.Status, p.body)
	}
	p := b.press("/preview", "")
	p.check(t)
	if p.Request.URL.RawQuery != "watch=1" || !strings.Contains(p.body, ">preview<") {
		t.Errorf("preview: %s %s\n%s", p.Status, p.Request.URL, p.body)
	}
	l := w.lease()
	if !l.Run.DryRun {
		t.Error("the run is no preview")
	}
	if p := b.press("/cancel", ""); p.Request.URL.RawQuery != "watch=1" {
		t.Errorf("a running one is not watched to its end: %s", p.Request.URL)
	}
}

// What was changed is saved, what was emptied is cleared, and what stands as it
// was is not touched.
func TestEdit(t *testing.T) {
	w := newWorld(t)
	w.subscribe("alpha")
	b := w.browser()
	b.enter("admin", tenantA)
	p := b.get(alpha + "/edit")
	p.check(t)
	if !strings.Contains(p.body, `value="alpha&#34;&gt;&lt;script`) {
		t.Errorf("the form is not filled in:\n%s", p.body)
	}
	all := []string{
		"displayName", "Device CA", "description", "first\r\nsecond", "syncSchedule", "90", "trustChangePolicy", "manual", "setting.accountId", "81234567", "paused", "1",
	}
	p = b.press("/edit", "save", all...)
	if p.StatusCode != http.StatusOK || p.Request.URL.Path != alpha {
		t.Fatalf("save: %s\n%s", p.Status, p.body)
	}
	for _, want := range []string{"(paused)", "every 90 minutes", "An admin approves every other root.", "<dd>DigiCert PKI Platform 8 (Symantec)</dd>"} {
		if !strings.Contains(p.body, want) {
			t.Errorf("the page lacks %q:\n%s", want, p.body)
		}
	}
	sub := w.alpha()
	if *sub.DisplayName != "Device CA" || *sub.Description != "first\nsecond" || *sub.Schedule != 90*time.Minute || *sub.TrustPolicy != pki.TrustManual ||
		len(sub.Settings) != 1 || !sub.IsPaused() || sub.Credentials == nil || sub.Credentials.Password == nil {
		t.Errorf("saved %+v", sub)
	}
	b.press("/edit", "save", all...)
	if again := w.alpha(); again.Edits != sub.Edits {
		t.Error("the same once more is a change")
	}
	b.press("/edit", "save")
	if sub = w.alpha(); sub.DisplayName != nil || sub.Description != nil || sub.Schedule != nil || sub.TrustPolicy != nil || len(sub.Settings) != 0 || sub.IsPaused() {
		t.Errorf("emptied %+v", sub)
	}
}

// A change that cannot be is told at its field, and what was filled in is kept;
// so it is where somebody else was faster.
func TestEditRefused(t *testing.T) {
	w := newWorld(t)
	w.subscribe("alpha")
	b := w.browser()
	b.enter("admin", tenantA)
	for name, c := range map[string]struct{ field, value, want string }{
		"interval":    {"syncSchedule", "soon", `href="#f-syncSchedule"`},
		"too long":    {"syncSchedule", "99999", `href="#f-syncSchedule"`},
		"a setting":   {"setting.accountId", "no account", `href="#f-setting-accountId"`},
		"an old page": {"edits", "0", "Somebody has changed this"},
	} {
		p := b.press("/edit", "save", "displayName", "kept", c.field, c.value)
		p.check(t)
		if p.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(p.body, c.want) || !strings.Contains(p.body, `value="kept"`) {
			t.Errorf("%s: %s\n%s", name, p.Status, p.body)
		}
	}
	if sub := w.alpha(); sub.Edits != 1 {
		t.Errorf("changed: %+v", sub)
	}
}

// What is wrong elsewhere keeps nobody from changing a name.
func TestEditOfWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	_, err := w.service.Create(t.Context(), tenantA, pki.Actor{Name: "setup"}, pki.Draft{
		ID: pki.Given("alpha"), Provider: pki.Given("symantec"), TrustedRoot: pki.Given([]byte("no root")),
		Settings: pki.Given([]pki.Setting{{Name: "acountId", Value: "81234567"}}),
	}, nil)
	must(t, err)
	b := w.browser()
	b.enter("admin", tenantA)
	if p := b.get(alpha + "/edit"); !strings.Contains(p.body, "no such setting") {
		t.Errorf("the setting is not shown:\n%s", p.body)
	}
	if p := b.press("/edit", "save", "displayName", "named", "setting.acountId", "81234567"); p.StatusCode != http.StatusOK || w.alpha().Settings[0].Name != "acountId" {
		t.Errorf("a name: %s\n%s", p.Status, p.body)
	}
	if p := b.press("/edit", "save", "displayName", "named", "setting.acountId", "1"); p.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("the setting: %s", p.Status)
	}
	if p := b.press("/edit", "save", "displayName", "named", "setting.accountId", "81234567"); p.StatusCode != http.StatusOK || w.alpha().Settings[0].Name != "accountId" {
		t.Errorf("mended: %s\n%s", p.Status, p.body)
	}
}

// A subscription is deleted after a page has said what goes with it.
func TestDelete(t *testing.T) {
	w := newWorld(t)
	w.subscribe("alpha")
	w.stock(3)
	b := w.browser()
	b.enter("admin", tenantA)
	p := b.get(alpha + "/delete")
	p.check(t)
	if !strings.Contains(p.body, "inventory of 3 certificates") {
		t.Errorf("the page does not say what goes:\n%s", p.body)
	}
	if p := b.press("/delete", "delete", "edits", "0"); p.StatusCode != http.StatusConflict || w.subscriptions() != 1 {
		t.Errorf("deleted from an old page: %s", p.Status)
	}
	if p := b.press("/delete", "delete"); p.StatusCode != http.StatusOK || p.Request.URL.Path != "/" || !strings.Contains(p.body, "The subscription is deleted.") || w.subscriptions() != 0 {
		t.Errorf("delete: %s %s\n%s", p.Status, p.Request.URL, p.body)
	}
}

// None of this is for who may only read, another tenant, or a foreign form.
func TestActsRefused(t *testing.T) {
	w := newWorld(t)
	w.subscribe("alpha")
	admin, reader, other := w.browser(), w.browser(), w.browser()
	admin.enter("admin", tenantA)
	readers, others := reader.enter("reader", tenantA).field(t, "form_token"), other.enter("other", tenantB).field(t, "form_token")
	for _, path := range []string{"/cancel", "/preview", "/edit", "/delete", "/credentials/act"} {
		for name, c := range map[string]struct {
			by     *browser
			token  string
			status int
		}{
			"a foreign form": {admin, readers, http.StatusForbidden},
			"may read":       {reader, readers, http.StatusForbidden},
			"another tenant": {other, others, http.StatusNotFound},
		} {
			p := c.by.do(http.MethodPost, alpha+path, url.Values{"form_token": {c.token}, "edits": {"1"}, "do": {"rollback"}})
			p.check(t)
			if p.StatusCode != c.status {
				t.Errorf("%s %s: %s", name, path, p.Status)
			}
		}
	}
	for _, path := range []string{"/edit", "/delete", "/credentials"} {
		if p := other.get(alpha + path); p.StatusCode != http.StatusNotFound {
			t.Errorf("another tenant %s: %s", path, p.Status)
		}
		if p := reader.get(alpha + path); p.StatusCode != http.StatusForbidden {
			t.Errorf("the reader %s: %s", path, p.Status)
		}
	}
	if sub := w.alpha(); sub.Edits != 1 {
		t.Errorf("changed: %+v", sub)
	}
}
