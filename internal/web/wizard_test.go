package web_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudpki/internal/casim"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
)

const newPath = "/console/subscriptions/new"

// A ca is a simulated CA with what logs in there.
type ca struct {
	*casim.CA

	uri      string
	pfx      []byte
	password string
}

func (w *world) startCA() *ca {
	w.t.Helper()
	sim, err := casim.New(casim.Options{Now: w.Now})
	must(w.t, err)
	server, err := sim.Start(w.t.Context(), "127.0.0.1:0")
	must(w.t, err)
	w.t.Cleanup(func() { _ = server.Close() })
	pfx, password, err := sim.IssueRA("console", 24*time.Hour)
	must(w.t, err)
	return &ca{sim, server.URL, pfx, password}
}

func (c *ca) credentials() pki.DraftCredentials {
	return pki.DraftCredentials{Certificate: pki.Given(secret.New(c.pfx)), CertificatePassword: pki.Given(secret.NewString(c.password))}
}

// send sends a form in parts, as browsers do where it may bring a file.
func (b *browser) send(path string, values url.Values, file []byte) page {
	b.t.Helper()
	var body bytes.Buffer
	parts := multipart.NewWriter(&body)
	for name, list := range values {
		must(b.t, parts.WriteField(name, list[0]))
	}
	part, err := parts.CreateFormFile("authenticationCertificate", "client.p12")
	must(b.t, err)
	_, err = part.Write(file)
	must(b.t, err)
	must(b.t, parts.Close())
	return b.post(path, parts.FormDataContentType(), body.Bytes())
}

// draft fills in the form of a new subscription to a CA; it changes values.
func (b *browser) draft(c *ca, values ...string) url.Values {
	b.t.Helper()
	p := b.get(newPath + "?provider=symantec")
	p.check(b.t)
	v := url.Values{
		"form_token": {p.field(b.t, "form_token")}, "request_key": {p.field(b.t, "request_key")}, "provider": {"symantec"},
		"displayName": {"Device CA " + hostile}, "serviceUri": {c.uri}, "serverCertificateAuthorities": {string(c.ServerCAs())},
		"authenticationCertificatePassword": {c.password}, "do": {"save"},
	}
	for i := 0; i < len(values); i += 2 {
		v.Set(values[i], values[i+1])
	}
	return v
}

// subscriptions returns how many there are in a tenant.
func (w *world) subscriptions() int {
	w.t.Helper()
	q, err := odata.ParseQuery("$top=100", pki.SubscriptionType())
	must(w.t, err)
	found, err := w.service.List(w.t.Context(), tenantA, q)
	must(w.t, err)
	return len(found.Items)
}

// hides fails where a page has any of the secrets.
func (p page) hides(t *testing.T, secrets ...string) {
	t.Helper()
	p.check(t)
	for _, text := range secrets {
		if strings.Contains(p.body, text) {
			t.Errorf("%s shows a secret:\n%s", p.Request.URL, p.body)
		}
	}
}

// A person chooses the kind of the CA, tests the connection, and saves; the new
// subscription's first sync can be watched. No page shows a secret.
func TestNewSubscription(t *testing.T) {
	w := newWorld(t)
	c := w.startCA()
	b := w.browser()
	if home := b.enter("admin", tenantA); !strings.Contains(home.body, `href="`+newPath+`"`) {
		t.Errorf("the overview does not lead to a new subscription:\n%s", home.body)
	}
	list := b.get(newPath)
	list.check(t)
	for _, want := range []string{`?provider=symantec"`, "The RA certificate, or an API key alone.", `/docs/providers/globalsignatlas"`} {
		if !strings.Contains(list.body, want) {
			t.Errorf("the kinds lack %s:\n%s", want, list.body)
		}
	}
	tested := b.send(newPath, b.draft(c, "do", "test", "adminPassword", ""), c.pfx)
	tested.hides(t, c.password)
	if tested.StatusCode != http.StatusOK || !strings.Contains(tested.body, "The test succeeded") || strings.Contains(tested.body, "Save without a good test") || w.subscriptions() != 0 {
		t.Fatalf("test: %s\n%s", tested.Status, tested.body)
	}
	if !strings.Contains(tested.body, `value="`+c.uri+`"`) || !strings.Contains(tested.body, "Choose it again") {
		t.Errorf("the form is not as it was:\n%s", tested.body)
	}
	saved := b.send(newPath, b.draft(c, "syncSchedule", "90", "setting.accountId", "81234567", "trustChangePolicy", "manual"), c.pfx)
	saved.hides(t, c.password)
	if saved.StatusCode != http.StatusOK || !strings.HasPrefix(saved.Request.URL.Path, "/console/subscriptions/") || saved.Request.URL.RawQuery != "watch=1" || !strings.Contains(saved.body, looksAgain) {
		t.Fatalf("save: %s %s\n%s", saved.Status, saved.Request.URL, saved.body)
	}
	sub, err := w.service.Get(t.Context(), tenantA, pki.ID(strings.TrimPrefix(saved.Request.URL.Path, "/console/subscriptions/")))
	must(t, err)
	if sub.Credentials == nil || sub.Credentials.Info == nil || *sub.Schedule != 90*time.Minute || *sub.TrustPolicy != pki.TrustManual || len(sub.Settings) != 1 || *sub.DisplayName != "Device CA "+hostile {
		t.Errorf("saved %+v", sub)
	}
}

