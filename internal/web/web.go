// Package web is the console: pages for people, made on the server from the
// rules of package pki. No page needs a script. Two have one, htmx, which looks
// at a sync again and searches while a person types; the policy that goes with
// each page lets no other run.
//
// People sign in by OpenID Connect (package oidc). Who has signed in stands in a
// sealed cookie, so that any replica knows it and nothing is stored.
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
	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
	"cloudpki/internal/trust"
)

// Base is below what every page but the first is found.
const Base = "/console/"

// CallbackPath is where an issuer sends people back to: the redirect URI to be
// registered is the origin and this.
const CallbackPath = Base + "signin/callback"

// SignedOutPath is where an issuer may send people back to once they have
// signed out there.
const SignedOutPath = Base + "signedout"

//go:embed templates/*.html
var templates embed.FS

// Options configure a Server. All are required but Signer, Facts,
// Limits and Observe.
type Options struct {
	Service   *pki.Service
	Bundles   *pki.Bundles
	Catalog   provider.Catalog // what the kinds of CA can do
	Signer    *trust.Signer    // of the files of bundles, as they are published; nil for none
	Origin    string           // public https://host[:port]; pages and cookies are for it alone
	Providers []Provider       // where people sign in; none leaves one-time links
	SealKey   []byte           // 32 bytes, for cookies; replicas share it
	Facts     []Fact           // of the configuration, for the settings; no secrets
	Limits    Limits
	Now       func() time.Time
	Log       *slog.Logger

	// Observe is told of each answered request; nil for nobody. route is a
	// pattern of a closed list, Base where there is no such page.
	Observe func(route, method string, status int, took time.Duration, tenant pki.TenantID)
}

// A Server is the http.Handler of the console. It is safe for concurrent use.
type Server struct {
	service   *pki.Service
	bundles   *pki.Bundles
	catalog   provider.Catalog
	signer    *trust.Signer
	origin    string
	providers []Provider
	sealer    secret.Sealer
	facts     []Fact
	now       func() time.Time
	log       *slog.Logger
	observe   func(route, method string, status int, took time.Duration, tenant pki.TenantID)

	mux     *http.ServeMux
	pages   pages
	forms   *http.CrossOriginProtection
	links   links
	queries queries
	tokens  *odata.TokenSealer
	turns   turns
	bounds  bounds
}

// queries are what pages ask of the rules, checked once.
type queries struct {
	overview     odata.Query
	subscription []odata.Expansion
	certificates odata.Query
	audit        odata.Query
	bundles      odata.Query
	keptBundles  odata.Query
	choices      odata.Query
	progress     []odata.Expansion
}

func newQueries() (queries, error) {
	overview, errOverview := odata.ParseQuery(overviewQuery, pki.SubscriptionType())
	subscription, errSubscription := odata.ParseQuery(subscriptionQuery, pki.SubscriptionType())
	certificates, errCertificates := odata.ParseQuery(certificatesQuery, pki.CertificateType())
	audit, errAudit := odata.ParseQuery(auditQuery, pki.AuditEventType())
	bundles, errBundles := odata.ParseQuery(bundlesQuery, pki.TrustBundleType())
	kept, errKept := odata.ParseQuery(keptBundlesQuery, pki.TrustBundleType())
	choices, errChoices := odata.ParseQuery(choicesQuery, pki.SubscriptionType())
	progress, errProgress := odata.ParseQuery(progressQuery, pki.SubscriptionType())
	return queries{overview, subscription.Expand, certificates, audit, bundles, kept, choices, progress.Expand},
		errors.Join(errOverview, errSubscription, errCertificates, errAudit, errBundles, errKept, errChoices, errProgress)
}

// New returns a Server.
func New(o Options) (*Server, error) {
	sealer, errSealer := secret.NewSealer(o.SealKey)
	pages, errPages := newPages()
	queries, errQueries := newQueries()
	forms := http.NewCrossOriginProtection()
	errOrigin := forms.AddTrustedOrigin(o.Origin) // behind a proxy Host may be another
	if err := errors.Join(errSealer, errPages, errQueries, errOrigin); err != nil {
		return nil, fmt.Errorf("configure the console: %w", err)
	}
	if o.Observe == nil {
		o.Observe = func(string, string, int, time.Duration, pki.TenantID) {}
	}
	s := &Server{
		service: o.Service, bundles: o.Bundles, catalog: o.Catalog, signer: o.Signer, origin: o.Origin, providers: o.Providers,
		sealer: sealer, facts: o.Facts, now: o.Now, log: o.Log, observe: o.Observe, mux: http.NewServeMux(), pages: pages, forms: forms,
		links: links{open: make(map[digest]link)}, queries: queries, tokens: odata.NewTokenSealer(sealer.AEAD()), bounds: newBounds(o.Limits),
	}
	s.route()
	return s, nil
}

