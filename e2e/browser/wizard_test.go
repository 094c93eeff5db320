package browser

import (
	"context"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// subscribes makes a subscription by the form: with a password that is not that
// of its file, then with the right one, and sees the first sync end.
func (w *world) subscribes(p *tab) {
	to := w.startCA(p.T)
	file, password := newLogin(p.T, to)
	p.open("/")
	p.follow("a[href='/console/subscriptions/new']")
	p.await("//h1[.='New subscription']")
	p.follow("main a[href$='?provider=symantec']")
	p.write("[name=displayName]", "Tills, Ghent")
	p.write("[name=serviceUri]", to.address)
	p.reach("[name=serverCertificateAuthorities]")
	p.paste(string(to.ServerCAs()))
	p.choose("[name=authenticationCertificate]", file)
	p.write("[name=authenticationCertificatePassword]", "wrong")
	p.follow("button[value=save]")
	p.await("//*[@role='alert' and contains(., 'Nothing was saved')]")
	p.hasFocus("problems")
	w.judge(p)
	p.choose("[name=authenticationCertificate]", file)
	p.write("[name=authenticationCertificatePassword]", password)
	p.follow("button[value=test]")
	p.await("//h2[@id='test']/following-sibling::p[contains(., 'can be worked with')]")
	p.hasFocus("test")
	w.judge(p)
	p.choose("[name=authenticationCertificate]", file)
	p.write("[name=authenticationCertificatePassword]", password)
	p.follow("button[value=save]")
	p.await("//tr[td='new subscription' and td/span='Succeeded']")
}

// hasFocus fails where the focus is not on the element of an id.
func (p *tab) hasFocus(id string) {
	p.Helper()
	if got := ask[string](p, "document.activeElement.id"); got != id {
		p.Errorf("%s: the focus is on %q, want %q", p.at(), got, id)
	}
}

// paste puts a text where the focus is.
func (p *tab) paste(text string) {
	p.Helper()
	p.call(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, input.InsertText, input.InsertTextParams{Text: text})
		return err
	})
}

// choose reaches the field of a file and chooses one.
func (p *tab) choose(selector, file string) {
	p.Helper()
	p.reach(selector)
	p.do(chromedp.SetUploadFiles(chromedp.CSS(selector), []string{file}))
}
