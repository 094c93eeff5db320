// Package issuer is the embedded token issuer: an OAuth 2.0 authorization
// server (RFC 6749) with the addresses, answers and errors of Microsoft Entra
// ID's v2.0 endpoint, so that Microsoft's identity libraries and plain OAuth
// clients log in to the service without any other server.
//
// It serves the client credentials grant (RFC 6749 section 4.4) with a secret
// or with an assertion signed by a registered certificate (RFC 7523); and for
// people, users of its own who sign in with a password, the authorization code
// with PKCE (RFC 6749 section 4.1, RFC 7636), the device code (RFC 8628),
// refresh tokens and ID tokens (OpenID Connect Core 1.0).
package issuer

import (
	"cmp"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/limit"
	"cloudpki/internal/pki"
	"cloudpki/internal/secret"
)

// defaultLifetime is what Entra ID answers: an hour less a second.
const defaultLifetime = 3599 * time.Second

// trustedName is what principals call the issuer.
const trustedName = "embedded"

// Options configure an Issuer.
type Options struct {
	// Origin is the public https://host[:port] under which clients reach the
	// issuer. It is part of every iss, so it is never guessed from a request.
	Origin string
	// Tenants are the tenants that exist, the first being the one that paths
	// without a tenant mean. At least one.
	Tenants []string
	// Clients are the applications that may log in.
	Clients []Client
	// Users are the people who may sign in.
	Users []User
	// Keys are RSA keys of at least 2048 bits. The first signs; all are
	// published, so that tokens signed before a rotation stay valid.
	Keys []crypto.Signer
	// KeySet, if not nil, holds keys that are replaced, instead of Keys.
	KeySet *KeySet
	// SealKey, 32 bytes, seals what browsers and clients carry: sessions, codes,
	// refresh tokens. Replicas share it. Nil for a random one.
	SealKey []byte
	// Audiences are the resources that tokens may be asked for, besides Origin.
	Audiences []string
	// Browsers are the origins whose pages may read the answers that are for
	// programs (CORS); "*" for all.
	Browsers []string
	// Lifetime of a token; 0 for 3599 s.
	Lifetime time.Duration
	// ClientIP returns whom to count failed attempts against; nil for the
	// connection's peer. Behind a proxy it must give the proxy's client.
	ClientIP func(*http.Request) string

	Now func() time.Time
	Log *slog.Logger
}

// An Issuer is the http.Handler of the issuer's addresses. It is safe for
// concurrent use.
type Issuer struct {
	origin    string
	tenants   []string
	clients   map[string]Client
	keys      *KeySet
	audiences []string
	browsers  []string
	lifetime  time.Duration
	clientIP  func(*http.Request) string
	now       func() time.Time
	log       *slog.Logger

	people   *people
	devices  *devices
	families *families
	sealer   secret.Sealer
	pages    *pages
	forms    *http.CrossOriginProtection // of the pages' forms

	mux      *http.ServeMux
	failures *throttle // of authentication, by client and address
	requests *throttle // granted, by client
	seen     *replays
}

// New returns an Issuer, or an error that lists all that is wrong with opts.
func New(opts Options) (*Issuer, error) {
	keys, errKeys := opts.KeySet, error(nil)
	if keys == nil {
		keys, errKeys = newKeySet(opts.Keys)
	}
	clients, errClients := indexClients(opts.Clients, opts.Tenants)
	people, errPeople := newPeople(opts.Users, opts.Tenants)
	sealer, errSealer := newSealer(opts.SealKey)
	pages, errPages := newPages()
	if err := errors.Join(opts.check(), errKeys, errClients, errPeople, errSealer, errPages); err != nil {
		return nil, fmt.Errorf("configure the embedded issuer: %w", err)
	}
	i := &Issuer{
		origin:    opts.Origin,
		tenants:   slices.Clone(opts.Tenants),
		clients:   clients,
		keys:      keys,
		audiences: append([]string{opts.Origin}, opts.Audiences...),
		browsers:  slices.Clone(opts.Browsers),
		lifetime:  cmp.Or(opts.Lifetime, defaultLifetime),
		clientIP:  opts.ClientIP,
		now:       opts.Now,
		log:       opts.Log,
		mux:       http.NewServeMux(),
		failures:  newThrottle(),
		requests:  newThrottle(),
		seen:      newReplays(),
		people:    people,
		devices:   newDevices(),
		families:  newFamilies(),
		sealer:    sealer,
		pages:     pages,
		forms:     http.NewCrossOriginProtection(),
	}
	if i.clientIP == nil {
		i.clientIP = peer
	}
	if err := i.forms.AddTrustedOrigin(opts.Origin); err != nil { // behind a proxy Host may be another
		return nil, fmt.Errorf("configure the embedded issuer: %w", err)
	}
	for _, r := range i.routes() {
		i.mux.Handle(r.path, r)
	}
	return i, nil
}