// route says what each address does, and who may ask it.
func (s *Server) route() {
	s.mux.HandleFunc("GET /{$}", s.signedIn(auth.Read, s.showOverview))
	s.mux.Handle("GET "+stylePath, newAsset(styleSheet, "text/css; charset=utf-8", "max-age=3600"))
	s.mux.Handle("GET "+htmxPath, newAsset(htmxScript, "text/javascript; charset=utf-8", "max-age=31536000, immutable"))
	s.mux.HandleFunc("GET "+Base+"signin", s.signsIn(s.beginSignIn))
	s.mux.HandleFunc("GET "+CallbackPath, s.signsIn(s.endSignIn))
	s.mux.HandleFunc("GET "+SignedOutPath, s.open(s.showSignedOut))
	s.mux.HandleFunc("GET "+linkPath+"{token}", s.signsIn(s.showLink))
	s.mux.HandleFunc("POST "+linkPath+"{token}", s.signsIn(s.useLink))
	s.mux.HandleFunc("POST "+Base+"signout", s.signedIn(auth.Read, s.signOut))
	s.mux.HandleFunc("GET "+Base+"subscriptions/{id}", s.signedIn(auth.Read, s.showSubscription))
	s.mux.HandleFunc("GET "+Base+"subscriptions/{id}/progress", s.signedIn(auth.Read, s.showProgress))
	s.mux.HandleFunc("POST "+Base+"subscriptions/{id}/sync", s.signedIn(auth.Write, s.syncNow))
	s.mux.HandleFunc("POST "+Base+"subscriptions/{id}/trust", s.signedIn(auth.Write, s.decide))
	s.mux.HandleFunc("GET "+Base+"subscriptions/{id}/certificates", s.signedIn(auth.Read, s.showInventory))
	s.mux.HandleFunc("GET "+Base+"subscriptions/{id}/certificates.csv", s.takesLong(auth.Read, s.exportCSV))
	s.mux.HandleFunc("GET "+Base+"subscriptions/{id}/certificates.json", s.takesLong(auth.Read, s.exportJSON))
	s.mux.HandleFunc("GET "+Base+"subscriptions/{id}/certificates/{key}", s.signedIn(auth.Read, s.showCertificate))
	s.mux.HandleFunc("GET "+Base+"subscriptions/{id}/certificates/{key}/pem", s.signedIn(auth.Read, s.sendCertificate))
	s.mux.HandleFunc("GET "+Base+"subscriptions/{id}/certificates/{key}/revoke", s.signedIn(auth.Write, s.askRevoke))
	s.mux.HandleFunc("POST "+Base+"subscriptions/{id}/certificates/{key}/revoke", s.signedIn(auth.Write, s.revoke))
	s.mux.HandleFunc("GET "+bundlesPath, s.signedIn(auth.Read, s.showBundles))
	s.mux.HandleFunc("POST "+bundlesPath, s.signedIn(auth.Write, s.createBundle))
	s.mux.HandleFunc("GET "+bundlesPath+"/new", s.signedIn(auth.Write, s.askNewBundle))
	s.mux.HandleFunc("GET "+bundlesPath+"/{id}", s.signedIn(auth.Read, s.showBundle))
	s.mux.HandleFunc("GET "+bundlesPath+"/{id}/file/{ext}", s.signedIn(auth.Read, s.sendBundleFile))
	s.mux.HandleFunc("GET "+bundlesPath+"/{id}/edit", s.signedIn(auth.Write, s.askBundle))
	s.mux.HandleFunc("POST "+bundlesPath+"/{id}/edit", s.signedIn(auth.Write, s.changeBundle))
	s.mux.HandleFunc("GET "+bundlesPath+"/{id}/delete", s.signedIn(auth.Write, s.askDeleteBundle))
	s.mux.HandleFunc("POST "+bundlesPath+"/{id}/delete", s.signedIn(auth.Write, s.deleteBundle))
	s.mux.HandleFunc("GET "+settingsPath, s.signedIn(auth.Read, s.showSettings))
	s.mux.HandleFunc("POST "+settingsPath+"/theme", s.signedIn(auth.Read, s.chooseTheme))
	s.mux.HandleFunc("GET "+Base+"audit", s.signedIn(auth.Read, s.showAudit))
	s.routeChanges()
	s.mux.HandleFunc("/", s.open(s.notFound))
}

// routeChanges is route for what changes subscriptions.
func (s *Server) routeChanges() {
	s.mux.HandleFunc("GET "+newPath, s.signedIn(auth.Write, s.newSubscription))
	s.mux.HandleFunc("POST "+newPath, s.withFile(s.create))
	const one = Base + "subscriptions/{id}/"
	s.mux.HandleFunc("GET "+one+"credentials", s.signedIn(auth.Write, s.newCredentials))
	s.mux.HandleFunc("POST "+one+"credentials", s.withFile(s.stage))
	s.mux.HandleFunc("POST "+one+"credentials/act", s.takesLong(auth.Write, s.actOnCredentials))
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
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := &answer{ResponseWriter: w, part: byScript(r), begun: s.now()}
	s.mux.ServeHTTP(a, r)
	s.conclude(a, r)
}

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

func (s *Server) notFound(*visit) error { return errNoPage() }
