package browser

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// newLogin writes a client certificate of a CA as PKCS#12.
func newLogin(t *testing.T, to ca) (file, password string) {
	t.Helper()
	pfx, password, err := to.IssueRA("browser", 365*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "client.p12")
	if err := os.WriteFile(file, pfx, 0o600); err != nil {
		t.Fatal(err)
	}
	return file, password
}

// manages replaces the credentials of a subscription, changes its name, and
// deletes it.
func (w *world) manages(p *tab) {
	to := w.startCA(p.T)
	id := w.subscribe(p.T, to, "Scales, Graz")
	p.open("/console/subscriptions/" + id)
	p.follow("a[href$='/credentials']:not([href^='/docs'])")
	p.await("//h1[contains(., 'New credentials')]")
	w.judge(p)
	file, password := newLogin(p.T, to)
	p.choose("[name=authenticationCertificate]", file)
	p.write("[name=authenticationCertificatePassword]", password)
	p.follow("button[value=stage]")
	p.await("//h2[@id='test']/following-sibling::p[contains(., 'can be worked with')]")
	w.judge(p)
	p.follow("button[value=promote]")
	p.await("//h1[.='Scales, Graz']")
	p.await("//dt[.='The previous ones are kept']")
	w.ends(p.T, id, "succeeded")
	p.open("/console/subscriptions/" + id)
	p.follow("a[href$='/edit']")
	p.await("//h1[contains(., 'Scales, Graz')]")
	w.judge(p)
	p.write("[name=description]", "in the shops")
	p.follow("main form button")
	p.await("//main[contains(., 'in the shops')]")
	p.follow("a[href$='/delete']")
	p.await("//h1[contains(., 'Scales, Graz')]")
	w.judge(p)
	p.follow("main form button")
	p.await("//h1[.='Overview']")
	p.open("/console/subscriptions/" + id)
	p.await("//h1[.='Not found']")
}
