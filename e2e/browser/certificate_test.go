package browser

import (
	"bytes"
	"encoding/pem"

	"github.com/chromedp/chromedp/kb"
)

// revokes looks at a certificate, saves it, and has its CA revoke it.
func (w *world) revokes(p *tab) {
	to := w.startOne(p.T)
	id := w.subscribe(p.T, to, "Doors, Bilbao")
	p.open("/console/subscriptions/" + id + "/certificates")
	p.follow("#results tbody th a")
	p.await("//h2[@id='validity']")
	block, _ := pem.Decode(p.download("a[href$='/pem']"))
	serial := ""
	for _, c := range to.Certificates() {
		if block != nil && bytes.Equal(c.DER, block.Bytes) {
			serial = c.Serial
		}
	}
	p.await("//dd[.='" + serial + "']")
	p.follow("a[href$='/revoke']")
	p.await("//h1")
	w.judge(p)
	p.reach("#reason")
	p.press("superseded")
	p.reach("button.danger")
	p.press(kb.Enter)
	p.await("//h2[@id='validity']/following-sibling::dl[dd='revoked']")
	for _, c := range to.Certificates() {
		if revoked := c.Status == "REVOKED"; revoked != (c.Serial == serial) {
			p.Errorf("%s is %s: %s was to be revoked", c.Serial, c.Status, serial)
		}
	}
}
