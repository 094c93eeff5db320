package web_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/trust"
	"cloudpki/internal/web"
)

// trustRoot has a subscription trust a new root beside those that it has.
func (w *world) trustRoot(id pki.ID) pki.ID {
	w.t.Helper()
	root := w.quarantine(id)
	_, err := w.service.ApproveTrustChange(w.t.Context(), tenantA, pki.Actor{Name: "setup"}, id, pki.TrustDecision{Thumbprint: string(root)}, nil)
	must(w.t, err)
	return root
}

// publish makes a bundle of all of the tenant.
func (w *world) publish(name string, access pki.BundleAccess) pki.TrustBundle {
	w.t.Helper()
	b, err := w.bundles.Create(w.t.Context(), tenantA, pki.Actor{Name: "setup"}, pki.BundleDraft{Name: pki.Given(name), Access: pki.Given(access)}, nil)
	must(w.t, err)
	return b
}

func pathOf(b pki.TrustBundle) string { return "/console/bundles/" + string(b.ID) }

// A bundle is made, looked at, changed and deleted by forms; the deletion is
// asked for twice, and all is in the audit trail.
func TestBundleForms(t *testing.T) {
	w := newWorld(t)
	w.subscribe("alpha")
	w.subscribe("beta")
	root := w.trustRoot("alpha")
	b := w.browser()
	b.enter("admin", tenantA)
	empty := b.get("/console/bundles")
	empty.check(t)
	if !strings.Contains(empty.body, "There is none yet") {
		t.Errorf("an empty list:\n%s", empty.body)
	}
	p := b.get("/console/bundles/new")
	p.check(t)
	form := url.Values{
		"form_token": {p.field(t, "form_token")}, "name": {"devices"}, "displayName": {"All " + hostile}, "sources": {"some"}, "subscription": {"alpha"}, "access": {"token"},
	}
	p = b.do(http.MethodPost, "/console/bundles", form)
	p.check(t)
	if p.StatusCode != http.StatusOK || !strings.Contains(p.body, string(root)) || !strings.Contains(p.body, ">Published<") || !strings.Contains(p.body, `href="/console/subscriptions/alpha"`) {
		t.Fatalf("the new bundle: %s\n%s", p.Status, p.body)
	}
	path := p.Request.URL.Path
	edit := b.get(path + "/edit")
	edit.check(t)
	if !regexp.MustCompile(`value="alpha" checked`).MatchString(edit.body) || regexp.MustCompile(`value="beta" checked`).MatchString(edit.body) {
		t.Errorf("what is chosen:\n%s", edit.body)
	}
	change := url.Values{"form_token": form["form_token"], "edits": {edit.field(t, "edits")}, "sources": {"all"}, "access": {"public"}, "intermediates": {"1"}}
	changed := b.do(http.MethodPost, path+"/edit", change)
	if !strings.Contains(changed.body, "all subscriptions of the tenant") || !strings.Contains(changed.body, "everybody") || strings.Contains(changed.body, "All &#34;") {
		t.Errorf("after the change:\n%s", changed.body)
	}
	late := b.do(http.MethodPost, path+"/edit", change)
	if late.check(t); late.StatusCode != http.StatusConflict || !strings.Contains(late.body, "Somebody has changed this") {
		t.Errorf("a form that is out of date: %s\n%s", late.Status, late.body)
	}
	asked := b.get(path + "/delete")
	asked.check(t)
	if !strings.Contains(asked.body, "Its last version, 1, was fetched 0 times.") {
		t.Errorf("the question:\n%s", asked.body)
	}
	if old := b.do(http.MethodPost, path+"/delete", url.Values{"form_token": form["form_token"], "edits": {"1"}}); old.StatusCode != http.StatusConflict {
		t.Errorf("deleted from an old page: %s", old.Status)
	}
	if gone := b.do(http.MethodPost, path+"/delete", url.Values{"form_token": form["form_token"], "edits": {asked.field(t, "edits")}}); gone.Request.URL.Path != "/console/bundles" || !strings.Contains(gone.body, "There is none yet") {
		t.Errorf("after the deletion: %s\n%s", gone.Request.URL, gone.body)
	}
	if trail := b.get("/console/audit"); !strings.Contains(trail.body, `<td>Delete TrustBundle</td><td><a href="`+path+`">`) {
		t.Errorf("the trail:\n%s", trail.body)
	}
}

