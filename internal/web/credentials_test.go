package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/casim"
	"cloudpki/internal/pki"
	"cloudpki/internal/secret"
)

// connect makes the subscription alpha to a CA.
func (b *browser) connect(c *ca) {
	b.t.Helper()
	_, err := b.service.Create(b.t.Context(), tenantA, pki.Actor{Name: "setup"}, pki.Draft{
		ID: pki.Given("alpha"), Provider: pki.Given("symantec"), DisplayName: pki.Given("alpha" + hostile),
		ServiceURI: pki.Given(c.uri), ServerCAs: pki.Given(c.ServerCAs()), Credentials: pki.Given(c.credentials()),
	}, nil)
	must(b.t, err)
}

func (w *world) alpha() pki.Subscription {
	w.t.Helper()
	sub, err := w.service.Get(w.t.Context(), tenantA, "alpha")
	must(w.t, err)
	return sub
}

// press presses the button of a form on the page of alpha.
func (b *browser) press(path, do string, values ...string) page {
	b.t.Helper()
	p := b.get(alpha)
	v := url.Values{"form_token": {p.field(b.t, "form_token")}, "edits": {p.field(b.t, "edits")}, "do": {do}}
	for i := 0; i < len(values); i += 2 {
		v.Set(values[i], values[i+1])
	}
	return b.do(http.MethodPost, alpha+path, v)
}

// Credentials are staged, tested, promoted and rolled back; no page shows them.
func TestCredentials(t *testing.T) {
	w := newWorld(t)
	c := w.startCA()
	b := w.browser()
	b.enter("admin", tenantA)
	b.connect(c)
	first := w.alpha().Credentials.Info.Thumbprint
	if p := b.press("/credentials/act", "test"); p.StatusCode != http.StatusOK || !strings.Contains(p.body, "The test succeeded") {
		t.Fatalf("test: %s\n%s", p.Status, p.body)
	}
	renewed, password, err := c.IssueRA("renewed", 48*time.Hour)
	must(t, err)
	values := url.Values{"form_token": {b.get(alpha+"/credentials").field(t, "form_token")}, "authenticationCertificatePassword": {password}, "do": {"stage"}}
	staged := b.send(alpha+"/credentials", values, renewed)
	staged.hides(t, password)
	if staged.StatusCode != http.StatusOK || !strings.Contains(staged.body, "The test succeeded") || !strings.Contains(staged.body, `value="promote"`) {
		t.Fatalf("stage: %s\n%s", staged.Status, staged.body)
	}
	shown := b.get(alpha)
	shown.hides(t, password)
	if !strings.Contains(shown.body, "CN=renewed") || !strings.Contains(shown.body, "the CA has accepted them") {
		t.Errorf("the page does not tell what is staged:\n%s", shown.body)
	}
	if p := b.press("/credentials/act", "promote", "edits", "1"); p.StatusCode != http.StatusConflict || !strings.Contains(p.body, "since the form was opened") {
		t.Errorf("promoted from an old page: %s", p.Status)
	}
	if p := b.press("/credentials/act", "promote"); p.StatusCode != http.StatusOK || p.Request.URL.RawQuery != "watch=1" || w.alpha().Credentials.Info.Thumbprint == first {
		t.Errorf("promote: %s %s", p.Status, p.Request.URL)
	}
	if p := b.press("/credentials/act", "rollback"); p.StatusCode != http.StatusOK || w.alpha().Credentials.Info.Thumbprint != first {
		t.Errorf("roll back: %s", p.Status)
	}
}