// What does not pass the test is not saved, unless that is asked for.
func TestSaveWithoutGoodTest(t *testing.T) {
	w := newWorld(t)
	c := w.startCA()
	b := w.browser()
	b.enter("admin", tenantA)
	fault, ok := casim.ByName("unavailable")
	if !ok {
		t.Fatal("no such fault")
	}
	c.Misbehave(fault)
	values := b.draft(c)
	failed := b.send(newPath, values, c.pfx)
	failed.hides(t, c.password)
	if failed.StatusCode != http.StatusOK || !strings.Contains(failed.body, "The test failed") || !strings.Contains(failed.body, `href="/docs/errors/upstream_5xx"`) || w.subscriptions() != 0 {
		t.Fatalf("%s\n%s", failed.Status, failed.body)
	}
	if !strings.Contains(failed.body, "Save without a good test") || failed.field(t, "request_key") != values.Get("request_key") {
		t.Errorf("no way to save all the same:\n%s", failed.body)
	}
	values.Set("do", "force")
	if p := b.send(newPath, values, c.pfx); p.Request.URL.RawQuery != "watch=1" || w.subscriptions() != 1 {
		t.Errorf("%s %s\n%s", p.Status, p.Request.URL, p.body)
	}
}

// A client certificate may be in PEM as well; sent twice it makes one, too.
func TestClientCertificateInPEM(t *testing.T) {
	w := newWorld(t)
	c := w.startCA()
	b := w.browser()
	b.enter("admin", tenantA)
	opened, err := provider.ClientCertificate(secret.New(c.pfx), secret.NewString(c.password), w.Now())
	must(t, err)
	key, err := x509.MarshalPKCS8PrivateKey(opened.PrivateKey)
	must(t, err)
	file := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	for _, der := range opened.Certificate {
		file = append(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	for _, password := range []string{"", "CANARY-chosen"} {
		values := b.draft(c, "authenticationCertificatePassword", password)
		for range 2 {
			p := b.send(newPath, values, file)
			p.hides(t, string(file[30:60]))
			if p.Request.URL.RawQuery != "watch=1" {
				t.Errorf("%q: %s\n%s", password, p.Status, p.body)
			}
		}
	}
	if n := w.subscriptions(); n != 2 {
		t.Errorf("%d subscriptions", n)
	}
}

// A form that is sent twice makes one subscription, also when both are under
// way; with other contents it makes none.
func TestDoubleSubmission(t *testing.T) {
	w := newWorld(t)
	c := w.startCA()
	b := w.browser()
	b.enter("admin", tenantA)
	values := b.draft(c)
	var ended sync.WaitGroup
	pages := make([]page, 3)
	for i := range pages {
		ended.Go(func() { pages[i] = b.send(newPath, values, c.pfx) })
	}
	ended.Wait()
	for _, p := range append(pages, b.send(newPath, values, c.pfx)) {
		if p.StatusCode != http.StatusOK || p.Request.URL.Path != pages[0].Request.URL.Path {
			t.Errorf("%s %s\n%s", p.Status, p.Request.URL, p.body)
		}
	}
	values.Set("displayName", "another")
	if p := b.send(newPath, values, c.pfx); p.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(p.body, "has made a subscription already") {
		t.Errorf("other contents: %s\n%s", p.Status, p.body)
	}
	if n := w.subscriptions(); n != 1 {
		t.Errorf("%d subscriptions", n)
	}
}

// Each fault stands at its field and in a summary that links there; nothing is
// sent to the CA or saved.
func TestFieldErrors(t *testing.T) {
	w := newWorld(t)
	c := w.startCA()
	b := w.browser()
	b.enter("admin", tenantA)
	for name, tt := range map[string]struct {
		values []string
		file   []byte
		fields []string
	}{
		"PFX with a wrong password": {[]string{"authenticationCertificatePassword", "CANARY-wrong"}, c.pfx, []string{"authenticationCertificatePassword"}},
		"no PFX":                    {nil, nil, []string{"authenticationCertificate"}},
		"a PFX above the bound":     {nil, make([]byte, 1<<20+1), []string{"authenticationCertificate"}},
		"no PFX at all in the file": {nil, []byte("CANARY-file"), []string{"authenticationCertificate"}},
		"a PEM file without a key":  {nil, c.ServerCAs(), []string{"authenticationCertificate"}},
		"several": {
			[]string{"serviceUri", "http://ca.example.com", "syncSchedule", "soon", "displayName", strings.Repeat("x", 2000), "trustChangePolicy", "whatever", "description", "\x00"},
			c.pfx,
			[]string{"syncSchedule", "displayName", "trustChangePolicy", "description"},
		},
		"address in clear":  {[]string{"serviceUri", "http://ca.example.com"}, c.pfx, []string{"serviceUri"}},
		"interval":          {[]string{"syncSchedule", "99999"}, c.pfx, []string{"syncSchedule"}},
		"a setting":         {[]string{"setting.accountId", "no account"}, c.pfx, []string{"setting-accountId"}},
		"server's CA":       {[]string{"serverCertificateAuthorities", "x"}, c.pfx, []string{"serverCertificateAuthorities"}},
		"the root":          {[]string{"trustedRootCertificate", "x"}, c.pfx, []string{"trustedRootCertificate"}},
		"secrets are there": {[]string{"adminPassword", "CANARY-password", "syncSchedule", "x"}, c.pfx, []string{"syncSchedule"}},
	} {
		p := b.send(newPath, b.draft(c, tt.values...), tt.file)
		p.hides(t, c.password)
		if p.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(p.body, `role="alert" id="problems" tabindex="-1" autofocus`) || !strings.Contains(p.body, "<title>Please correct:") {
			t.Errorf("%s: %s\n%s", name, p.Status, p.body)
		}
		if n := strings.Count(p.body, `aria-invalid="true"`); n != len(tt.fields) {
			t.Errorf("%s: %d fields are wrong, want %d", name, n, len(tt.fields))
		}
		for _, field := range tt.fields {
			for _, want := range []string{`href="#f-` + field + `"`, `id="f-` + field + `-problem"`, `aria-describedby="f-` + field + `-problem`} {
				if !strings.Contains(p.body, want) {
					t.Errorf("%s: no %s", name, want)
				}
			}
		}
	}
	if n := w.subscriptions(); n != 0 {
		t.Errorf("%d subscriptions", n)
	}
}

// Forms with a file are held to what holds for all forms.
func TestRefusedUploads(t *testing.T) {
	w := newWorld(t)
	c := w.startCA()
	b, reader := w.browser(), w.browser()
	b.enter("admin", tenantA)
	readers := reader.enter("reader", tenantA).field(t, "form_token")
	refused := func(name string, p page, status int) {
		t.Helper()
		p.hides(t, c.password)
		if p.StatusCode != status {
			t.Errorf("%s: %s\n%s", name, p.Status, p.body)
		}
	}
	refused("a foreign form", b.send(newPath, b.draft(c, "form_token", "x"), c.pfx), http.StatusForbidden)
	refused("too big", b.send(newPath, b.draft(c), make([]byte, 3<<20)), http.StatusRequestEntityTooLarge)
	refused("may read", reader.send(newPath, b.draft(c, "form_token", readers), c.pfx), http.StatusForbidden)
	refused("may read the form", reader.get(newPath), http.StatusForbidden)
	refused("signed out", w.browser().send(newPath, b.draft(c), c.pfx), http.StatusUnauthorized)
	refused("no kind", b.send(newPath, b.draft(c, "provider", "nobody"), c.pfx), http.StatusNotFound)
	refused("no such form", b.get(newPath+"?provider=nobody"), http.StatusNotFound)
	refused("no key", b.send(newPath, b.draft(c, "request_key", ""), c.pfx), http.StatusBadRequest)
	refused("no button", b.send(newPath, b.draft(c, "do", ""), c.pfx), http.StatusBadRequest)
	part := "--x\r\nContent-Disposition: form-data; name=\"form_token\"\r\n\r\nx\r\n"
	refused("too many parts", b.post(newPath, "multipart/form-data; boundary=x", []byte(strings.Repeat(part, 5000)+"--x--")), http.StatusRequestEntityTooLarge)
	refused("no parts", b.post(newPath, "multipart/form-data; boundary=x", []byte("nothing")), http.StatusBadRequest)
	if home := reader.get("/"); strings.Contains(home.body, newPath) {
		t.Error("who may read is led to a new subscription")
	}
	if n := w.subscriptions(); n != 0 {
		t.Errorf("%d subscriptions", n)
	}
}

// Every kind of CA has its form: what it must be told, and nothing that it has
// no use for.
func TestFormOfEachKind(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.enter("admin", tenantA)
	for _, k := range w.service.Kinds() {
		p := b.get(newPath + "?provider=" + k.Name)
		p.check(t)
		for _, member := range []string{"adminUserName", "adminPassword", "authenticationCertificate", "authenticationCertificatePassword"} {
			if strings.Contains(p.body, ` name="`+member+`"`) != k.Login.Takes(member) {
				t.Errorf("%s: the field %s does not fit the login %+v", k.Name, member, k.Login)
			}
		}
		for _, s := range k.Settings {
			if !strings.Contains(p.body, `id="f-setting-`+s.Name+`"`) {
				t.Errorf("%s: no field for %s", k.Name, s.Name)
			}
		}
		if !strings.Contains(p.body, `href="/docs/providers/`+strings.ToLower(k.Name)+`"`) {
			t.Errorf("%s: no link to the manual", k.Name)
		}
	}
}
