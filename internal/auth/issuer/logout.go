package issuer

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// serveLogout is the end-session endpoint (OpenID Connect RP-Initiated Logout
// 1.0 section 2). The browser goes on to post_logout_redirect_uri only if that
// is a registered address of a client of the tenant.
func (i *Issuer) serveLogout(w http.ResponseWriter, r *http.Request) error {
	tenant, err := i.tenant(r)
	if err != nil {
		return err
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(r.URL.RawQuery) > maxAuthorizeQuery {
		return errRequest("The query is not a readable form, or too long.")
	}
	i.endSession(w, r)
	uri := q.Get("post_logout_redirect_uri")
	if uri == "" || !i.returnsTo(tenant, q.Get("client_id"), uri) {
		return i.pages.show(w, page{Kind: pageMessage, Title: "Signed out", Message: "You have signed out. You can close this page."})
	}
	target, err := url.Parse(uri)
	if err != nil {
		return errRequest("The post_logout_redirect_uri is no address.")
	}
	if state := q.Get("state"); state != "" {
		query := target.Query()
		query.Set("state", state)
		target.RawQuery = query.Encode()
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", target.String())
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// returnsTo reports whether a client of the tenant has registered the address:
// the one that is named, else any.
func (i *Issuer) returnsTo(tenant, client, uri string) bool {
	if client != "" {
		c, err := i.client(client, tenant)
		return err == nil && c.mayRedirectTo(uri)
	}
	for _, c := range i.clients {
		if strings.EqualFold(c.Tenant, tenant) && slices.Contains(c.RedirectURIs, uri) {
			return true
		}
	}
	return false
}
