package web

import (
	"crypto/sha256"
	_ "embed" // the files below
	"encoding/hex"
	"net/http"
)

//go:embed static/console.css
var styleSheet []byte

// htmxScript is htmx 4.0.1 (https://htmx.org, Zero-Clause BSD; the licence is
// beside it), as its npm package has it in dist/htmx.min.js. It sends what a
// page's attributes hx-* say and puts the answer into the page; nothing else
// runs in the console. Version and SHA-256 are pinned by a test.
//
//go:embed static/htmx-4.0.1.min.js
var htmxScript []byte

const (
	stylePath = Base + "static/console.css"
	htmxPath  = Base + "static/htmx-4.0.1.min.js" // another version has another address
)

// An asset is a file that pages load.
type asset struct {
	body                  []byte
	kind, life, entityTag string
}

func newAsset(body []byte, kind, life string) asset {
	sum := sha256.Sum256(body)
	return asset{body, kind, life, `"` + hex.EncodeToString(sum[:8]) + `"`}
}

// ServeHTTP answers with the file, or says that the browser has it already.
func (a asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	protect(h)
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", "public, "+a.life)
	h.Set("ETag", a.entityTag)
	if r.Header.Get("If-None-Match") == a.entityTag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(a.body) // the browser has gone: nobody is left to tell
}
