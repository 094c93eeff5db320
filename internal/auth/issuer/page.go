package issuer

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the pages
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
)

//go:embed pages/page.html
var pageHTML string

//go:embed pages/page.css
var pageCSS string

// submitScript sends the form of an authorization response; without scripts a
// person presses its button.
const submitScript = "document.forms[0].submit();"

// The kinds of page.
const (
	pageSignIn  = "signin"
	pageConfirm = "confirm"
	pageCode    = "code"
	pagePost    = "post"
	pageMessage = "message"
)

// A page is what a person is shown. What stands in it is escaped by the template.
type page struct {
	Kind, Title, Error, Message string

	Action     string // of the form
	Flow       string // sealed
	Client     string // its name
	User       string // a name
	Code       string // of a device
	Parameters url.Values

	status int    // 0 is 200
	target string // where, besides here, answers to the form may redirect: a CSP source
}

// pages shows pages. The only script is that of form_post, and both it and the
// style are named by their hashes, so that nothing else runs (CSP Level 3).
type pages struct {
	template *template.Template
	policy   string
}

func newPages() (*pages, error) {
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return nil, fmt.Errorf("parse page: %w", err)
	}
	return &pages{t, "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; style-src '" + hashSource(pageCSS) + "'"}, nil
}

func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// show answers with a page.
func (p *pages) show(w http.ResponseWriter, v page) error {
	var body bytes.Buffer
	err := p.template.Execute(&body, struct {
		page
		Style  template.CSS
		Script template.JS
	}{v, template.CSS(pageCSS), submitScript}) //nolint:gosec // constants
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	policy := p.policy
	switch {
	case v.Kind == pagePost:
		policy += "; script-src '" + hashSource(submitScript) + "'; form-action " + v.target
	case v.Action != "":
		// Browsers hold redirects of a form's answer against form-action too.
		policy += "; form-action 'self' " + v.target
	default:
		policy += "; form-action 'none'"
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	if v.status != 0 {
		w.WriteHeader(v.status)
	}
	_, _ = w.Write(body.Bytes()) // the browser has gone: nobody is left to tell
	return nil
}

// post answers with a form that sends parameters to a client (OAuth 2.0 Form
// Post Response Mode).
func (p *pages) post(w http.ResponseWriter, uri string, parameters url.Values) error {
	return p.show(w, page{Kind: pagePost, Title: "Back to the application", Action: uri, Parameters: parameters, target: sourceOf(uri)})
}

// sourceOf returns the CSP source of a redirect URI. CSP has no form for IPv6
// addresses, so that one of them opens its scheme.
func sourceOf(uri string) string {
	u, err := url.Parse(uri)
	switch {
	case err != nil:
		return "'none'"
	case u.Hostname() != "" && u.Host[0] == '[':
		return u.Scheme + ":"
	}
	return u.Scheme + "://" + u.Host
}
