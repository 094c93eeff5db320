package browser

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// searchesAsOneTypes searches an inventory without a button: the rows are
// replaced, the address follows, the focus stays, and the way back works.
func (w *world) searchesAsOneTypes(t *testing.T) {
	p := w.tab(t)
	p.open("/console/subscriptions/" + w.phones + "/certificates")
	p.await("//*[@id='results']//tbody/tr")
	p.write("#search", "x")
	p.press(kb.Backspace)
	ask[any](p, "document.body.dataset.same = 'page'")
	p.press("nobody has this name")
	p.await("//p[@role='status' and .='No certificate.']")
	if same := ask[string](p, "document.body.dataset.same + ' ' + document.activeElement.id + ' ' + location.search"); same != "page search ?search=nobody+has+this+name&status=" {
		t.Errorf("after typing: %q", same)
	}
	p.takesNoTextForCode()
	p.do(chromedp.NavigateBack())
	p.await("//*[@id='results']//tbody/tr")
	p.follow("#results tbody th a")
	p.await("//h2[@id='validity']")
}

// takesNoTextForCode has the script of the page take a text for code, which the
// page's policy must not let happen, and looks at how the script is set.
func (p *tab) takesNoTextForCode() {
	p.Helper()
	got := ask[string](p, `new Promise(done => setTimeout(() => {
		const b = document.createElement("button");
		b.setAttribute("hx-on:click", "document.body.dataset.ran = 'code'");
		document.body.append(b);
		htmx.process(b);
		b.click();
		setTimeout(() => {
			b.remove();
			done([document.body.dataset.ran ?? "no code", document.adoptedStyleSheets.length ? "a style sheet" : "no style sheet", htmx.config.mode].join(", "));
		}, 100);
	}))`)
	if got != "no code, no style sheet, same-origin" {
		p.Errorf("the script of the page: %s", got)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.complaints) == 0 {
		p.Error("the policy let a text run, or nothing was tried")
	}
	p.complaints = nil // this one was asked for
}