// What the CA refuses can be promoted if one insists, or discarded.
func TestRefusedCredentials(t *testing.T) {
	w := newWorld(t)
	c := w.startCA()
	b := w.browser()
	token := b.enter("admin", tenantA).field(t, "form_token")
	b.connect(c)
	fault, ok := casim.ByName("unavailable")
	if !ok {
		t.Fatal("no such fault")
	}
	c.Misbehave(fault)
	values := url.Values{"form_token": {token}, "authenticationCertificatePassword": {c.password}}
	for do, status := range map[string]int{"promote": http.StatusConflict, "discard": http.StatusOK, "insist": http.StatusOK} {
		p := b.send(alpha+"/credentials", values, c.pfx)
		p.hides(t, c.password)
		if !strings.Contains(p.body, "The test failed") || !strings.Contains(p.body, `value="insist"`) || w.alpha().Staged == nil {
			t.Fatalf("stage: %s\n%s", p.Status, p.body)
		}
		if p := b.press("/credentials/act", do); p.StatusCode != status || (w.alpha().Staged == nil) != (status == http.StatusOK) {
			t.Errorf("%s: %s\n%s", do, p.Status, p.body)
		}
	}
}

// What cannot be right is said at its field, and nothing is staged; nor is it by
// who may only read, or by a form of another session.
func TestStagingRefused(t *testing.T) {
	w := newWorld(t)
	c := w.startCA()
	b, reader := w.browser(), w.browser()
	token := b.enter("admin", tenantA).field(t, "form_token")
	readers := reader.enter("reader", tenantA).field(t, "form_token")
	b.connect(c)
	for name, tt := range map[string]struct {
		by              *browser
		token, password string
		file            []byte
		status          int
	}{
		"a wrong password": {b, token, "CANARY-wrong", c.pfx, http.StatusUnprocessableEntity},
		"nothing":          {b, token, "", nil, http.StatusUnprocessableEntity},
		"too big":          {b, token, "", make([]byte, 3<<20), http.StatusRequestEntityTooLarge},
		"a foreign form":   {b, readers, c.password, c.pfx, http.StatusForbidden},
		"may read":         {reader, readers, c.password, c.pfx, http.StatusForbidden},
	} {
		p := tt.by.send(alpha+"/credentials", url.Values{"form_token": {tt.token}, "authenticationCertificatePassword": {tt.password}}, tt.file)
		p.hides(t, c.password)
		if p.StatusCode != tt.status || w.alpha().Staged != nil {
			t.Errorf("%s: %s\n%s", name, p.Status, p.body)
		}
	}
	for _, p := range []page{reader.get(alpha + "/credentials"), reader.do(http.MethodPost, alpha+"/credentials/act", url.Values{"form_token": {readers}, "do": {"test"}})} {
		if p.StatusCode != http.StatusForbidden {
			t.Errorf("the reader: %s %s", p.Request.URL, p.Status)
		}
	}
	if p := b.press("/credentials/act", "whatever"); p.StatusCode != http.StatusBadRequest {
		t.Errorf("no such act: %s", p.Status)
	}
}

// Where nothing is to be taken from the current credentials, what is left empty
// is emptied; otherwise it stays.
func TestFreshCredentials(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	token := b.enter("admin", tenantA).field(t, "form_token")
	_, err := w.service.Create(t.Context(), tenantA, pki.Actor{Name: "setup"}, pki.Draft{
		ID: pki.Given("alpha"), Provider: pki.Given("est"), ServiceURI: pki.Given("https://127.0.0.1:1/"),
		Credentials: pki.Given(pki.DraftCredentials{UserName: pki.Given("user"), Password: pki.Given(secret.NewString("CANARY-old"))}),
	}, nil)
	must(t, err)
	values := url.Values{"form_token": {token}, "adminPassword": {"CANARY-new"}, "fresh": {"1"}}
	p := b.send(alpha+"/credentials", values, nil)
	p.hides(t)
	if p.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(p.body, `id="f-adminUserName-problem"`) || w.alpha().Staged != nil {
		t.Errorf("a password without a user: %s\n%s", p.Status, p.body)
	}
	values.Del("fresh")
	p = b.send(alpha+"/credentials", values, nil)
	p.hides(t)
	if staged := w.alpha().Staged; staged == nil || staged.UserName == nil || *staged.UserName != "user" {
		t.Errorf("a password for the same user: %+v\n%s", staged, p.body)
	}
}
