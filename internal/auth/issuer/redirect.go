package issuer

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxRedirectURI bounds, in bytes, a redirect URI.
const maxRedirectURI = 2048

// The response modes (OAuth 2.0 Multiple Response Type Encoding Practices
// section 2.1, OAuth 2.0 Form Post Response Mode).
const (
	modeQuery    = "query"
	modeFragment = "fragment"
	modeFormPost = "form_post"
)

// responseModes returns the response modes that are served.
func responseModes() []string { return []string{modeQuery, modeFragment, modeFormPost} }

// checkRedirectURI returns what is wrong with a redirect URI to be registered:
// it must be https, or, for the programs on a person's own machine, http to
// loopback (RFC 8252 section 7.3), and hold no fragment, user or wildcard.
func checkRedirectURI(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > maxRedirectURI || u.Host == "" || u.User != nil || u.Opaque != "" || strings.ContainsAny(text, "*#\\ ") || !plainHost(u.Host):
		return fmt.Errorf("redirect URI %q is not an address without user, fragment and wildcard", text)
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u):
		return nil
	}
	return fmt.Errorf("redirect URI %q is neither https nor http to 127.0.0.1 or localhost", text)
}

// plainHost reports whether the host is letters, digits, dots, hyphens, a port
// or an IPv6 address: it goes into a policy header.
func plainHost(host string) bool {
	return strings.Trim(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-:[]") == ""
}

// isLoopback reports whether the address is one of this machine's own.
func isLoopback(u *url.URL) bool {
	host := u.Hostname()
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// mayRedirectTo reports whether the client has registered the URI. It must be
// the same text, except that the port of http to loopback is free for public
// clients (RFC 8252 section 7.3): they take one at the time.
func (c Client) mayRedirectTo(uri string) bool {
	if slices.Contains(c.RedirectURIs, uri) {
		return true
	}
	if !c.Public || checkRedirectURI(uri) != nil {
		return false
	}
	asked, ok := withoutPort(uri)
	return ok && slices.ContainsFunc(c.RedirectURIs, func(registered string) bool {
		plain, ok := withoutPort(registered)
		return ok && plain == asked
	})
}

// withoutPort returns an http address of loopback without its port. The empty
// path and "/" are the same (RFC 3986 section 6.2.3).
func withoutPort(uri string) (string, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" || !isLoopback(u) {
		return "", false
	}
	if u.Path == "" {
		u.Path = "/"
	}
	u.Host = u.Hostname()
	return u.String(), true
}

// sameAddress reports whether two redirect URIs are the same text, but for the
// slash of an empty path (RFC 3986 section 6.2.3), which URL libraries add.
func sameAddress(a, b string) bool {
	if a == b {
		return true
	}
	u, errA := url.Parse(a)
	v, errB := url.Parse(b)
	if errA != nil || errB != nil {
		return false
	}
	u.Path, v.Path = cmp.Or(u.Path, "/"), cmp.Or(v.Path, "/")
	return *u == *v
}

// respond sends the browser back to the client with the parameters of an
// authorization response (RFC 6749 section 4.1.2).
func (i *Issuer) respond(w http.ResponseWriter, a authorization, parameters url.Values) error {
	if a.State != "" {
		parameters.Set("state", a.State)
	}
	parameters.Set("iss", i.issuerOf(a.Tenant)) // RFC 9207
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	target, err := url.Parse(a.RedirectURI)
	if err != nil {
		return fmt.Errorf("read registered redirect URI: %w", err)
	}
	switch a.Mode {
	case modeFormPost:
		return i.pages.post(w, a.RedirectURI, parameters)
	case modeFragment:
		target.Fragment, target.RawFragment = "", ""
		w.Header().Set("Location", target.String()+"#"+parameters.Encode())
	default:
		query := target.Query()
		for name, values := range parameters {
			query[name] = values
		}
		target.RawQuery = query.Encode()
		w.Header().Set("Location", target.String())
	}
	// 303, so that the form of a page is not posted to the client (RFC 9700
	// section 4.12).
	w.WriteHeader(http.StatusSeeOther)
	return nil
}
