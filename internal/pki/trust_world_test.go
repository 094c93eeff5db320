package pki_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

// A script is what a CA of a scripted kind says, and what it does meanwhile.
type script struct {
	authorities []provider.Authority
	records     []provider.Record
	meanwhile   func() // called when the roots are asked for; nil for nothing
}

func (s *script) kind(name string) provider.Kind {
	return provider.Kind{
		Name: name, Title: name, DefaultURI: "https://ca.example/",
		Can:      provider.Capabilities{Authorities: true, Inventory: provider.InventoryFull},
		Validate: func(provider.Config) []provider.Problem { return nil },
		Open:     func(context.Context, provider.Config) (provider.Session, error) { return scripted{s}, nil },
	}
}

// A scripted session answers as its script says.
type scripted struct{ *script }

func (scripted) Probe(context.Context) (provider.Probe, error) { return provider.Probe{}, nil }
func (scripted) Close() error                                  { return nil }
func (scripted) Mode() provider.InventoryMode                  { return provider.InventoryFull }

func (s scripted) Authorities(context.Context) (provider.Authorities, error) {
	if s.meanwhile != nil {
		s.meanwhile()
	}
	return provider.Authorities{List: s.authorities}, nil
}

func (s scripted) List(context.Context, provider.Scan, provider.Cursor) (provider.Page, error) {
	return provider.Page{Records: s.records, Total: len(s.records), Full: true}, nil
}

// A trustWorld is a world with a subscription to a scripted CA, which may be
// moved to another.
type trustWorld struct {
	*world

	before, after script // of the kinds symantec and digicertOne
	sub           pki.ID
	overlap       time.Duration
}

func newTrustWorld(t *testing.T, d pki.Draft) *trustWorld {
	w := &trustWorld{world: newWorld(t), overlap: 30 * 24 * time.Hour}
	catalog, err := provider.NewCatalog(w.before.kind("symantec"), w.after.kind("digicertOne"))
	w.must(err)
	w.service, err = pki.NewService(pki.Options{
		Store: w.store, Keyring: w.keyring, Root: w.root, Catalog: catalog, Now: w.clock, Schedule: w.schedule, TrustOverlap: w.overlap,
		Transport: provider.NewTransport(provider.TransportOptions{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Timeout: time.Second, Now: w.clock}),
	})
	w.must(err)
	w.subscribe(d)
	return w
}

func (w *trustWorld) subscribe(d pki.Draft) {
	w.t.Helper()
	d.Provider = pki.Given("symantec")
	w.sub = w.create(d).ID
}

// anew takes another subscription in the place of the one before, for the next
// case of a table: a world is dear to make.
func (w *trustWorld) anew(t *testing.T, d pki.Draft) {
	w.t = t
	w.must(w.service.Delete(t.Context(), tenant, pki.Actor{}, w.sub, nil))
	w.before, w.after = script{}, script{}
	w.subscribe(d)
}

// offer makes the CA offer roots, each with nothing below it.
func (w *trustWorld) offer(roots ...*x509.Certificate) {
	w.before.authorities = nil
	for _, c := range roots {
		w.before.authorities = append(w.before.authorities, provider.Authority{Root: c})
	}
}

// later lets time pass and syncs, whether one was due or not.
func (w *trustWorld) later(d time.Duration) pki.Run {
	w.t.Helper()
	w.now = w.now.Add(d)
	_, err := w.service.RequestSync(w.t.Context(), tenant, pki.Actor{Client: "test"}, w.sub)
	w.must(err)
	return w.syncOne()
}

func (w *trustWorld) sync() pki.Run {
	w.t.Helper()
	return w.later(time.Hour)
}

