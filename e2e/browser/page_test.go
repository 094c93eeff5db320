package browser

import (
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// heaviestPage is the most that a page may weigh on the wire, with what it loads.
const heaviestPage = 100_000

// judgesEveryPage goes wherever the links of the console lead, so that no page
// is forgotten, and sees to it that none was.
func (w *world) judgesEveryPage(t *testing.T) {
	p := w.tab(t)
	p.withoutCache()
	sub := "/console/subscriptions/"
	toVisit := []string{
		"/", "/?page=9", sub + w.printer, sub + w.phones, sub + w.laptops, sub + w.laptops + "/certificates", sub + w.phones + "/certificates?search=nobody",
		"/console/signin?tenant=nobody", "/console/signedout", "/docs/console", "/docs/performance",
	}
	given := len(toVisit) // visited whatever they look like
	met, routes := map[string]bool{}, readRoutes(t)
	for i := 0; i < len(toVisit); i++ {
		kind := kindOf(t, routes, toVisit[i])
		if met[kind] && i >= given {
			continue
		}
		met[kind] = true
		p.open(toVisit[i])
		w.judge(p)
		p.goesThrough()
		if strings.HasPrefix(toVisit[i], "/docs/") {
			continue // the manual leads through itself
		}
		for _, link := range ask[[]string](p, "[...document.querySelectorAll('a[href]:not([download]), form[method=get]')].map(e => e.href ?? e.action)") {
			address := strings.TrimPrefix(link, w.Authority)
			if !isFile(address) && strings.HasPrefix(address, "/") {
				toVisit = append(toVisit, address)
			}
		}
	}
	w.hasSeenAll(t, routes)
}

// kindOf returns an address without what tells things of one kind apart: its
// route, and which parameters it has.
func kindOf(t *testing.T, routes routes, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	where := routes.of(t, u.Path)
	if where == "" {
		where = path.Dir(u.Path) // pages of the manual are made alike
	}
	return fmt.Sprint(where, slices.Sorted(maps.Keys(u.Query())))
}

// isFile reports whether an address is of something to save.
func isFile(address string) bool {
	where, _, _ := strings.Cut(address, "?")
	return path.Ext(where) != ""
}

// goesThrough presses the tabulator through the page on a small screen: it
// comes to all there is to press and to fill, and the focus can be seen.
func (p *tab) goesThrough() {
	p.Helper()
	p.show(360, "light")
	defer p.show(1280, "light")
	const controls = `[...document.querySelectorAll('a[href], button, input:not([type=hidden], [type=radio]:not(:checked)), select, textarea, summary, [tabindex="0"]')].filter(e => e.checkVisibility())`
	ask[any](p, "document.activeElement.blur(); getSelection().removeAllRanges(); true")
	for range ask[int](p, controls+".length") {
		p.press(kb.Tab)
		p.seesFocus("*")
		ask[any](p, "document.activeElement.dataset.reached = true")
	}
	for _, missed := range ask[[]string](p, controls+".filter(e => !e.dataset.reached).map(e => e.outerHTML)") {
		p.Errorf("%s: the tabulator does not reach %s", p.at(), missed)
	}
}

// violations are what axe-core finds in the page.
const violations = `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
	.then(r => r.violations.map(v => v.id + ": " + v.nodes.map(n => n.html + " " + n.failureSummary).join("\n")).join("\n"))`

// judge fails where axe-core finds a violation in the page of a tab, in either
// theme, on a small screen or a wide one, where the page is wider than the
// window (WCAG 2.2, 1.4.10), and where it is too heavy. axe-core needs scripts:
// where there are none, the page is that of another run.
func (w *world) judge(p *tab) {
	p.Helper()
	if p.scriptless {
		return
	}
	defer p.show(1280, "light")
	at := p.at()
	if weight := ask[int](p, "performance.getEntries().reduce((sum, e) => sum + (e.initiatorType !== 'img' && e.transferSize || 0), 0)"); weight > heaviestPage {
		p.Errorf("%s: %d bytes on the wire, of at most %d", at, weight, heaviestPage)
	}
	ask[any](p, w.axe+"; true")
	for _, theme := range []string{"light", "dark"} {
		for _, width := range []int64{360, 1440} {
			p.show(width, theme)
			found := ask[string](p, violations)
			if found != "" {
				p.Errorf("%s, %s, at %d pixels:\n%s", at, theme, width, found)
			}
			if wide := ask[int64](p, "document.documentElement.scrollWidth"); wide > width {
				p.Errorf("%s is %d pixels wide in a window of %d", at, wide, width)
			}
		}
	}
	where, _, _ := strings.Cut(at, "?")
	w.mu.Lock()
	defer w.mu.Unlock()
	w.judged[where] = true
}
