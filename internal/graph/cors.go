package graph

import (
	"slices"
	"strings"
)

// exposed are the fields that a page may read, besides those it always may
// (Fetch standard, CORS-safelisted response-header names).
const exposed = "ETag, Location, Preference-Applied, Content-Range, Retry-After, OData-Version, OData-EntityId, " +
	"WWW-Authenticate, request-id, client-request-id, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"

// shareWithBrowsers lets the pages of the configured origins read the answer.
// They send a bearer token themselves; cookies are nothing here.
func (x *exchange) shareWithBrowsers() {
	origin := x.header("Origin")
	if origin == "" || !slices.Contains(x.server.browsers, origin) && !slices.Contains(x.server.browsers, "*") {
		return
	}
	h := x.w.Header()
	h["Access-Control-Allow-Origin"] = []string{origin}
	h["Access-Control-Expose-Headers"] = []string{exposed}
}

// preflight answers the question that a browser asks before a request (Fetch
// standard, CORS-preflight request). Every field may be sent: none is trusted.
func (x *exchange) preflight(methods string) {
	h := x.w.Header()
	if h["Access-Control-Allow-Origin"] == nil || x.header("Access-Control-Request-Method") == "" {
		return
	}
	h["Access-Control-Allow-Methods"] = []string{methods}
	h["Access-Control-Max-Age"] = []string{"600"}
	if asked := strings.Join(x.r.Header["Access-Control-Request-Headers"], ","); asked != "" && printable(asked) == asked {
		h["Access-Control-Allow-Headers"] = []string{asked}
	}
	h["Vary"] = []string{vary + ", Access-Control-Request-Headers, Access-Control-Request-Method"}
}
