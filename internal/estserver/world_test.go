package estserver_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"

	"cloudpki/internal/auth"
	"cloudpki/internal/casim"
	casimvault "cloudpki/internal/casim/vault"
	"cloudpki/internal/estserver"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/est"
	"cloudpki/internal/provider/vault"
	"cloudpki/internal/secret"
	"cloudpki/internal/store"
)

const (
	tenant   = pki.TenantID("0b1c0000-0000-4000-8000-000000000001")
	another  = pki.TenantID("0b1c0000-0000-4000-8000-000000000002")
	user     = "device"
	password = "a shared secret of devices"
)

// A world is a service that is subscribed to a simulated Vault, with one
// endpoint, at a listener that asks for client certificates.
type world struct {
	*testing.T

	now       time.Time
	ca        *casim.CA
	caServer  *casim.Server
	service   *pki.Service
	store     *store.DB
	endpoints *pki.ESTEndpoints
	endpoint  pki.ESTEndpoint
	server    *httptest.Server
	observed  chan string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, now: time.Now().UTC().Truncate(time.Microsecond), observed: make(chan string, 256)}
	clock := func() time.Time { return w.now }
	dir := t.TempDir()
	var err error
	w.store, err = store.Open(t.Context(), store.Options{URL: "sqlite:" + filepath.Join(dir, "est.db"), Now: clock})
	w.must(err)
	t.Cleanup(func() { w.must(w.store.Close()) })
	root, err := secret.CreateRoot(filepath.Join(dir, "root.key"))
	w.must(err)
	catalog, err := provider.NewCatalog(vault.Kind(), est.Kind())
	w.must(err)
	w.service, err = pki.NewService(pki.Options{
		Store: w.store, Keyring: secret.NewKeyring(root, w.store), Root: root, Catalog: catalog, Now: clock,
		Schedule:  pki.Schedule{Interval: 6 * time.Hour, MinimumInterval: 15 * time.Minute, RunTimeout: time.Minute, FullInterval: 7 * 24 * time.Hour, MaxMissingPercent: 100},
		Transport: provider.NewTransport(provider.TransportOptions{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Now: clock}),
	})
	w.must(err)
	w.endpoints = pki.NewESTEndpoints(pki.ESTOptions{Store: w.store, Service: w.service, Now: clock})
	w.serve(clock)
	sub := w.subscribe(clock)
	w.endpoint = w.create(pki.ESTEndpointDraft{Subscription: pki.Given(string(sub.ID))})
	return w
}

// subscribe brings up the CA and has it synced.
func (w *world) subscribe(clock func() time.Time) pki.Subscription {
	w.Helper()
	var err error
	w.ca, err = casim.New(casim.Options{Now: clock})
	w.must(err)
	w.caServer, err = w.ca.StartAs(w.Context(), "127.0.0.1:0", casimvault.Dialect())
	w.must(err)
	w.Cleanup(func() { _ = w.caServer.Close() })
	sub, err := w.service.Create(w.Context(), tenant, pki.Actor{Client: "test"}, pki.Draft{
		Provider: pki.Given("vault"), ServiceURI: pki.Given(w.caServer.URL), ServerCAs: pki.Given(w.ca.ServerCAs()),
		Settings:    pki.Given([]pki.Setting{{Name: "role", Value: "device"}}),
		Credentials: pki.Given(pki.DraftCredentials{Password: pki.Given(secret.NewString(w.ca.Login().APIKey))}),
	}, nil)
	w.must(err)
	w.sync()
	return sub
}

// sync runs what is due.
func (w *world) sync() {
	w.Helper()
	leases, err := w.store.TakeDue(w.Context(), "worker", odata.FromTime(w.now), odata.FromTime(w.now.Add(time.Minute)), 10, pki.Bounds{PerTenant: 10})
	w.must(err)
	for _, l := range leases {
		w.must(w.service.Sync(w.Context(), l))
	}
}

// serve brings up the server under test.
func (w *world) serve(clock func() time.Time) {
	w.server = httptest.NewUnstartedServer(estserver.New(estserver.Options{
		Endpoints: w.endpoints, Verifier: verifier{}, Now: clock,
		Observe: func(route, method string, status int, _ time.Duration, tenant pki.TenantID) {
			w.observed <- method + " " + route + " " + http.StatusText(status) + " " + string(tenant)
		},
	}))
	w.server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	w.server.EnableHTTP2 = true
	w.server.StartTLS()
	w.Cleanup(w.server.Close)
}

