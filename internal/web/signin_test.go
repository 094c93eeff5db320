package web_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/web"
)

func selfSigned(t *testing.T, name string, now time.Time) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(9, 0, 0), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	return der
}

// A person who has not signed in is sent to the issuer and back to the page
// that was asked for; signing out ends both sessions.
func TestSignInAndOut(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	if p := b.get("/"); p.Request.URL.Path != "/console/signin" || !strings.Contains(p.body, `name="tenant"`) {
		t.Fatalf("at first: %s %s", p.Request.URL, p.body)
	}
	home := b.signIn("admin", tenantA)
	if home.StatusCode != http.StatusOK || home.Request.URL.Path != "/" || !strings.Contains(home.body, "<h1>Overview</h1>") {
		t.Fatalf("after the sign-in: %s %s\n%s", home.Status, home.Request.URL, home.body)
	}
	out := b.do(http.MethodPost, "/console/signout", url.Values{"form_token": {home.field(t, "form_token")}})
	if out.Request.URL.Path != web.SignedOutPath || !strings.Contains(out.body, "You have signed out.") {
		t.Errorf("after the sign-out: %s\n%s", out.Request.URL, out.body)
	}
	if again := b.get("/console/signin?tenant=" + tenantA); !strings.Contains(again.body, `name="password"`) {
		t.Errorf("the issuer still knows the person: %s", again.Request.URL)
	}
}

// A session ends after an hour, and is renewed without a word while the issuer
// knows the person.
func TestSessionEnds(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	token := b.signIn("admin", tenantA).field(t, "form_token")
	w.move(time.Hour)
	if p := b.do(http.MethodPost, "/console/signout", url.Values{"form_token": {token}}); p.StatusCode != http.StatusUnauthorized {
		t.Errorf("a form after the end: %s", p.Status)
	}
	if p := b.get("/console/signin?tenant=" + tenantA); p.Request.URL.Path != "/" || p.StatusCode != http.StatusOK {
		t.Errorf("renewal: %s %s", p.Status, p.Request.URL)
	}
}

// The cookie is for this origin alone and out of reach of scripts, and opens
// only as it was sealed.
func TestSessionCookie(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	var set []*http.Cookie
	b.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		set = append(set, r.Response.Cookies()...)
		return nil
	}
	b.signIn("admin", tenantA)
	seen := 0
	for _, c := range set {
		if !strings.HasPrefix(c.Name, "__Host-cloudpki-console") {
			continue
		}
		seen++
		if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge > 3600 || c.MaxAge == 0 {
			t.Errorf("cookie %v", c)
		}
		if c.Name != "__Host-cloudpki-console" {
			continue
		}
		torn := w.browser()
		if p := torn.do(http.MethodGet, "/", nil, "Cookie", c.Name+"="+c.Value[:len(c.Value)-2]+"AA"); p.Request.URL.Path != "/console/signin" {
			t.Errorf("a forged session opens %s", p.Request.URL)
		}
	}
	if seen < 3 {
		t.Errorf("%d cookies, want those of the attempt, its end and the session", seen)
	}
}

// An answer of the issuer that belongs to no attempt of this browser is of no
// use, nor is one from another issuer, nor the same one twice.
func TestStaleSignIn(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	var callback string
	b.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/console/signin/callback" {
			callback = r.URL.String()
		}
		return nil
	}
	b.signIn("admin", tenantA)
	for name, p := range map[string]page{
		"another browser": w.browser().get(callback),
		"the second time": b.get(callback),
		"no attempt":      w.browser().get("/console/signin/callback?state=&code=x"),
	} {
		if p.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", name, p.Status)
		}
	}
	other := w.browser()
	other.get("/console/signin?tenant=" + tenantA)
	if p := other.get("/console/signin/callback?state=guessed&code=x"); p.StatusCode != http.StatusBadRequest {
		t.Errorf("another state: %s", p.Status)
	}
}

// Nobody is led away from the console by a link to its sign-in.
func TestReturn(t *testing.T) {
	w := newWorld(t)
	for asked, want := range map[string]string{
		"/?page=2": "/?page=2", "https://evil.example": "/", "//evil.example": "/", `/\evil.example`: "/", "/%5cevil": "/%5cevil", "javascript:alert(1)": "/", "": "/",
	} {
		p := w.browser().get("/console/signin?return=" + url.QueryEscape(asked))
		if got := p.field(t, "return"); got != want {
			t.Errorf("return=%q leads to %q, want %q", asked, got, want)
		}
	}
}

// A one-time link signs in once, by its form, within ten minutes.
func TestLink(t *testing.T) {
	w := newWorld(t)
	p := auth.Principal{Tenant: tenantA, Client: "console", Subject: "admin", Name: "Ada", Scopes: []string{auth.ScopeReadWrite}}
	link := w.console.NewLink(p)
	for range 2 { // looking at it does not use it up
		if got := w.browser().get(link); got.StatusCode != http.StatusOK || !strings.Contains(got.body, "Sign in as Ada") {
			t.Fatalf("%s %s", got.Status, got.body)
		}
	}
	if got := w.browser().do(http.MethodPost, link, url.Values{}, "Sec-Fetch-Site", "cross-site"); got.StatusCode != http.StatusForbidden {
		t.Errorf("from another site: %s", got.Status)
	}
	if got := w.browser().do(http.MethodPost, link, url.Values{}); got.StatusCode != http.StatusOK || !strings.Contains(got.body, "<h1>Overview</h1>") {
		t.Errorf("used: %s %s", got.Status, got.body)
	}
	if got := w.browser().do(http.MethodPost, link, url.Values{}); got.StatusCode != http.StatusGone {
		t.Errorf("used twice: %s", got.Status)
	}
	late := w.console.NewLink(p)
	w.move(10 * time.Minute)
	if got := w.browser().do(http.MethodPost, late, url.Values{}); got.StatusCode != http.StatusGone {
		t.Errorf("after ten minutes: %s", got.Status)
	}
	if got := w.browser().get("/console/signin/link/guessed"); got.StatusCode != http.StatusGone {
		t.Errorf("guessed: %s", got.Status)
	}
}

// A form that the session was not shown does nothing.
func TestForeignForms(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	token := b.signIn("admin", tenantA).field(t, "form_token")
	for name, c := range map[string]struct {
		form   url.Values
		header []string
	}{
		"without token":       {url.Values{}, nil},
		"with a wrong token":  {url.Values{"form_token": {"x"}}, nil},
		"from another site":   {url.Values{"form_token": {token}}, []string{"Sec-Fetch-Site", "cross-site"}},
		"from another origin": {url.Values{"form_token": {token}}, []string{"Origin", "https://evil.example"}},
	} {
		if p := b.do(http.MethodPost, "/console/signout", c.form, c.header...); p.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s", name, p.Status)
		}
	}
	if p := b.get("/"); p.Request.URL.Path != "/" {
		t.Error("signed out by a foreign form")
	}
}
