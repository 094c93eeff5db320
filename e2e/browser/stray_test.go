package browser

import (
	"fmt"
	"strings"
)

// goesAstray asks for what is not there, and sends forms that are not good.
func (w *world) goesAstray(p *tab) {
	for _, c := range []struct{ address, title string }{
		{"/console/nowhere", "Not found"},
		{"/console/subscriptions/nobody", "Not found"},
		{"/console/subscriptions/" + w.phones + "/certificates?status=none", "Nothing was looked for"},
		{"/console/signin/link/used", "The link is not good any more"},
		{"/console/signin/callback?state=none", "Signing in took too long"},
	} {
		p.open(c.address)
		p.await("//h1[.='" + c.title + "']")
		p.await("//p[@role='alert']")
		w.judge(p)
		p.reach("main p a") // a way out
	}
	for _, c := range []struct{ field, value, title string }{
		{"[name=form_token]", "of another session", "Nothing was changed"},
		{"[name=thumbprint]", "", "Nothing was changed"},
		{"[name=decision]", "neither", "Nothing was changed"},
		{"[name=thumbprint]", "none", "That was not possible"},
		{"[name=thumbprint]", strings.Repeat("0", 64), "Not found"},
	} {
		p.open("/console/subscriptions/" + w.phones)
		ask[any](p, fmt.Sprintf("document.querySelector(`form[action$='/trust'] %s`).value = %q", c.field, c.value))
		p.follow("button[name=decision]")
		p.await("//h1[.='" + c.title + "']")
		w.judge(p)
	}
	w.isSignedOutMeanwhile(p)
}

// isSignedOutMeanwhile sends a form when the session has ended.
func (w *world) isSignedOutMeanwhile(p *tab) {
	other := w.another(p)
	other.open("/console/subscriptions/" + w.phones)
	other.signIn(admin, w.Password)
	other.await("//button[@value='approve']")
	other.forgetCookies()
	other.follow("button[value=reject]")
	other.await("//h1[.='You are signed out']")
	w.judge(other)
	other.follow("main a")
	other.await("//h1[.='Sign in']")
}