// check returns what is wrong with the options but for keys and clients.
func (o Options) check() error {
	var faults []error
	u, err := url.Parse(o.Origin)
	if err != nil || u.Scheme != "https" || u.Host == "" || o.Origin != "https://"+u.Host {
		faults = append(faults, fmt.Errorf("Origin %q is not https://host or https://host:port", o.Origin))
	}
	if o.Now == nil || o.Log == nil {
		faults = append(faults, errors.New("Now and Log must be set"))
	}
	if len(o.Tenants) == 0 {
		faults = append(faults, errors.New("Tenants is empty"))
	}
	for _, t := range o.Tenants {
		if !pki.ID(t).Valid() {
			faults = append(faults, fmt.Errorf("tenant %q is not 1 to 128 characters out of A-Za-z0-9-._~", t))
		}
		if slices.Contains([]string{"adfs", "common", "organizations", "consumers", "beta", "console"}, strings.ToLower(t)) {
			faults = append(faults, fmt.Errorf("tenant %q has a name with a meaning of its own in addresses", t))
		}
	}
	if o.Lifetime < 0 || o.Lifetime > 24*time.Hour {
		faults = append(faults, fmt.Errorf("Lifetime %s is not between 0 and 24h", o.Lifetime))
	}
	return errors.Join(faults...)
}

// A route is one address of the issuer.
type route struct {
	path    string
	methods []string
	serve   func(http.ResponseWriter, *http.Request) error
	people  bool // errors are pages for people, not JSON for programs
	issuer  *Issuer
}

// routes returns every address of the issuer.
func (i *Issuer) routes() []route {
	get, post := []string{http.MethodGet, http.MethodHead}, []string{http.MethodPost}
	both := []string{http.MethodGet, http.MethodHead, http.MethodPost}
	return []route{
		{"/{tenant}/v2.0/.well-known/openid-configuration", get, i.serveDiscovery, false, i},
		{"/{tenant}/discovery/v2.0/keys", get, i.serveKeys, false, i},
		{"/{tenant}/oauth2/v2.0/token", post, i.serveToken, false, i},
		{"/{tenant}/oauth2/v2.0/devicecode", post, i.serveDeviceCode, false, i},
		{"/{tenant}/oauth2/v2.0/authorize", get, i.serveAuthorize, true, i},
		{"/{tenant}/oauth2/v2.0/signin", post, i.serveSignIn, true, i},
		{"/{tenant}/oauth2/v2.0/confirm", post, i.serveConfirm, true, i},
		{"/{tenant}/oauth2/v2.0/logout", get, i.serveLogout, true, i},
		{"/{tenant}/oauth2/v2.0/revoke", post, i.serveRevoke, false, i},
		{userInfoPage, both, i.serveUserInfo, false, i},
		{devicePage, both, i.serveDevicePage, true, i},
		// The Azure CLI takes an authority that ends in /adfs as it is, and
		// asks no other host about it.
		{"/adfs/.well-known/openid-configuration", get, i.serveDiscovery, false, i},
		{"/common/discovery/instance", get, i.serveInstance, false, i},
	}
}

// ServeHTTP holds the method against the route, shares with browsers what is
// not for people, and turns an error into an answer in Entra ID's shape.
func (r route) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if !r.people {
		r.issuer.shareWithBrowsers(w.Header(), req.Header.Get("Origin"))
		if preflight(w, req, r.methods) {
			return
		}
	}
	var err error
	if slices.Contains(r.methods, req.Method) {
		err = r.serve(w, req)
	} else {
		w.Header().Set("Allow", strings.Join(r.methods, ", "))
		err = errMethod(req.Method)
	}
	switch {
	case err == nil:
	case r.people:
		r.issuer.showError(w, req, err)
	default:
		r.issuer.writeError(w, req, err)
	}
}

// ServeHTTP implements http.Handler. It answers 404 to what Serves denies.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) { i.mux.ServeHTTP(w, r) }

// Serves reports whether the path of r is one of the issuer's. A server asks
// it first: the tenant in front lets the addresses overlap with any other.
func (i *Issuer) Serves(r *http.Request) bool {
	_, pattern := i.mux.Handler(r)
	return pattern != ""
}

// KeySet returns the issuer's public keys for a Verifier in the same process.
func (i *Issuer) KeySet() *KeySet { return i.keys }

// Trusted returns how a Verifier in the same process should trust this issuer.
func (i *Issuer) Trusted() auth.Issuer {
	return auth.Issuer{
		Name:      trustedName,
		URL:       i.origin + "/{tenantid}/v2.0",
		Audiences: i.audiences,
		Tenants:   i.tenants,
		Keys:      i.keys,
	}
}

// tenant returns the tenant that the path names, spelled as configured, or
// AADSTS90002. A path without one means the first; "common" and
// "organizations" mean the only one, if it is.
func (i *Issuer) tenant(r *http.Request) (string, error) {
	name := r.PathValue("tenant")
	switch {
	case name == "":
		return i.tenants[0], nil
	case len(i.tenants) == 1 && containsFold([]string{"common", "organizations"}, name):
		return i.tenants[0], nil
	}
	return i.lookUpTenant(name)
}

func (i *Issuer) lookUpTenant(name string) (string, error) {
	for _, t := range i.tenants {
		if strings.EqualFold(t, name) {
			return t, nil
		}
	}
	return "", errUnknownTenant(name)
}

// issuerOf returns the iss of a tenant's tokens.
func (i *Issuer) issuerOf(tenant string) string { return i.origin + "/" + tenant + "/v2.0" }

// tokenEndpoint returns the address of a tenant's token endpoint.
func (i *Issuer) tokenEndpoint(tenant string) string {
	return i.origin + "/" + tenant + "/oauth2/v2.0/token"
}

// peer returns the address of the connection's other end, or the /64 of an IPv6
// address, all of which one host may have.
func peer(r *http.Request) string { return limit.Network(r.RemoteAddr) }
