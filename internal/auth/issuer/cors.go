package issuer

import (
	"net/http"
	"slices"
	"strings"
)

// shareWithBrowsers lets the pages of the configured origins read an answer
// that is for programs (Fetch standard, HTTP-CORS protocol). Their requests
// bring what they need themselves; cookies are nothing here.
func (i *Issuer) shareWithBrowsers(h http.Header, origin string) {
	if len(i.browsers) == 0 {
		return
	}
	h.Add("Vary", "Origin")
	if origin == "" || !slices.Contains(i.browsers, origin) && !slices.Contains(i.browsers, "*") {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "Retry-After, WWW-Authenticate, x-ms-request-id")
}

// preflight answers what a browser asks before it sends a page's request, and
// reports whether r asks that (CORS-preflight request).
func preflight(w http.ResponseWriter, r *http.Request, methods []string) bool {
	h := w.Header()
	if r.Method != http.MethodOptions || h.Get("Access-Control-Allow-Origin") == "" || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
	h.Set("Access-Control-Allow-Headers", "*, Authorization") // the star leaves that one out
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}
