package browser

import (
	"cloudpki/internal/casim"
)

// watchesASync asks for a sync and sees it end, while the page looks again by
// itself.
func (w *world) watchesASync(p *tab) {
	to := w.startCA(p.T)
	id := w.subscribe(p.T, to, "Scanners, Gdansk")
	p.open("/")
	p.follow("a[href$='/subscriptions/" + id + "']")
	p.await("//h1[.='Scanners, Gdansk']")
	p.follow("form[action$='/sync'] button")
	p.await("//tr[td='asked for' and td/span='Succeeded']")
}

// followsARemedy sees why a sync has failed, reads in the manual what to do,
// and has it done.
func (w *world) followsARemedy(p *tab) {
	to := w.startCA(p.T)
	id := w.subscribe(p.T, to, "Scanners, Turin")
	to.misbehave(p.T, "server-expired")
	p.open("/console/subscriptions/" + id)
	p.follow("form[action$='/sync'] button")
	p.await("//p[@role='alert' and contains(., 'What to do')]")
	p.follow("p[role=alert] a")
	p.await("//h2[.='What to do']")
	to.Misbehave(casim.Fault{})
	p.open("/")
	p.follow(".needs a[href$='/subscriptions/" + id + "']")
	p.follow("form[action$='/sync'] button")
	p.await("//tr[td='asked for' and td/span='Succeeded']")
	p.await("//main[not(.//p[@role='alert'])]")
}
