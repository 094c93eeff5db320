package browser

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"strings"

	"github.com/chromedp/chromedp/kb"
)

// publishes makes a bundle of the roots of one CA, downloads it, and compares
// it with what the CA's own root and the page say.
func (w *world) publishes(p *tab) {
	to := w.startCA(p.T)
	id := w.subscribe(p.T, to, "Scanners, Porto")
	name := "scanners-" + id
	p.open("/")
	p.follow("header a[href='/console/bundles']")
	p.follow("a[href='/console/bundles/new']")
	p.write("#name", name)
	p.write("#displayName", "Scanners")
	p.reach("[name=sources]")
	p.press(kb.ArrowDown) // only these
	p.reach("input[value='" + id + "']")
	p.press(" ")
	p.follow("main form > button")
	p.await("//h2[@id='held']")
	w.judge(p)
	root := sha256.Sum256(to.Root().Raw)
	thumbprint := hex.EncodeToString(root[:])
	p.await("//section[h2/@id='held']//tr[contains(., '" + thumbprint + "')]")
	block, rest := pem.Decode(p.download("#files ~ ul a[href$='.pem'], #files ~ ul a[href$='/pem']"))
	if block == nil || sha256.Sum256(block.Bytes) != root || strings.Contains(string(rest), "BEGIN") {
		p.Errorf("the download is not the root of the CA alone: %v %q", block, rest)
	}
	p.follow("#guides ~ details summary")
	p.await("//details[@open]//pre")
	w.judge(p)
	p.follow("a[href$='/edit']")
	p.await("//label[@for='description']")
	w.judge(p)
	p.write("#description", "for scanners")
	p.follow("main form > button")
	p.await("//p[.='for scanners']")
	p.follow("a[href$='/delete']")
	p.await("//button[@class='danger']")
	w.judge(p)
	p.follow("button.danger")
	p.await("//h1[.='Trust bundles']")
}

// themes chooses a theme against that of the browser, and goes back to it.
func (w *world) themes(p *tab) {
	other := w.another(p)
	other.open("/console/settings")
	other.signIn(admin, w.Password)
	other.await("//h2[@id='theme']")
	const background = "getComputedStyle(document.body).backgroundColor"
	light := ask[string](other, background)
	for _, c := range []struct {
		name string
		dark bool
	}{{"dark", true}, {"light", false}} {
		other.reach("[name=theme]")
		for ask[string](other, "document.activeElement.value") != c.name {
			other.press(kb.ArrowDown)
		}
		other.press(kb.Enter)
		other.await("//html[@data-theme='" + c.name + "']")
		w.judge(other)
		if dark := ask[string](other, background) != light; dark != c.dark {
			p.Errorf("%s: dark is %t", c.name, dark)
		}
	}
}
