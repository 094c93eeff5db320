package web_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/auth/issuer"
	"cloudpki/internal/auth/oidc"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/all"
	"cloudpki/internal/secret"
	"cloudpki/internal/store"
	"cloudpki/internal/web"
)

const (
	tenantA  = "aaaaaaaa-0000-4000-8000-000000000001"
	tenantB  = "bbbbbbbb-0000-4000-8000-000000000002"
	password = "correct horse battery staple"
	hostile  = `"><script>alert(1)</script>`
)

// beginning is where the tests' clock starts.
var beginning = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// accounts are made once: RSA keys and password hashes are slow.
var accounts = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

var hashed = sync.OnceValues(func() (secret.PasswordHash, error) { return secret.HashPassword(secret.NewString(password)) })

// A world is the console and its issuer behind real TLS, with a real store.
type world struct {
	t       *testing.T
	origin  string
	url     string // of the database
	store   *store.DB
	service *pki.Service
	bundles *pki.Bundles
	options web.Options
	console *web.Server

	verifier *auth.Verifier
	server   *httptest.Server

	mu  sync.Mutex
	now time.Time
}

func (w *world) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) move(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: beginning}
	log := slog.New(slog.DiscardHandler)
	root, err := secret.CreateRoot(filepath.Join(t.TempDir(), "root.key"))
	must(t, err)
	w.url = engines.URL(t)
	w.store, err = store.Open(t.Context(), store.Options{URL: w.url, Log: log, Now: w.Now})
	must(t, err)
	t.Cleanup(func() { must(t, w.store.Close()) })
	catalog, err := provider.NewCatalog(all.Kinds()...)
	must(t, err)
	w.service, err = pki.NewService(pki.Options{
		Store: w.store, Keyring: secret.NewKeyring(root, w.store), Root: root,
		Catalog: catalog, Now: w.Now, Log: log, KeepPrevious: 24 * time.Hour,
		Transport: provider.NewTransport(provider.TransportOptions{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Timeout: 2 * time.Second, Now: w.Now}),
		Schedule:  pki.Schedule{Interval: time.Hour, MinimumInterval: time.Minute, RunTimeout: time.Hour, FullInterval: time.Hour, MaxMissingPercent: 50},
	})
	must(t, err)
	w.bundles, err = pki.NewBundles(pki.BundleOptions{Store: w.store, Root: root, Now: w.Now})
	must(t, err)
	listening := httptest.NewUnstartedServer(nil)
	w.server, w.origin = listening, "https://"+listening.Listener.Addr().String()
	own := w.newIssuer(log)
	verifier, err := auth.NewVerifier(t.Context(), auth.Options{Issuers: []auth.Issuer{own.Trusted()}, Now: w.Now, Log: log})
	must(t, err)
	t.Cleanup(func() { must(t, verifier.Close()) })
	listening.StartTLS()
	t.Cleanup(listening.Close)
	w.verifier = verifier
	w.options = web.Options{
		Service: w.service, Bundles: w.bundles, Catalog: catalog, Origin: w.origin,
		SealKey: make([]byte, 32), Facts: []web.Fact{{Name: "Known", Value: "a fact"}}, Now: w.Now, Log: log,
	}
	w.serve(w.provider(tenantA), w.provider(tenantB))
	listening.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.console.Serves(r.URL) {
			w.console.ServeHTTP(rw, r)
			return
		}
		own.ServeHTTP(rw, r)
	})
	return w
}

func (w *world) newIssuer(log *slog.Logger) *issuer.Issuer {
	w.t.Helper()
	key, errKey := accounts()
	hash, errHash := hashed()
	must(w.t, errors.Join(errKey, errHash))
	user := func(name, tenant, scope string) issuer.User {
		return issuer.User{Name: name, Tenant: tenant, DisplayName: name + " " + hostile, Password: hash, Scopes: []string{scope}}
	}
	client := func(tenant string) issuer.Client {
		return issuer.Client{ID: "console-" + tenant, Tenant: tenant, Public: true, RedirectURIs: []string{w.origin + web.CallbackPath, w.origin + web.SignedOutPath}}
	}
	own, err := issuer.New(issuer.Options{
		Origin: w.origin, Tenants: []string{tenantA, tenantB}, Clients: []issuer.Client{client(tenantA), client(tenantB)},
		Users: []issuer.User{user("admin", tenantA, auth.ScopeReadWrite), user("reader", tenantA, auth.ScopeRead), user("other", tenantB, auth.ScopeReadWrite)},
		Keys:  []crypto.Signer{key}, Now: w.Now, Log: log,
	})
	must(w.t, err)
	return own
}

// serve makes the console, where people sign in at the providers.
func (w *world) serve(providers ...web.Provider) {
	w.t.Helper()
	var err error
	w.options.Providers = providers
	w.console, err = web.New(w.options)
	must(w.t, err)
}

