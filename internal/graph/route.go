package graph

import (
	"strings"

	"cloudpki/internal/auth"
)

// A route is one line of the table: what may be asked of an address.
type route struct {
	method   string
	path     string // below /beta; {x} stands for a key
	need     auth.Permission
	public   bool     // answered without a token
	anyone   bool     // answered to every valid token
	atomic   bool     // may be one of several requests that happen together or not at all
	body     bool     // takes a body
	produces []string // media types, the customary one first; nil is JSON
	handle   handler
	tells    operation // for the OpenAPI document; every line of the table has one
}

// name is the route's pattern, for logs and metrics.
func (r *route) name() string { return "/" + version + "/" + r.path }

// media is the media type that is answered in where the client has no wish.
func (r *route) media() string {
	if len(r.produces) == 0 {
		return mediaJSON
	}
	return r.produces[0]
}

// match returns the first media type of the route within a media range.
func (r *route) match(within string) (string, bool) {
	if within == "*/*" {
		return r.media(), true
	}
	prefix, any := strings.CutSuffix(within, "/*")
	for _, m := range r.offered() {
		if m == within || any && strings.HasPrefix(m, prefix+"/") {
			return m, true
		}
	}
	return "", false
}

func (r *route) offers(media string) bool {
	_, ok := r.match(media)
	return ok
}

func (r *route) offered() []string {
	if len(r.produces) == 0 {
		return []string{mediaJSON}
	}
	return r.produces
}

// formats lists what the route can be answered in, for error texts.
func (r *route) formats() string { return strings.Join(r.offered(), ", ") }