// A form with faults comes back with all of them and what was written; nothing
// is saved.
func TestBundleFormRefused(t *testing.T) {
	w := newWorld(t)
	w.publish("taken", pki.BundleToken)
	b := w.browser()
	token := b.enter("admin", tenantA).field(t, "form_token")
	for name, c := range map[string]struct {
		form url.Values
		want string
	}{
		"no name":         {url.Values{}, "name has 1 to 64 characters"},
		"a taken name":    {url.Values{"name": {"taken"}}, "taken"},
		"nothing chosen":  {url.Values{"name": {"x"}, "sources": {"some"}}, "Choose at least one"},
		"both":            {url.Values{"name": {"x"}, "sources": {"all"}, "subscription": {"alpha"}}, "Choose one of the two"},
		"no subscription": {url.Values{"name": {"x"}, "sources": {"some"}, "others": {"nobody"}}, "nobody"},
		"too long":        {url.Values{"name": {"x"}, "description": {strings.Repeat("x", 300)}}, "at most 256 characters"},
	} {
		c.form.Set("form_token", token)
		c.form.Set("displayName", "kept "+hostile)
		p := b.do(http.MethodPost, "/console/bundles", c.form)
		p.check(t)
		if p.StatusCode != http.StatusBadRequest || !strings.Contains(p.body, c.want) || !strings.Contains(p.body, `value="kept `) {
			t.Errorf("%s: %s\n%s", name, p.Status, p.body)
		}
	}
	found, err := w.bundles.List(t.Context(), tenantA, odata.Query{Top: 10})
	must(t, err)
	if len(found.Items) != 1 {
		t.Errorf("%d bundles", len(found.Items))
	}
}

// The page tells what changed from version to version and how often each was
// fetched.
func TestBundleHistory(t *testing.T) {
	w := newWorld(t)
	w.subscribe("alpha")
	bundle := w.publish("devices", pki.BundlePublic)
	b := w.browser()
	b.enter("admin", tenantA)
	none := b.get(pathOf(bundle))
	none.check(t)
	if !strings.Contains(none.body, "Nothing published yet") || !strings.Contains(none.body, "has a trusted root") || strings.Contains(none.body, "Download") {
		t.Errorf("before the first root:\n%s", none.body)
	}
	if p := b.get(pathOf(bundle) + "/file/pem"); p.StatusCode != http.StatusConflict {
		t.Errorf("a file of nothing: %s", p.Status)
	}
	var roots []pki.ID
	for range 12 {
		roots = append(roots, w.trustRoot("alpha"))
		var err error
		bundle, err = w.bundles.Get(t.Context(), tenantA, bundle.ID)
		must(t, err)
		w.move(time.Minute)
	}
	must(t, w.bundles.Fetched(t.Context(), []pki.BundleFetches{{Tenant: tenantA, Key: bundle.Key, Version: 12, Count: 4711, Last: odata.FromTime(w.Now())}}))
	p := b.get(pathOf(bundle))
	p.check(t)
	if !strings.Contains(p.body, "SHA-256 "+string(roots[11])) || !strings.Contains(p.body, "<td>4711 times</td>") || strings.Contains(p.body, "The first version.") {
		t.Errorf("the last versions:\n%s", p.body)
	}
	older := b.get(pathOf(bundle) + "?before=3")
	if !strings.Contains(older.body, "The first version.") || !strings.Contains(older.body, "Last versions") || !strings.Contains(older.body, "Root added: CN=") {
		t.Errorf("the first versions:\n%s", older.body)
	}
	if bad := b.get(pathOf(bundle) + "?before=x"); bad.StatusCode != http.StatusNotFound {
		t.Errorf("no version: %s", bad.Status)
	}
}

// Each format is downloaded with the bytes that are published, by a person who
// is signed in, where a token is needed as well.
func TestBundleFiles(t *testing.T) {
	w := newWorld(t)
	w.subscribe("alpha")
	root := w.trustRoot("alpha")
	bundle := w.publish("devices", pki.BundleToken)
	b, other := w.browser(), w.browser()
	b.enter("reader", tenantA)
	other.enter("other", tenantB)
	content, err := w.bundles.Content(t.Context(), bundle, bundle.Version)
	must(t, err)
	for _, f := range trust.Formats() {
		p := b.get(pathOf(bundle) + "/file/" + f.Ext)
		if f.Signed {
			if p.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %s", f.Ext, p.Status)
			}
			continue
		}
		if p.StatusCode != http.StatusOK || p.Header.Get("Content-Type") != f.MediaType || p.Header.Get("Content-Disposition") != `attachment; filename="devices.`+f.Ext+`"` {
			t.Errorf("%s: %s %v", f.Ext, p.Status, p.Header)
		}
		want, err := f.Write(trust.Bundle{
			Tenant: tenantA, Name: "devices", Version: content.Version, Changed: content.Published.Time(), Roots: content.Roots, Intermediates: content.Intermediates,
		}, trust.Options{})
		must(t, err)
		if !bytes.Equal(want, []byte(p.body)) {
			t.Errorf("%s has other bytes than are published", f.Ext)
		}
	}
	block, _ := pem.Decode([]byte(b.get(pathOf(bundle) + "/file/pem").body))
	if got, err := x509.ParseCertificate(block.Bytes); err != nil || pki.Thumbprint(got.Raw) != string(root) {
		t.Errorf("the root: %v", err)
	}
	w.trustRoot("alpha")
	if p := b.get(pathOf(bundle) + "/file/cer"); p.StatusCode != http.StatusConflict || !strings.Contains(p.body, "cannot be written as cer") {
		t.Errorf("two roots as one: %s\n%s", p.Status, p.body)
	}
	for _, path := range []string{"", "/file/pem"} {
		if p := other.get(pathOf(bundle) + path); p.StatusCode != http.StatusNotFound {
			t.Errorf("another tenant, %q: %s", path, p.Status)
		}
	}
}

