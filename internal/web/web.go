// Package web is the console: pages for people, made on the server from the
// rules of package pki. No page needs a script, and none may run one: the
// policy that goes with each allows the console's own style sheet alone.
//
// People sign in by OpenID Connect with the authorization code (RFC 6749
// section 4.1, RFC 7636). Who has signed in stands in a sealed cookie, so that
// any replica knows it and nothing is stored.
package web

import (
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// Base is below what every page but the first is found.
const Base = "/console/"

// CallbackPath is where an issuer sends people back to: the redirect URI to be
// registered is the origin and this.
const CallbackPath = Base + "signin/callback"

// SignedOutPath is where an issuer may send people back to once they have
// signed out there.
const SignedOutPath = Base + "signin?signed_out=1"

//go:embed static/console.css
var styleSheet []byte

//go:embed templates/*.html
var templates embed.FS

// Options configure a Server. All are required.
type Options struct {
	Service   *pki.Service
	Verifier  *auth.Verifier // turns the issuer's access token into a principal
	Origin    string         // public https://host[:port]; pages and cookies are for it alone
	Providers []Provider     // where people sign in; none leaves one-time links
	HTTP      *http.Client   // reaches the token endpoints of the providers
	SealKey   []byte         // 32 bytes, for cookies; replicas share it
	Now       func() time.Time
	Log       *slog.Logger
}

// A Server is the http.Handler of the console. It is safe for concurrent use.
type Server struct {
	service   *pki.Service
	verifier  *auth.Verifier
	origin    string
	providers []Provider
	http      *http.Client
	sealer    sealer
	now       func() time.Time
	log       *slog.Logger

	mux     *http.ServeMux
	pages   pages
	forms   *http.CrossOriginProtection
	links   links
	queries queries
	tokens  *odata.TokenSealer
	turns   turns
}

// queries are what pages ask of the rules, checked once.
type queries struct {
	overview     odata.Query
	subscription []odata.Expansion
	certificates odata.Query
	audit        odata.Query
}

func newQueries() (queries, error) {
	overview, errOverview := odata.ParseQuery(overviewQuery, pki.SubscriptionType())
	subscription, errSubscription := odata.ParseQuery(subscriptionQuery, pki.SubscriptionType())
	certificates, errCertificates := odata.ParseQuery(certificatesQuery, pki.CertificateType())
	audit, errAudit := odata.ParseQuery(auditQuery, pki.AuditEventType())
	return queries{overview, subscription.Expand, certificates, audit}, errors.Join(errOverview, errSubscription, errCertificates, errAudit)
}

// New returns a Server.
func New(o Options) (*Server, error) {
	sealer, errSealer := newSealer(o.SealKey)
	pages, errPages := newPages()
	queries, errQueries := newQueries()
	forms := http.NewCrossOriginProtection()
	errOrigin := forms.AddTrustedOrigin(o.Origin) // behind a proxy Host may be another
	if err := errors.Join(errSealer, errPages, errQueries, errOrigin); err != nil {
		return nil, fmt.Errorf("configure the console: %w", err)
	}
	s := &Server{
		service: o.Service, verifier: o.Verifier, origin: o.Origin, providers: o.Providers, http: o.HTTP,
		sealer: sealer, now: o.Now, log: o.Log, mux: http.NewServeMux(), pages: pages, forms: forms,
		links: links{open: make(map[digest]link)}, queries: queries, tokens: odata.NewTokenSealer(sealer.aead),
	}
	s.route()
	return s, nil
}

// route says what each address does, and who may ask it.
func (s *Server) route() {
	s.mux.HandleFunc("GET /{$}", s.signedIn(auth.Read, s.showOverview))
	s.mux.HandleFunc("GET "+Base+"static/console.css", s.serveStyle)
	s.mux.HandleFunc("GET "+Base+"signin", s.open(s.beginSignIn))
	s.mux.HandleFunc("GET "+CallbackPath, s.open(s.endSignIn))
	s.mux.HandleFunc("GET "+linkPath+"{token}", s.open(s.showLink))
	s.mux.HandleFunc("POST "+linkPath+"{token}", s.open(s.useLink))
	s.mux.HandleFunc("POST "+Base+"signout", s.signedIn(auth.Read, s.signOut))
	s.mux.HandleFunc("GET "+Base+"subscriptions/{id}", s.signedIn(auth.Read, s.showSubscription))
	s.mux.HandleFunc("POST "+Base+"subscriptions/{id}/sync", s.signedIn(auth.Write, s.syncNow))
	s.mux.HandleFunc("POST "+Base+"subscriptions/{id}/trust", s.signedIn(auth.Write, s.decide))
	s.mux.HandleFunc("GET "+Base+"subscriptions/{id}/certificates", s.signedIn(auth.Read, s.showInventory))
	s.mux.HandleFunc("GET "+Base+"subscriptions/{id}/certificates.csv", s.signedIn(auth.Read, s.exportCSV))
	s.mux.HandleFunc("GET "+Base+"subscriptions/{id}/certificates.json", s.signedIn(auth.Read, s.exportJSON))
	s.mux.HandleFunc("GET "+Base+"audit", s.signedIn(auth.Read, s.showAudit))
	s.routeChanges()
	s.mux.HandleFunc("/", s.open(s.notFound))
}

// routeChanges is route for what changes subscriptions.
func (s *Server) routeChanges() {
	s.mux.HandleFunc("GET "+newPath, s.signedIn(auth.Write, s.newSubscription))
	s.mux.HandleFunc("POST "+newPath, s.withFile(s.signedIn(auth.Write, s.create)))
	const one = Base + "subscriptions/{id}/"
	s.mux.HandleFunc("GET "+one+"credentials", s.signedIn(auth.Write, s.newCredentials))
	s.mux.HandleFunc("POST "+one+"credentials", s.withFile(s.signedIn(auth.Write, s.stage)))
	s.mux.HandleFunc("POST "+one+"credentials/act", s.signedIn(auth.Write, s.actOnCredentials))
	s.mux.HandleFunc("POST "+one+"cancel", s.signedIn(auth.Write, s.cancelSync))
	s.mux.HandleFunc("POST "+one+"preview", s.signedIn(auth.Write, s.previewSync))
	s.mux.HandleFunc("GET "+one+"edit", s.signedIn(auth.Write, s.editSubscription))
	s.mux.HandleFunc("POST "+one+"edit", s.signedIn(auth.Write, s.change))
	s.mux.HandleFunc("GET "+one+"delete", s.signedIn(auth.Write, s.confirmDelete))
	s.mux.HandleFunc("POST "+one+"delete", s.signedIn(auth.Write, s.deleteSubscription))
}

// Serves reports whether the address is one of the console's.
func (s *Server) Serves(u *url.URL) bool { return u.Path == "/" || strings.HasPrefix(u.Path, Base) }

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// A visit is one request of a page.
type visit struct {
	w       http.ResponseWriter
	r       *http.Request
	id      string  // request-id, for the audit trail and the log
	session session // zero for nobody
}

// actor is who asks for a change, for the audit trail.
func (v *visit) actor() pki.Actor {
	p := v.session.Principal
	return pki.Actor{Client: p.Client, Subject: p.Subject, Name: p.Name, RequestID: v.id}
}

// mayWrite reports whether to show the forms that change something. Whether
// they may be sent is decided once more when they are.
func (v *visit) mayWrite() bool { return v.session.Principal.Allows(auth.Write) == nil }

// serveStyle answers with the style sheet.
func (s *Server) serveStyle(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	s.pages.protect(h)
	h.Set("Content-Type", "text/css; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=3600")
	h.Set("ETag", s.pages.styleTag)
	if r.Header.Get("If-None-Match") == s.pages.styleTag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(styleSheet) // the browser has gone: nobody is left to tell
}

func (s *Server) notFound(*visit) error { return errNoPage() }
