package browser

import (
	"context"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// makeBundle makes a bundle by the keyboard, opens all that it says of the
// platforms, and returns its address.
func makeBundle(ctx context.Context, t *testing.T, origin string) string {
	t.Helper()
	steps(ctx, t,
		chromedp.Navigate(origin+"/console/bundles/new"),
		chromedp.Focus(chromedp.CSS("#name")), chromedp.KeyEvent("devices"), chromedp.KeyEvent(kb.Enter),
		chromedp.WaitVisible(chromedp.CSS("#guides")),
		chromedp.Focus(chromedp.CSS("details summary")), chromedp.KeyEvent(kb.Enter),
		chromedp.WaitVisible(chromedp.CSS("details[open] pre")),
	)
	return location(ctx, t)
}

// searchAsOneTypes searches an inventory without a button: the rows are
// replaced, the address follows, the focus stays and the way back works. It
// returns the address of a certificate.
func searchAsOneTypes(ctx context.Context, t *testing.T, subscription string) string {
	t.Helper()
	inventory := subscription + "/certificates"
	steps(ctx, t,
		chromedp.Navigate(inventory),
		chromedp.WaitVisible(chromedp.CSS("#results tbody tr")),
		chromedp.Evaluate[chromedp.Void]("document.body.dataset.same = 'page'"),
		chromedp.Focus(chromedp.CSS("#search")), chromedp.KeyEvent("nobody has this name"),
		chromedp.WaitVisible("//p[@role='status' and .='No certificate.']"),
	)
	same, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.dataset.same + ' ' + document.activeElement.id + ' ' + location.search"))
	if err != nil || same != "page search ?search=nobody+has+this+name&status=" {
		t.Errorf("after typing: %q, %v", same, err)
	}
	if made := codeFromText(ctx, t); made != "no code, no style sheet, same-origin" {
		t.Errorf("the script of the page: %s", made)
	}
	steps(ctx, t,
		chromedp.NavigateBack(),
		chromedp.WaitVisible(chromedp.CSS("#results tbody tr")),
		chromedp.Focus(chromedp.CSS("#results tbody th a")), chromedp.KeyEvent(kb.Enter),
		chromedp.WaitVisible(chromedp.CSS("#validity")),
	)
	return location(ctx, t)
}

// codeFromText has the script of a page take a text for code, which the page's
// policy must not let happen, and tells how the script is set.
func codeFromText(ctx context.Context, t *testing.T) string {
	t.Helper()
	made, err := chromedp.Run(ctx, chromedp.Evaluate[string](`new Promise(done => setTimeout(() => {
		const b = document.createElement("button");
		b.setAttribute("hx-on:click", "document.body.dataset.ran = 'code'");
		document.body.append(b);
		htmx.process(b);
		b.click();
		setTimeout(() => {
			b.remove();
			done([document.body.dataset.ran ?? "no code", document.adoptedStyleSheets.length ? "a style sheet" : "no style sheet", htmx.config.mode].join(", "));
		}, 100);
	}))`, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// steps are what a person does one after the other.
func steps(ctx context.Context, t *testing.T, list ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, list...); err != nil {
		shown, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("location.href + '\\n' + document.body.innerText"))
		t.Fatalf("%v\n%s", err, shown)
	}
}
