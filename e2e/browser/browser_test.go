// Package browser drives the console in Chromium as a person does, by the
// keyboard alone, and holds each page against the rules of axe-core in both
// themes, small and wide.
package browser

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"cloudpki/e2e/program"
)

// newPath is where subscriptions are made.
const newPath = "/console/subscriptions/new"

// patience bounds the whole run: a page that never comes must not hang it.
const patience = 2 * time.Minute

// TestConsole signs in, has a sync run and watches it to its end, follows the
// remedy of one that fails, looks at every page, and approves a root.
func TestConsole(t *testing.T) {
	axe := axeCore(t)
	c := program.Dev(t, program.Build(t, "../.."), t.TempDir(), "")
	ctx := browse(t)
	must := func(steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			shown, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("location.href + '\\n' + document.body.innerText"))
			t.Fatalf("%v\n%s", err, shown)
		}
	}
	name, password := person(t, c)
	must(
		chromedp.Navigate(c.Authority+"/"),
		chromedp.WaitVisible(chromedp.CSS("#username")), // which has the focus
		chromedp.KeyEvent(name), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(password), chromedp.KeyEvent(kb.Enter),
		chromedp.WaitVisible(chromedp.CSS("#subscriptions")),
		chromedp.Focus(chromedp.CSS("tbody th a")), chromedp.KeyEvent(kb.Enter),
		chromedp.WaitVisible(chromedp.CSS("form[action$='/sync'] button")),
	)
	subscription := location(ctx, t)
	must(
		chromedp.Focus(chromedp.CSS("form[action$='/sync'] button")), chromedp.KeyEvent(kb.Enter),
		chromedp.WaitVisible("//tr[td='asked for' and td/span='Succeeded']"), // the page looks again by itself
	)
	broken := c.Authority + "/console/subscriptions/broken"
	c.Login(t).Must(t, "POST", "/cloudPkiSubscriptions", []byte(`{"id":"broken","displayName":"Broken","cloudPkiProvider":"symantec","serviceUri":"https://127.0.0.1:1/"}`), 201)
	must(
		chromedp.Navigate(broken+"?watch=1"),
		chromedp.WaitVisible(chromedp.CSS("p[role=alert] a")), // the first sync fails before long
		chromedp.Focus(chromedp.CSS("p[role=alert] a")), chromedp.KeyEvent(kb.Enter),
		chromedp.WaitVisible("//h2[.='What to do']"),
	)
	id := path.Base(subscription)
	c.Login(t).Must(t, "PATCH", "/cloudPkiSubscriptions/"+id, []byte(`{"trustedRootCertificate":"`+otherRoot(t)+`"}`), 200)
	must(
		chromedp.Navigate(subscription+"?watch=1"),
		chromedp.WaitVisible(chromedp.CSS("button[value=approve]")), // the CA goes on offering the root that has retired by it
	)
	for _, address := range []string{
		c.Authority + "/", broken, subscription, subscription + "/certificates", subscription + "/certificates?search=nobody&status=valid",
		subscription + "/edit", subscription + "/delete", subscription + "/credentials",
		c.Authority + newPath, c.Authority + newPath + "?provider=symantec", c.Authority + newPath + "?provider=sectigo",
		c.Authority + "/console/audit", c.Authority + "/console/signin?signed_out=1", c.Authority + "/console/nowhere",
	} {
		for _, theme := range []string{"light", "dark"} {
			for _, width := range []int64{360, 1440} {
				must(chromedp.EmulateViewport(width, 900), inTheme(theme), chromedp.Navigate(address), chromedp.WaitVisible(chromedp.CSS("h1")))
				judge(ctx, t, axe, strings.TrimPrefix(address, c.Authority)+" "+theme, width)
			}
		}
	}
	wizard(ctx, t, axe, c.Authority)
	must(
		chromedp.Navigate(subscription),
		chromedp.Focus(chromedp.CSS("input[name=comment]")), chromedp.KeyEvent("compared by telephone"),
		chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter), // Approve
		chromedp.WaitVisible("//ul[@class='tree']//span[contains(., 'compared by telephone')]"),
		chromedp.Navigate(c.Authority+"/"),
		chromedp.Focus(chromedp.CSS(".who button")), chromedp.KeyEvent(kb.Enter),
		chromedp.WaitVisible("//p[@role='status' and .='You have signed out.']"),
	)
}