// A verifier takes "TENANT SCOPE" for a token.
type verifier struct{}

func (verifier) Verify(_ context.Context, bearer string) (auth.Principal, error) {
	tenant, scope, ok := strings.Cut(bearer, "/")
	if !ok {
		return auth.Principal{}, &auth.Error{Code: auth.CodeInvalidToken, Msg: "no token"}
	}
	return auth.Principal{Tenant: pki.TenantID(tenant), Client: "installer", Scopes: []string{scope}}, nil
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// create makes an endpoint with the account of devices.
func (w *world) create(d pki.ESTEndpointDraft) pki.ESTEndpoint {
	w.Helper()
	d.UserName, d.Password = pki.Given(user), pki.Given(secret.NewString(password))
	e, err := w.endpoints.Create(w.Context(), tenant, pki.Actor{Client: "test"}, d)
	w.must(err)
	return e
}

func (w *world) change(d pki.ESTEndpointDraft) {
	w.Helper()
	_, err := w.endpoints.Update(w.Context(), tenant, pki.Actor{Client: "test"}, w.endpoint.ID, d, nil)
	w.must(err)
}

// An ask is a request of a device.
type ask struct {
	method, operation string
	endpoint          pki.ID // "" for that of the world
	body              string
	media             string // "" for that of a request
	user, password    string
	bearer            string
	cert              *tls.Certificate
}

// A reply is the answer to one.
type reply struct {
	*http.Response

	text string
}

func (w *world) send(a ask) reply {
	w.Helper()
	if a.endpoint == "" {
		a.endpoint = w.endpoint.ID
	}
	if a.media == "" {
		a.media = "application/pkcs10"
	}
	r, err := http.NewRequestWithContext(w.Context(), a.method, w.server.URL+estserver.Path+string(a.endpoint)+"/"+a.operation, strings.NewReader(a.body))
	w.must(err)
	r.Header.Set("Content-Type", a.media)
	if a.user != "" {
		r.SetBasicAuth(a.user, a.password)
	}
	if a.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+a.bearer)
	}
	client := w.server.Client()
	if a.cert != nil {
		transport := client.Transport.(*http.Transport).Clone()
		transport.TLSClientConfig.Certificates = []tls.Certificate{*a.cert}
		defer transport.CloseIdleConnections()
		client = &http.Client{Transport: transport}
	}
	resp, err := client.Do(r)
	w.must(err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	w.must(err)
	return reply{resp, string(text)}
}

// enrol sends a request with the account of devices.
func (w *world) enrol(csr []byte) reply {
	w.Helper()
	return w.send(ask{method: "POST", operation: "simpleenroll", body: encode(csr), user: user, password: password})
}

// order sends a request with a token, which costs no hash of a password.
func (w *world) order(csr []byte) reply {
	w.Helper()
	return w.send(ask{method: "POST", operation: "simpleenroll", body: encode(csr), bearer: string(tenant) + "/" + auth.ScopeReadWrite})
}

// renew sends a request with a certificate in the handshake.
func (w *world) renew(cert *tls.Certificate, csr []byte) reply {
	w.Helper()
	return w.send(ask{method: "POST", operation: "simplereenroll", body: encode(csr), cert: cert})
}

func encode(csr []byte) string { return base64.StdEncoding.EncodeToString(csr) }

// certificates reads certs-only PKCS#7 in base64.
func (w *world) certificates(r reply) []*x509.Certificate {
	w.Helper()
	if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "application/pkcs7-mime; smime-type=certs-only" {
		w.Fatalf("%s, %s: %s", r.Status, r.Header.Get("Content-Type"), r.text)
	}
	der, err := base64.StdEncoding.DecodeString(r.text)
	w.must(err)
	p, err := pkcs7.Parse(der)
	w.must(err)
	return p.Certificates
}

// newKey returns a key of a device.
func (w *world) newKey() *ecdsa.PrivateKey {
	w.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	return key
}

// csr returns a request for a key, with a common name and URIs.
func (w *world) csr(key *ecdsa.PrivateKey, cn string, uris ...string) []byte {
	w.Helper()
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: cn}}
	for _, text := range uris {
		u, err := url.Parse(text)
		w.must(err)
		template.URIs = append(template.URIs, u)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	w.must(err)
	return der
}

// device enrols a device and returns what it may renew with.
func (w *world) device(cn string) (*tls.Certificate, *x509.Certificate) {
	w.Helper()
	key := w.newKey()
	leaf := w.certificates(w.order(w.csr(key, cn)))[0]
	return &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}, leaf
}