// Each guide has the address of the bundle, and the field Authorization where
// the bundle needs it, and nowhere else.
func TestBundleGuides(t *testing.T) {
	w := newWorld(t)
	w.subscribe("alpha")
	w.trustRoot("alpha")
	b := w.browser()
	b.enter("reader", tenantA)
	for access, name := range map[pki.BundleAccess]string{pki.BundleToken: "inside", pki.BundlePublic: "-rf~.x"} {
		bundle := w.publish(name, access)
		p := b.get(pathOf(bundle))
		p.check(t)
		if strings.Contains(p.body, "/edit") || strings.Contains(p.body, "/delete") {
			t.Errorf("%s: the reader sees forms:\n%s", name, p.body)
		}
		commands := regexp.MustCompile(`(?s)<pre><code>(.*?)</code></pre>`).FindAllString(p.body, -1)
		fetches := 0
		for _, c := range commands {
			if strings.Contains(c, w.origin+"/trust/") {
				fetches++
				if has := strings.Contains(c, "Authorization: Bearer $TOKEN") || strings.Contains(c, "Authorization = &#34;Bearer $env:TOKEN&#34;"); has != (access == pki.BundleToken) {
					t.Errorf("%s: Authorization: %t\n%s", name, has, c)
				}
				if !strings.Contains(c, w.origin+"/trust/"+tenantA+"/"+name+".") || strings.Contains(c, " "+name) {
					t.Errorf("%s:\n%s", name, c)
				}
			}
		}
		if fetches < 11 {
			t.Errorf("%s: %d commands fetch", name, fetches)
		}
	}
}

// Who may read can send no form about a bundle, and other tenants find none.
func TestBundlePermissions(t *testing.T) {
	w := newWorld(t)
	bundle := w.publish("devices", pki.BundleToken)
	reader, other := w.browser(), w.browser()
	may, foreign := reader.enter("reader", tenantA).field(t, "form_token"), other.enter("other", tenantB).field(t, "form_token")
	for _, path := range []string{"/console/bundles", pathOf(bundle) + "/edit", pathOf(bundle) + "/delete"} {
		if p := reader.do(http.MethodPost, path, url.Values{"form_token": {may}, "name": {"x"}}); p.StatusCode != http.StatusForbidden {
			t.Errorf("reader %s: %s", path, p.Status)
		}
		if p := other.do(http.MethodPost, path, url.Values{"form_token": {foreign}, "name": {"x"}}); path != "/console/bundles" && p.StatusCode != http.StatusNotFound {
			t.Errorf("another tenant %s: %s", path, p.Status)
		}
	}
	if _, err := w.bundles.Get(t.Context(), tenantA, bundle.ID); err != nil {
		t.Error(err)
	}
}

// A bundle that is not published as its sources are needs a person.
func TestKeptBundle(t *testing.T) {
	w := newWorld(t)
	w.subscribe("alpha")
	w.trustRoot("alpha")
	bundle := w.publish("devices", pki.BundleToken)
	must(t, w.service.Delete(t.Context(), tenantA, pki.Actor{Name: "setup"}, "alpha", nil))
	_, err := w.bundles.Tend(t.Context(), 1)
	must(t, err)
	b := w.browser()
	home := b.enter("reader", tenantA)
	if !strings.Contains(home.body, `<a href="`+pathOf(bundle)+`">devices</a>: The bundle cannot be published anew.`) {
		t.Errorf("the overview:\n%s", home.body)
	}
	for _, path := range []string{pathOf(bundle), "/console/bundles"} {
		p := b.get(path)
		p.check(t)
		if !strings.Contains(p.body, "Last version kept") || !strings.Contains(p.body, "The last version stays published.") {
			t.Errorf("%s:\n%s", path, p.body)
		}
	}
}

// With a signer there are the files that are nothing without one, and those
// that can be signed are.
func TestBundleSigned(t *testing.T) {
	w := newWorld(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "signer"}, NotBefore: w.Now(), NotAfter: w.Now().AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	o := w.options
	o.Signer = &trust.Signer{Key: key, Chain: []*x509.Certificate{cert}}
	w.console, err = web.New(o)
	must(t, err)
	w.subscribe("alpha")
	w.trustRoot("alpha")
	bundle := w.publish("devices", pki.BundleToken)
	b := w.browser()
	b.enter("reader", tenantA)
	if p := b.get(pathOf(bundle)); !strings.Contains(p.body, "/file/manifest.jws") {
		t.Errorf("no signed manifest:\n%s", p.body)
	}
	if p := b.get(pathOf(bundle) + "/file/manifest.jws"); strings.Count(p.body, ".") != 2 {
		t.Errorf("the signed manifest: %s\n%s", p.Status, p.body)
	}
	if p := b.get(pathOf(bundle) + "/file/mobileconfig"); !strings.HasPrefix(p.body, "\x30") {
		t.Errorf("the profile is not signed: %s\n%.80q", p.Status, p.body)
	}
}
