package browser

import (
	"testing"

	"github.com/chromedp/chromedp/kb"

	"cloudpki/e2e/program"
)

// oneTimeLink signs in by the link that `cloudpki dev` prints, which is good
// once. The program and its first sync leave the data of the other scenarios.
func (w *world) oneTimeLink(t *testing.T) {
	w.Connection = program.Dev(t, w.program, w.data, "")
	p := w.stranger(t)
	p.open(w.Link)
	p.await("//p[contains(., 'signs you in as')]")
	w.judge(p)
	p.follow("main button")
	p.await("//h1[.='Overview']")
	again := w.stranger(t)
	again.open(w.Link)
	again.await("//h1[.='The link is not good any more']")
	w.judge(again)
	again.follow("a.button")
	again.signIn(w.User, w.Password)
	again.await("//h1[.='Overview']")
}

// signsIn mistakes the password, comes to the page that was asked for, and
// leaves.
func (w *world) signsIn(p *tab) {
	fresh := w.another(p)
	fresh.open("/console/audit")
	fresh.signIn(w.User, "wrong")
	fresh.await("//p[@role='alert']")
	fresh.write("#password", w.Password) // which has the focus
	fresh.press(kb.Enter)
	fresh.await("//h1[.='Audit trail']")
	fresh.follow(".who button")
	fresh.await("//p[@role='status' and .='You have signed out.']")
	fresh.open("/")
	fresh.await("//h1[.='Sign in']")
}

// onlyReads sees everything, and no form that changes something.
func (w *world) onlyReads(p *tab) {
	other := w.another(p)
	other.open("/console/subscriptions/" + w.phones)
	other.signIn(reader, w.Password)
	other.await("//p[.='Who may write can approve or reject it.']")
	if forms := ask[int](other, "document.querySelectorAll('main form[method=post]').length"); forms != 0 {
		p.Errorf("%d forms for who may not send them", forms)
	}
	w.judge(other)
}