// states lists the roots as "name state", in the order of their making.
func (w *trustWorld) states() string {
	w.t.Helper()
	page, err := w.service.Authorities(w.t.Context(), tenant, w.sub, w.query(pki.AuthorityType(), "$filter=kind eq 'root'"))
	w.must(err)
	var list []string
	for _, a := range page.Items {
		list = append(list, strings.TrimPrefix(a.SubjectDN, "CN=")+"#"+a.Serial+" "+a.State.String())
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// trail lists what was decided on roots and providers, oldest first, as
// "what by".
func (w *trustWorld) trail() string {
	w.t.Helper()
	page, err := w.service.AuditEvents(w.t.Context(), tenant, w.query(pki.AuditEventType(), "$filter=resourceId eq '"+string(w.sub)+"'"))
	w.must(err)
	var list []string
	for _, e := range slices.Backward(page.Items) {
		what, _, _ := strings.Cut(e.Activity, " ")
		if e.Reason == "" {
			continue
		}
		list = append(list, strings.TrimPrefix(what, "TrustedRoot")+" "+e.Actor.Name+e.Actor.Client)
	}
	return strings.Join(list, ", ")
}

// trusted names the roots that devices are to trust.
func (w *trustWorld) trusted() string {
	w.t.Helper()
	roots, err := w.service.TrustedRoots(w.t.Context(), tenant, w.sub)
	w.must(err)
	var list []string
	for _, a := range roots {
		list = append(list, strings.TrimPrefix(a.SubjectDN, "CN=")+"#"+a.Serial)
	}
	return strings.Join(list, ", ")
}

func (w *trustWorld) approve(c *x509.Certificate) error {
	_, err := w.service.ApproveTrustChange(w.t.Context(), tenant, pki.Actor{Client: "admin"}, w.sub, decision(c), nil)
	return err
}

func (w *trustWorld) reject(c *x509.Certificate) error {
	_, err := w.service.RejectTrustChange(w.t.Context(), tenant, pki.Actor{Client: "admin"}, w.sub, decision(c), nil)
	return err
}

// decision names a root, or leaves it to be the only one.
func decision(c *x509.Certificate) pki.TrustDecision {
	d := pki.TrustDecision{Comment: "as the CA has published it"}
	if c != nil {
		d.Thumbprint = pki.Thumbprint(c.Raw)
	}
	return d
}

// A keyPair is what certificates of a test are made with.
type keyPair struct {
	key  any
	cert *x509.Certificate
}

// A forge makes certificates.
type forge struct {
	t      *testing.T
	now    time.Time
	serial int64
}

func (f *forge) key() any {
	f.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.t.Fatal(err)
	}
	return key
}

// root makes a root called name, with changes to the customary form.
func (f *forge) root(name string, change ...func(*x509.Certificate, *keyPair)) keyPair {
	f.t.Helper()
	f.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(f.serial), Subject: pkix.Name{CommonName: name}, NotBefore: f.now.Add(-24 * time.Hour), NotAfter: f.now.Add(3650 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	self := keyPair{cert: template}
	for _, c := range change {
		c(template, &self)
	}
	if self.key == nil {
		self.key = f.key()
	}
	self.cert = f.sign(template, template, self.key, self.key)
	return self
}

// sign makes a certificate for key, signed by another.
func (f *forge) sign(template, parent *x509.Certificate, key, by any) *x509.Certificate {
	f.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public(key), by)
	if err != nil {
		f.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

func public(key any) any {
	if k, ok := key.(*rsa.PrivateKey); ok {
		return &k.PublicKey
	}
	return &key.(*ecdsa.PrivateKey).PublicKey
}

// cross makes a certificate for the subject and key of next, signed by old.
func (f *forge) cross(old, next keyPair, change ...func(*x509.Certificate)) *x509.Certificate {
	f.t.Helper()
	f.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(f.serial), Subject: next.cert.Subject, NotBefore: f.now.Add(-time.Hour), NotAfter: f.now.Add(3000 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	for _, c := range change {
		c(template)
	}
	return f.sign(template, old.cert, next.key, old.key)
}

// leaf makes a record of a certificate that by has issued.
func (f *forge) leaf(name string, by keyPair) provider.Record {
	f.t.Helper()
	f.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(f.serial), Subject: pkix.Name{CommonName: name}, NotBefore: f.now.Add(-time.Hour), NotAfter: f.now.Add(365 * 24 * time.Hour),
	}
	r := provider.NewRecord(f.sign(template, by.cert, f.key(), by.key))
	r.Status = provider.StatusValid
	return r
}

// withKey makes a root with the key of another.
func withKey(of keyPair) func(*x509.Certificate, *keyPair) {
	return func(_ *x509.Certificate, self *keyPair) { self.key = of.key }
}

// until moves the end of a root by days from now.
func (f *forge) until(days int) func(*x509.Certificate, *keyPair) {
	return func(c *x509.Certificate, _ *keyPair) { c.NotAfter = f.now.AddDate(0, 0, days) }
}
