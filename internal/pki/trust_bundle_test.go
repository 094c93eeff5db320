package pki_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/secret"
	"cloudpki/internal/store"
)

const bundleTenant = pki.TenantID("0b1c0000-0000-4000-8000-00000000000b")

// A bundleWorld is bundles over a real store, with a clock that stands still.
type bundleWorld struct {
	t       *testing.T
	db      *store.DB
	bundles *pki.Bundles
	now     time.Time
}

func newBundleWorld(t *testing.T) *bundleWorld {
	t.Helper()
	w := &bundleWorld{t: t, now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	db, err := store.Open(t.Context(), store.Options{URL: engines.URL(t), Now: func() time.Time { return w.now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	w.db = db
	root, err := secret.CreateRoot(filepath.Join(t.TempDir(), "root.key"))
	w.must(err)
	w.bundles, err = pki.NewBundles(pki.BundleOptions{Store: db, Root: root, Now: func() time.Time { return w.now }})
	w.must(err)
	return w
}

func (w *bundleWorld) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// A bundleCA is a CA certificate with its key.
type bundleCA struct {
	*x509.Certificate

	key *ecdsa.PrivateKey
}

// ca makes one, signed by parent or, where that is nil, by itself.
func (w *bundleWorld) ca(name string, years int, parent *bundleCA) *bundleCA {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: w.now.Add(-time.Hour), NotAfter: w.now.AddDate(years, 0, 0),
	}
	signer := &bundleCA{template, key}
	if parent != nil {
		signer = parent
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer.Certificate, &key.PublicKey, signer.key)
	w.must(err)
	c, err := x509.ParseCertificate(der)
	w.must(err)
	return &bundleCA{c, key}
}

// subscribe stores a subscription that trusts root, nil for none.
func (w *bundleWorld) subscribe(id pki.ID, root *bundleCA) {
	w.t.Helper()
	now := odata.FromTime(w.now)
	s := pki.Subscription{
		Tenant: bundleTenant, ID: id, Key: int64(len(id)), Provider: "symantec", Created: now, LastModified: now,
		LastSync: odata.Never(), NextSync: odata.Never(), Version: 1, Revision: 1,
	}
	if root != nil {
		s.TrustedRoot = root.Raw
	}
	w.must(w.db.CreateSubscription(w.t.Context(), s, pki.Effects{}, nil))
}

// trust changes what a subscription trusts: the root in force, and what was met.
func (w *bundleWorld) trust(id pki.ID, root []byte, met ...pki.Authority) {
	w.t.Helper()
	_, err := w.db.ChangeTrust(w.t.Context(), bundleTenant, id, func(s *pki.Subscription, _ []pki.Authority) (pki.Effects, error) {
		s.TrustedRoot = root
		return pki.Effects{Roots: met}, nil
	})
	w.must(err)
}

func (w *bundleWorld) met(c *bundleCA, kind pki.AuthorityKind, state pki.TrustState) pki.Authority {
	now := odata.FromTime(w.now)
	return pki.Authority{
		ID: pki.ID(pki.Thumbprint(c.Raw)), Kind: kind, State: state, DER: c.Raw, SubjectDN: c.Subject.String(), IssuerDN: c.Issuer.String(),
		Serial: "1", NotBefore: odata.FromTime(c.NotBefore), NotAfter: odata.FromTime(c.NotAfter), FirstSeen: now, LastSeen: now,
		StateChanged: odata.Never(), Retire: odata.Never(),
	}
}

func (w *bundleWorld) create(d pki.BundleDraft) pki.TrustBundle {
	w.t.Helper()
	b, err := w.bundles.Create(w.t.Context(), bundleTenant, pki.Actor{Client: "app"}, d, nil)
	w.must(err)
	return b
}

// holds fails the test unless the bundle, as it is now, has the version and
// the roots.
func (w *bundleWorld) holds(name string, version int64, status pki.BundleStatus, roots ...*bundleCA) pki.BundleContent {
	w.t.Helper()
	b, err := w.bundles.Published(w.t.Context(), bundleTenant, name)
	w.must(err)
	if b.Version != version || b.Status != status || b.Roots != int64(len(roots)) {
		w.t.Fatalf("bundle is %+v, want version %d, status %d and %d roots", b, version, status, len(roots))
	}
	if version == 0 {
		return pki.BundleContent{}
	}
	content, err := w.bundles.Content(w.t.Context(), b, version)
	w.must(err)
	var want, got []string
	for _, c := range roots {
		want = append(want, pki.Thumbprint(c.Raw))
	}
	for _, c := range content.Roots {
		got = append(got, pki.Thumbprint(c.Raw))
	}
	if slices.Sort(want); !slices.Equal(want, got) {
		w.t.Errorf("roots are %v, want %v", got, want)
	}
	return content
}

// Both roots are there during the overlap, each change is one version, and
// what is taken away by a fault is not taken from the devices.
func TestBundleFollowsRollover(t *testing.T) {
	t.Parallel()
	w := newBundleWorld(t)
	old, next, other := w.ca("old", 1, nil), w.ca("next", 9, nil), w.ca("other", 5, nil)
	w.subscribe("a", nil)
	w.create(pki.BundleDraft{Name: pki.Given("devices")})
	w.holds("devices", 0, pki.BundleEmpty)
	w.trust("a", old.Raw)
	w.holds("devices", 1, pki.BundlePublished, old)
	w.holds("devices", 1, pki.BundlePublished, old)
	w.trust("a", old.Raw, w.met(next, pki.AuthorityRoot, pki.TrustQuarantined))
	w.holds("devices", 1, pki.BundlePublished, old)
	w.trust("a", next.Raw, w.met(old, pki.AuthorityRoot, pki.TrustRetiring))
	w.holds("devices", 2, pki.BundlePublished, old, next)
	w.subscribe("bb", other)
	w.subscribe("ccc", other)
	w.holds("devices", 3, pki.BundlePublished, old, next, other)
	w.trust("a", next.Raw, w.met(old, pki.AuthorityRoot, pki.TrustRemoved))
	w.holds("devices", 4, pki.BundlePublished, next, other)
	for _, id := range []pki.ID{"a", "bb", "ccc"} {
		w.must(w.db.DeleteSubscription(t.Context(), bundleTenant, id, nil, pki.AuditEvent{ID: "gone-" + id}))
	}
	w.holds("devices", 4, pki.BundleKept, next, other)
	w.subscribe("dddd", old)
	w.holds("devices", 5, pki.BundlePublished, old)
}

// What a process that ended has left behind, the next publishes.
func TestBundleTend(t *testing.T) {
	t.Parallel()
	w := newBundleWorld(t)
	root := w.ca("root", 3, nil)
	created := w.create(pki.BundleDraft{Name: pki.Given("one")})
	w.create(pki.BundleDraft{Name: pki.Given("two")})
	w.subscribe("a", root)
	if more, err := w.bundles.Tend(t.Context(), 1); err != nil || !more {
		t.Errorf("Tend: %t, %v", more, err)
	}
	if more, err := w.bundles.Tend(t.Context(), 2); err != nil || more {
		t.Errorf("Tend: %t, %v", more, err)
	}
	page, err := w.bundles.List(t.Context(), bundleTenant, odata.Query{})
	w.must(err)
	for _, b := range page.Items {
		if b.Stale || b.Version != 1 || b.Expires != odata.FromTime(root.NotAfter) || b.Published != odata.FromTime(w.now) {
			t.Errorf("bundle is %+v", b)
		}
	}
	versions, err := w.bundles.Versions(t.Context(), bundleTenant, created.ID, odata.Query{})
	w.must(err)
	if len(versions.Items) != 1 || !slices.Equal(versions.Items[0].RootIDs, []string{pki.Thumbprint(root.Raw)}) {
		t.Errorf("versions are %+v", versions.Items)
	}
}

// Intermediates are there on demand, and only what a trusted root has signed.
func TestBundleIntermediates(t *testing.T) {
	t.Parallel()
	w := newBundleWorld(t)
	root, impostor := w.ca("root", 3, nil), w.ca("root", 3, nil)
	below, issuing := w.ca("below", 2, root), w.ca("foreign", 2, impostor)
	deep := w.ca("deep", 1, below)
	w.subscribe("a", root)
	w.trust("a", root.Raw,
		w.met(below, pki.AuthorityIntermediate, pki.TrustDiscovered), w.met(deep, pki.AuthorityIssuing, pki.TrustDiscovered),
		w.met(issuing, pki.AuthorityIssuing, pki.TrustDiscovered))
	b := w.create(pki.BundleDraft{Name: pki.Given("devices")})
	if got := w.holds("devices", 1, pki.BundlePublished, root); len(got.Intermediates) != 0 {
		t.Errorf("there are %d intermediates, unasked", len(got.Intermediates))
	}
	_, err := w.bundles.Update(t.Context(), bundleTenant, pki.Actor{}, b.ID, pki.BundleDraft{Intermediates: pki.Given(true)}, nil)
	w.must(err)
	got := w.holds("devices", 2, pki.BundlePublished, root)
	if len(got.Intermediates) != 2 || !slices.ContainsFunc(got.Intermediates, deep.Equal) || !slices.ContainsFunc(got.Intermediates, below.Equal) {
		t.Errorf("there are %d intermediates, want those below the root", len(got.Intermediates))
	}
}

func TestBundleRefusals(t *testing.T) {
	t.Parallel()
	w := newBundleWorld(t)
	b := w.create(pki.BundleDraft{Name: pki.Given("devices")})
	many := slices.Repeat([]string{"s"}, 65)
	for name, c := range map[string]struct {
		draft pki.BundleDraft
		want  pki.Code
	}{
		"no name":         {pki.BundleDraft{}, pki.CodeInvalid},
		"null name":       {pki.BundleDraft{Name: pki.Cleared[string]()}, pki.CodeInvalid},
		"empty name":      {pki.BundleDraft{Name: pki.Given("")}, pki.CodeInvalid},
		"a path":          {pki.BundleDraft{Name: pki.Given("a/b")}, pki.CodeInvalid},
		"hidden":          {pki.BundleDraft{Name: pki.Given(".a")}, pki.CodeInvalid},
		"long name":       {pki.BundleDraft{Name: pki.Given(strings.Repeat("a", 65))}, pki.CodeInvalid},
		"long text":       {pki.BundleDraft{Name: pki.Given("a"), Description: pki.Given(strings.Repeat("ä", 257))}, pki.CodeInvalid},
		"many":            {pki.BundleDraft{Name: pki.Given("a"), Subscriptions: pki.Given(many)}, pki.CodeInvalid},
		"no id":           {pki.BundleDraft{Name: pki.Given("a"), Subscriptions: pki.Given([]string{"a b"})}, pki.CodeInvalid},
		"no subscription": {pki.BundleDraft{Name: pki.Given("a"), Subscriptions: pki.Given([]string{"s"})}, pki.CodeInvalid},
		"taken":           {pki.BundleDraft{Name: pki.Given("devices")}, pki.CodeExists},
	} {
		if _, err := w.bundles.Create(t.Context(), bundleTenant, pki.Actor{}, c.draft, nil); pki.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if _, err := w.bundles.Update(t.Context(), bundleTenant, pki.Actor{}, b.ID, pki.BundleDraft{Name: pki.Given("other")}, nil); pki.CodeOf(err) != pki.CodeInvalid {
		t.Errorf("a new name: %v", err)
	}
	if _, err := w.bundles.Get(t.Context(), "another", b.ID); pki.CodeOf(err) != pki.CodeNotFound {
		t.Errorf("another tenant's: %v", err)
	}
	w.must(w.bundles.Delete(t.Context(), bundleTenant, pki.Actor{}, b.ID, nil))
	if _, err := w.bundles.Published(t.Context(), bundleTenant, "devices"); pki.CodeOf(err) != pki.CodeNotFound {
		t.Errorf("a deleted one: %v", err)
	}
}

func TestBundleRepetitions(t *testing.T) {
	t.Parallel()
	w := newBundleWorld(t)
	create := func(name, body string) (pki.TrustBundle, error) {
		r := &pki.ReplayKey{Client: "app", Key: "k", Body: []byte(body)}
		return w.bundles.Create(t.Context(), bundleTenant, pki.Actor{}, pki.BundleDraft{Name: pki.Given(name)}, r)
	}
	b, err := create("devices", "a")
	w.must(err)
	if again, err := create("devices", "a"); err != nil || again.ID != b.ID || again.ETag() != b.ETag() {
		t.Errorf("repeated: %+v (%v), want %+v", again, err, b)
	}
	if _, err := create("other", "b"); pki.CodeOf(err) != pki.CodeReplayMismatch {
		t.Errorf("another body: %v", err)
	}
	w.must(w.bundles.Delete(t.Context(), bundleTenant, pki.Actor{}, b.ID, nil))
	if _, err := create("devices", "a"); pki.CodeOf(err) != pki.CodeReplayMismatch {
		t.Errorf("deleted since: %v", err)
	}
	w.now = w.now.Add(pki.ReplayWindow + time.Second)
	if _, err := create("other", "b"); err != nil {
		t.Errorf("a day later: %v", err)
	}
}

// TestBundleConditions: what an admin has changed since fails a condition, what
// was published since does not; what changes nothing is no change.
func TestBundleConditions(t *testing.T) {
	t.Parallel()
	w := newBundleWorld(t)
	b := w.create(pki.BundleDraft{Name: pki.Given("devices")})
	refuse := &pki.Error{Code: pki.CodePreconditionFailed}
	var saw string
	for _, c := range []pki.Condition{func(string) error { return refuse }, func(etag string) error { saw = etag; return nil }} {
		got, err := w.bundles.Update(t.Context(), bundleTenant, pki.Actor{}, b.ID, pki.BundleDraft{Intermediates: pki.Given(false)}, c)
		if saw == "" {
			if err != error(refuse) { //nolint:errorlint // the very error is returned
				t.Errorf("refused: %v", err)
			}
			continue
		}
		if err != nil || got.ETag() != b.ETag() || saw != b.ETag() {
			t.Errorf("nothing changed: %s (%v), the condition saw %s, want %s", got.ETag(), err, saw, b.ETag())
		}
	}
	if err := w.bundles.Delete(t.Context(), bundleTenant, pki.Actor{}, b.ID, func(string) error { return refuse }); pki.CodeOf(err) != pki.CodePreconditionFailed {
		t.Errorf("refused: %v", err)
	}
	w.subscribe("s", w.ca("root", 1, nil))
	now, err := w.bundles.Get(t.Context(), bundleTenant, b.ID)
	if err != nil || now.Edits != b.Edits || now.Revision <= b.Revision {
		t.Errorf("published: %+v (%v)", now, err)
	}
}
