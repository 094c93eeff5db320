package browser

import (
	"github.com/chromedp/chromedp/kb"
)

// decidesOnRoots rejects a root that a CA offers, and approves the next.
func (w *world) decidesOnRoots(p *tab) {
	to := w.startCA(p.T)
	id := w.subscribe(p.T, to, "Scanners, Malmo")
	for _, c := range []struct{ decision, why, shown string }{
		{"reject", "nobody knows of it", "nobody knows of it"},
		{"approve", "compared by telephone", "compared by telephone"},
	} {
		w.replaceRoot(p.T, to, id)
		p.open("/")
		p.follow(".needs a[href$='/subscriptions/" + id + "']")
		p.await("//h2[.='A root waits for a decision']")
		p.write("input[name=comment]", c.why)
		p.reach("button[value=" + c.decision + "]")
		p.press(kb.Enter)
		p.await("//ul[@class='tree']//span[contains(., '" + c.shown + "')]")
	}
	w.sync(p.T, id, "succeeded")
	p.open("/console/audit")
	p.await("//tr[contains(., 'compared by telephone')]")
}