// wizard sends the form of a new subscription by the keyboard: at first with
// nothing in it, then with what no server answers to. What went wrong has the
// focus.
func wizard(ctx context.Context, t *testing.T, axe, origin string) {
	t.Helper()
	for _, c := range []struct{ kind, address, result string }{{"symantec", "", "problems"}, {"est", "https://127.0.0.1:1/", "test"}} {
		steps := []chromedp.Action[chromedp.Void]{
			chromedp.Navigate(origin + newPath + "?provider=" + c.kind),
			chromedp.Focus(chromedp.CSS("input[name=serviceUri]")), chromedp.KeyEvent(c.address),
			chromedp.Focus(chromedp.CSS("button[value=test]")), chromedp.KeyEvent(kb.Enter),
			chromedp.WaitVisible(chromedp.CSS("#" + c.result)),
		}
		if err := chromedp.Do(ctx, steps...); err != nil {
			t.Fatalf("%s: %v", c.kind, err)
		}
		focus, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.activeElement.id"))
		if err != nil || focus != c.result {
			t.Errorf("%s: the focus is on %q: %v", c.kind, focus, err)
		}
		for _, theme := range []string{"light", "dark"} {
			for _, width := range []int64{360, 1440} {
				if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 900), inTheme(theme)); err != nil {
					t.Fatal(err)
				}
				judge(ctx, t, axe, "the "+c.result+" of a new subscription, "+theme, width)
			}
		}
	}
}

// judge fails where axe-core finds a violation, or where the page is wider than
// the window (WCAG 2.2, 1.4.10).
func judge(ctx context.Context, t *testing.T, axe, page string, width int64) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](axe)); err != nil {
		t.Fatal(err)
	}
	found, err := chromedp.Run(ctx, chromedp.Evaluate[string](`axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
		.then(r => r.violations.map(v => v.id + ": " + v.nodes.map(n => n.html + " " + n.failureSummary).join("\n")).join("\n"))`, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	if found != "" {
		t.Errorf("%s at %d pixels:\n%s", page, width, found)
	}
	wide, err := chromedp.Run(ctx, chromedp.Evaluate[int64]("document.documentElement.scrollWidth"))
	if err != nil {
		t.Fatal(err)
	}
	if wide > width {
		t.Errorf("%s is %d pixels wide in a window of %d", page, wide, width)
	}
}

// inTheme has the browser prefer a theme.
func inTheme(theme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}},
		})
		return err
	})
}

// browse starts Chromium. It takes any certificate: that of the service is its own.
func browse(t *testing.T) context.Context {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	t.Cleanup(stop)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.Flag("ignore-certificate-errors", true), chromedp.Flag("no-sandbox", true))
	ctx, stop = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	return ctx
}

func location(ctx context.Context, t *testing.T) string {
	t.Helper()
	at, err := chromedp.Run(ctx, chromedp.Location())
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// otherRoot returns a root that is not the CA's, DER in base64.
func otherRoot(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Another root"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(5, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

// person returns who may sign in.
func person(t *testing.T, c program.Connection) (name, password string) {
	t.Helper()
	text, err := os.ReadFile(c.Path)
	if err != nil {
		t.Fatal(err)
	}
	var p struct{ User, Password string }
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	return p.User, p.Password
}

// axeCore returns the program of axe-core, and brings it where make has not
// done so already.
func axeCore(t *testing.T) string {
	t.Helper()
	const file = "node_modules/axe-core/axe.min.js"
	if _, err := os.Stat(file); err != nil {
		if out, err := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error").CombinedOutput(); err != nil {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