// provider is a tenant of the embedded issuer.
func (w *world) provider(tenant string) web.Provider {
	w.t.Helper()
	client, err := oidc.NewClient(oidc.Options{
		Issuer: w.origin + "/" + tenant + "/v2.0", ClientID: "console-" + tenant, Scope: "openid profile " + w.origin + "/.default",
		RedirectURI: w.origin + web.CallbackPath, SignedOutURI: w.origin + web.SignedOutPath,
		Verifier: w.verifier, HTTP: w.server.Client(), Now: w.Now, Log: w.options.Log,
	})
	must(w.t, err)
	return web.Provider{Name: tenant, Client: client}
}

// A browser keeps cookies and follows redirects.
type browser struct {
	*world

	client *http.Client
}

// A page is an answer with its body read.
type page struct {
	*http.Response

	body string
}

func (w *world) browser() *browser {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	must(w.t, err)
	client := *w.server.Client()
	client.Jar = jar
	return &browser{w, &client}
}

func (b *browser) do(method, path string, form url.Values, header ...string) page {
	b.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = b.origin + path
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, path, strings.NewReader(form.Encode()))
	must(b.t, err)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return b.ask(r)
}

// post sends a body of any type.
func (b *browser) post(path, contentType string, body []byte) page {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.origin+path, bytes.NewReader(body))
	must(b.t, err)
	r.Header.Set("Content-Type", contentType)
	return b.ask(r)
}

func (b *browser) ask(r *http.Request) page {
	b.t.Helper()
	resp, err := b.client.Do(r)
	must(b.t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	must(b.t, err)
	return page{resp, string(body)}
}

func (b *browser) get(path string) page { b.t.Helper(); return b.do(http.MethodGet, path, nil) }

// field returns the value of a hidden field.
func (p page) field(t *testing.T, name string) string {
	t.Helper()
	m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(p.body)
	if m == nil {
		t.Fatalf("%s has no field %s:\n%s", p.Request.URL, name, p.body)
	}
	return html.UnescapeString(m[1])
}

// signIn goes the way of a person: the console, the issuer's page, and back.
func (b *browser) signIn(name, tenant string) page {
	b.t.Helper()
	asked := b.get("/console/signin?return=/&tenant=" + tenant)
	flow := asked.field(b.t, "flow")
	return b.do(http.MethodPost, "/"+tenant+"/oauth2/v2.0/signin", url.Values{"flow": {flow}, "username": {name}, "password": {password}})
}

// enter signs in by a link, which costs less than the way of a person.
func (b *browser) enter(name string, tenant pki.TenantID) page {
	b.t.Helper()
	scope := auth.ScopeReadWrite
	if name == "reader" {
		scope = auth.ScopeRead
	}
	link := b.console.NewLink(auth.Principal{Tenant: tenant, Client: "console", Subject: name, Name: name + " " + hostile, Scopes: []string{scope}})
	return b.do(http.MethodPost, link, url.Values{})
}

// subscribe makes a subscription whose texts are hostile and whose secrets are
// canaries.
func (w *world) subscribe(id pki.ID) { w.subscribeTo(id, "symantec") }

// subscribeTo is subscribe for a provider of the given kind.
func (w *world) subscribeTo(id pki.ID, kind string) {
	w.t.Helper()
	_, err := w.service.Create(w.t.Context(), tenantA, pki.Actor{Name: "setup"}, pki.Draft{
		ID: pki.Given(string(id)), Provider: pki.Given(kind), DisplayName: pki.Given(string(id) + hostile),
		Credentials: pki.Given(pki.DraftCredentials{
			UserName: pki.Given("user"), Password: pki.Given(secret.NewString("CANARY-password")),
		}),
	}, nil)
	must(w.t, err)
}

// quarantine gives a subscription a root that waits for a decision.
func (w *world) quarantine(id pki.ID) pki.ID { w.t.Helper(); return w.offer(id, hostile) }

// offer is quarantine of a root with a name.
func (w *world) offer(id pki.ID, name string) pki.ID {
	w.t.Helper()
	now := odata.FromTime(w.Now())
	der := selfSigned(w.t, name, w.Now())
	root := pki.Authority{
		ID: pki.ID(pki.Thumbprint(der)), Kind: pki.AuthorityRoot, State: pki.TrustQuarantined, DER: der, SubjectDN: "CN=" + name, IssuerDN: "CN=" + name,
		Serial: "7", NotBefore: now, NotAfter: odata.FromTime(w.Now().AddDate(9, 0, 0)), FirstSeen: now, LastSeen: now, StateChanged: odata.Never(), Retire: odata.Never(),
	}
	_, err := w.store.ChangeTrust(w.t.Context(), tenantA, id, func(*pki.Subscription, []pki.Authority) (pki.Effects, error) {
		return pki.Effects{Roots: []pki.Authority{root}}, nil
	})
	must(w.t, err)
	return root.ID
}
