package browser

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A tab is a page in front of a person who has a keyboard and no mouse. What
// the browser complains of, a violated policy above all, fails the test.
type tab struct {
	*testing.T
	ctx        context.Context
	origin     string
	downloads  string // folder
	given      func(address string, page bool)
	scriptless bool

	mu         sync.Mutex
	complaints []string
}

// tab opens a tab for the admin, who has signed in.
func (w *world) tab(t *testing.T) *tab {
	t.Helper()
	return w.newTab(t)
}

// stranger opens a tab of a browser that nobody has used.
func (w *world) stranger(t *testing.T) *tab {
	t.Helper()
	return w.newTab(t, chromedp.WithNewBrowserContext())
}

// another opens a tab of a browser that nobody has used, with scripts as in p.
func (w *world) another(p *tab) *tab {
	p.Helper()
	fresh := w.stranger(p.T)
	if p.scriptless {
		fresh.withoutScripts()
	}
	return fresh
}

func (w *world) newTab(t *testing.T, options ...chromedp.ContextOption) *tab {
	t.Helper()
	ctx, stop := chromedp.NewContext(w.browser, options...)
	t.Cleanup(stop)
	p := &tab{T: t, ctx: ctx, origin: w.Authority, downloads: w.downloads, given: w.note}
	t.Cleanup(p.noComplaints)
	err := chromedp.Listen(ctx, func(event any) {
		p.hear(event)
		if e, ok := event.(*network.EventResponseReceived); ok {
			p.given(e.Response.URL, e.Type == network.ResourceTypeDocument && e.Response.MimeType == "text/html")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	p.show(1280, "light")
	p.call(func(ctx context.Context, target *chromedp.Target) error { // else one tab at a time has the keyboard
		_, err := cdp.Call(ctx, target, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
		return err
	})
	return p
}

// note keeps what the browser was given: a page, or a file or a part of a page.
func (w *world) note(address string, page bool) {
	u, err := url.Parse(address)
	if err != nil || !strings.HasPrefix(address, w.Authority) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shown[u.Path] = w.shown[u.Path] || page
}

// hear keeps what the browser writes into its console.
func (p *tab) hear(event any) {
	text := ""
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level != log.EntryLevelVerbose { // a hint
			text = fmt.Sprintf("%s: %s (%s)", e.Entry.Level, e.Entry.Text, e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		text = e.ExceptionDetails.Text
	case *runtime.EventConsoleAPICalled:
		text = fmt.Sprintf("console.%s", e.Type)
	}
	refusal := strings.Contains(text, "the server responded with a status of 4") // the page says so
	if text == "" || refusal {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.complaints = append(p.complaints, text)
}

func (p *tab) noComplaints() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, text := range p.complaints {
		p.Errorf("the browser complains: %s", text)
	}
}

// do carries steps out, in the time that there is for them.
func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	ctx, stop := context.WithTimeout(p.ctx, patience)
	defer stop()
	if err := chromedp.Do(ctx, steps...); err != nil {
		shown, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string]("location.href + '\\n' + document.body.innerText"))
		p.Fatalf("%v\n%s", err, shown)
	}
}

// ask returns what an expression is in the page.
func ask[T any](p *tab, expression string) T {
	p.Helper()
	ctx, stop := context.WithTimeout(p.ctx, patience)
	defer stop()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.Fatalf("%.200s: %v", expression, err)
	}
	return v
}

// open goes to an address, below the origin or whole.
func (p *tab) open(address string) {
	p.Helper()
	p.do(chromedp.Navigate(p.whole(address)))
}

func (p *tab) whole(address string) string {
	if strings.HasPrefix(address, "/") {
		return p.origin + address
	}
	return address
}

// await waits until something can be seen, by its XPath.
func (p *tab) await(path string) {
	p.Helper()
	p.do(chromedp.WaitVisible(path))
}

// at returns the address of the page, without the origin.
func (p *tab) at() string {
	p.Helper()
	return strings.TrimPrefix(ask[string](p, "location.href"), p.origin)
}

// press types text, or presses a key.
func (p *tab) press(keys ...string) {
	p.Helper()
	for _, k := range keys {
		p.do(chromedp.KeyEvent(k))
	}
}

// focused is "yes" where the focus is on what a selector names, and says what
// is wrong with a focus that cannot be seen (WCAG 2.2, 2.4.7 and 2.4.11).
const focused = `(selector => {
	const e = document.activeElement
	if (!e || e === document.body) return "nowhere"
	const style = getComputedStyle(e), box = e.getBoundingClientRect()
	const ring = style.outlineStyle === "auto" || style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2
	const seen = ring &&
		box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth
	if (!seen) return "unseen: " + e.outerHTML
	return e.matches(selector) ? "yes" : "elsewhere"
})(%q)`

// seesFocus reports whether the focus is on what a CSS selector names, and
// fails where it cannot be seen.
func (p *tab) seesFocus(selector string) bool {
	p.Helper()
	at := ask[string](p, fmt.Sprintf(focused, selector))
	if strings.HasPrefix(at, "unseen") {
		p.Errorf("%s: the focus cannot be seen on %s", p.at(), at)
	}
	return at == "yes"
}

// reach presses the tabulator until the focus is on what a selector names.
func (p *tab) reach(selector string) {
	p.Helper()
	const most = 200
	for range most {
		if p.seesFocus(selector) {
			return
		}
		p.press(kb.Tab)
	}
	p.Fatalf("%s: the tabulator does not reach %s\n%s", p.at(), selector, ask[string](p, "document.body.innerText"))
}

// follow reaches a link or a button and presses it.
func (p *tab) follow(selector string) {
	p.Helper()
	p.reach(selector)
	p.press(kb.Enter)
}

// write reaches a field and writes into it.
func (p *tab) write(selector, text string) {
	p.Helper()
	p.reach(selector)
	p.press(text)
}

// signIn fills the page of the issuer, whose first field has the focus.
func (p *tab) signIn(name, password string) {
	p.Helper()
	p.await("//h1[.='Sign in']")
	p.write("#username", name)
	p.write("#password", password)
	p.press(kb.Enter)
}

// withoutScripts forbids pages to run scripts.
func (p *tab) withoutScripts() {
	p.Helper()
	p.scriptless = true
	p.call(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	})
}

// withoutCache has the tab load all that a page needs each time.
func (p *tab) withoutCache() {
	p.Helper()
	p.call(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true})
		return err
	})
}

// forgetCookies signs out here and at the issuer, without a word to either.
func (p *tab) forgetCookies() {
	p.Helper()
	p.call(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, network.ClearBrowserCookies, cdp.Empty{})
		return err
	})
}

// show sets the width of the window and the theme that its owner prefers.
func (p *tab) show(width int64, theme string) {
	p.Helper()
	const height = 900
	p.do(chromedp.EmulateViewport(width, height))
	p.call(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}},
		})
		return err
	})
}

func (p *tab) call(f func(context.Context, *chromedp.Target) error) {
	p.Helper()
	p.do(chromedp.Func(f))
}
