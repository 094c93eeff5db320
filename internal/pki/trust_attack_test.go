package pki_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"strings"
	"testing"

	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

// A root's change, as f.root takes it.
type rootChange = func(*x509.Certificate, *keyPair)

func path(length int) rootChange {
	return func(c *x509.Certificate, _ *keyPair) { c.MaxPathLen, c.MaxPathLenZero = length, length == 0 }
}

func boundTo(name string) rootChange {
	return func(c *x509.Certificate, _ *keyPair) {
		c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{name}, true
	}
}

// utf8Name spells a subject with UTF8String where Go writes PrintableString.
func utf8Name(t *testing.T, name string) []byte {
	t.Helper()
	value, err := asn1.MarshalWithParams(name, "utf8")
	if err != nil {
		t.Fatal(err)
	}
	der, err := asn1.Marshal(pkix.RDNSequence{{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: asn1.RawValue{FullBytes: value}}}})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// Whoever holds less than the trusted root cannot make a root of more than the
// trusted root itself: a cross certificate counts by what it and its signer
// both may do.
func TestPowersOfSuccessors(t *testing.T) {
	const refused, renewed, crossed = "", "renewed", "crossed"
	w := newTrustWorld(t, pki.Draft{})
	for _, c := range []struct {
		name  string
		old   []rootChange
		next  []rootChange
		cross []func(*x509.Certificate) // nil for a renewal
		want  string
	}{
		{"a renewal with the same bounds", []rootChange{path(1), boundTo("corp.example")}, []rootChange{path(1), boundTo("corp.example")}, nil, renewed},
		{"a renewal with a longer path", []rootChange{path(1)}, []rootChange{path(2)}, nil, refused},
		{"a renewal without the path's bound", []rootChange{path(0)}, nil, nil, refused},
		{"a renewal for other names", []rootChange{boundTo("corp.example")}, []rootChange{boundTo("example")}, nil, refused},
		{"a renewal for all names", []rootChange{boundTo("corp.example")}, nil, nil, refused},
		{"a renewal for all policies", []rootChange{requiresPolicy()}, nil, nil, refused},
		{"a renewal that may not sign", nil, []rootChange{func(c *x509.Certificate, _ *keyPair) { c.KeyUsage = x509.KeyUsageCRLSign }}, nil, refused},
		{"crossed by a root bound to names", []rootChange{boundTo("corp.example")}, nil, anything(), refused},
		{"crossed by a root bound to names, bound alike", []rootChange{boundTo("corp.example")}, []rootChange{boundTo("corp.example")}, anything(), crossed},
		{"crossed by a root of one CA below", []rootChange{path(1)}, []rootChange{path(1)}, anything(), refused},
		{"crossed by a root of one CA below, for none", []rootChange{path(1)}, []rootChange{path(0)}, anything(), crossed},
		{"crossed by a root that may have no CA below", []rootChange{path(0)}, []rootChange{path(0)}, anything(), refused},
		{"crossed without the right to sign", nil, nil, crossing(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }), refused},
		{"crossed under another spelling of the name", nil, nil, crossing(func(c *x509.Certificate) { c.RawSubject = utf8Name(t, "new") }), refused},
		{"crossed under another name", nil, nil, crossing(func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: "other"} }), refused},
		{"crossed as no CA", nil, nil, crossing(func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, 0 }), refused},
		{"crossed, and not valid yet", nil, nil, crossing(func(c *x509.Certificate) { c.NotBefore = c.NotAfter.AddDate(-1, 0, 0) }), refused},
		{"crossed with a critical extension of its own", nil, nil, crossing(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}), refused},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.anew(t, pki.Draft{})
			f := &forge{t: t, now: w.now}
			old := f.root("old", c.old...)
			w.offer(old.cert)
			w.syncOne()
			before := w.get(w.sub)
			if !bytes.Equal(before.TrustedRoot, old.cert.Raw) {
				t.Fatal("the first root was not taken over")
			}
			if c.cross == nil {
				w.offer(f.root("old", append(c.next, withKey(old), f.until(5000))...).cert)
			} else {
				next := f.root("new", c.next...)
				w.before.authorities = []provider.Authority{{Root: next.cert, Chain: []*x509.Certificate{f.cross(old, next, c.cross...)}}}
			}
			w.sync()
			if taken := !bytes.Equal(w.get(w.sub).TrustedRoot, before.TrustedRoot); taken != (c.want != refused) {
				t.Errorf("taken over: %v; roots are %s", taken, w.states())
			}
		})
	}
}

func anything() []func(*x509.Certificate) { return crossing(func(*x509.Certificate) {}) }

func crossing(change func(*x509.Certificate)) []func(*x509.Certificate) {
	return []func(*x509.Certificate){change}
}

// requiresPolicy adds policyConstraints (RFC 5280, 4.2.1.11): requireExplicitPolicy 0.
func requiresPolicy() rootChange {
	return func(c *x509.Certificate, _ *keyPair) {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 36}, Value: []byte{0x30, 3, 0x80, 1, 0}}}
	}
}

// A renewal under another spelling of the name, and keys that are no keys, do
// not follow either.
func TestOtherSpellingsOfRoots(t *testing.T) {
	w := newTrustWorld(t, pki.Draft{})
	for _, c := range []struct {
		name string
		make func(f *forge, old keyPair) *x509.Certificate
		says string
	}{
		{"UTF8String", func(f *forge, old keyPair) *x509.Certificate {
			return f.root("old", withKey(old), f.until(5000), func(c *x509.Certificate, _ *keyPair) { c.RawSubject = utf8Name(t, "old") }).cert
		}, "another name"},
		{"an RSA key of 16384 bits", func(f *forge, _ keyPair) *x509.Certificate {
			huge := new(big.Int).Lsh(big.NewInt(1), 16383)
			template := &x509.Certificate{
				SerialNumber: big.NewInt(9), Subject: pkix.Name{CommonName: "huge"}, NotBefore: f.now.AddDate(-1, 0, 0), NotAfter: f.now.AddDate(9, 0, 0),
				IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
			}
			der, err := x509.CreateCertificate(rand.Reader, template, template, &rsa.PublicKey{N: huge.SetBit(huge, 0, 1), E: 65537}, f.key())
			w.must(err)
			cert, err := x509.ParseCertificate(der)
			w.must(err)
			return cert
		}, "more than can be checked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.anew(t, pki.Draft{})
			f := &forge{t: t, now: w.now}
			old := f.root("old")
			w.offer(old.cert)
			w.syncOne()
			w.offer(c.make(f, old))
			w.sync()
			waiting := w.quarantined()
			if !bytes.Equal(w.get(w.sub).TrustedRoot, old.cert.Raw) || len(waiting) != 1 || !strings.Contains(waiting[0].StateReason, c.says) {
				t.Errorf("quarantined are %+v", waiting)
			}
		})
	}
}

func (w *trustWorld) quarantined() []pki.Authority {
	w.t.Helper()
	page, err := w.service.Authorities(w.t.Context(), tenant, w.sub, w.query(pki.AuthorityType(), "$filter=state eq 'quarantined'"))
	w.must(err)
	return page.Items
}

// A CA that has shown two roots once is ambiguous until an admin decides, also
// when one of the two has gone again, or a third comes.
func TestAmbiguityIsNotSettledByTheCA(t *testing.T) {
	w := newTrustWorld(t, pki.Draft{})
	f := &forge{t: t, now: w.now}
	a, b, c := f.root("a").cert, f.root("b").cert, f.root("c").cert
	w.offer(a, b)
	w.syncOne()
	for _, shown := range []*x509.Certificate{a, b, c} {
		w.offer(shown)
		if run := w.sync(); run.Error != provider.CodeRootAmbiguous || !strings.Contains(run.Message, "'CN=b'") {
			t.Errorf("with %s alone: %q: %s", shown.Subject, run.Error, run.Message)
		}
	}
	if got := w.states(); got != "a#1 quarantined, b#2 quarantined, c#3 quarantined" || w.get(w.sub).TrustedRoot != nil {
		t.Errorf("roots are %s", got)
	}
	w.must(w.approve(b))
	w.expect("a#1 quarantined, b#2 trusted, c#3 quarantined", "b#2", "Quarantined , Quarantined , Quarantined , Changed admin")
}

// What an admin has rejected does not come in by another certificate for its
// key, whether the trusted root vouches for that or there is no trusted one.
func TestRejectedKeyStaysOut(t *testing.T) {
	w, f, old, next := rolledOver(t)
	w.must(w.reject(next.cert))
	again := f.root("new", withKey(next), f.until(4000))
	w.before.authorities = []provider.Authority{{Root: again.cert, Chain: []*x509.Certificate{f.cross(old, again)}}}
	if run := w.sync(); run.Error != provider.CodeTrustChangePending {
		t.Errorf("cross-signed: %q: %s", run.Error, run.Message)
	}
	w.expect("new#2 removed, new#3 quarantined, old#1 trusted", "old#1", "Changed policy, Quarantined , Rejected admin, Quarantined ")
	if reason := w.quarantined()[0].StateReason; !strings.Contains(reason, "rejected before") {
		t.Errorf("the reason is %s", reason)
	}
	_, err := w.service.Update(t.Context(), tenant, pki.Actor{Client: "admin"}, w.sub, pki.Draft{TrustedRoot: pki.Cleared[[]byte]()}, nil)
	w.must(err)
	if run := w.sync(); run.Error != provider.CodeTrustChangePending || w.get(w.sub).TrustedRoot != nil {
		t.Errorf("without a trusted root: %q: %s", run.Error, run.Message)
	}
	w.must(w.approve(again.cert)) // a second thought
	if got := w.trusted(); got != "new#3, old#1" {
		t.Errorf("trusted are %s", got)
	}
}

// A CA that shows root after root fills neither the database nor the trail, and
// loses nobody the inventory.
func TestRootsWithoutEnd(t *testing.T) {
	w := newTrustWorld(t, pki.Draft{})
	f := &forge{t: t, now: w.now}
	old := f.root("old")
	w.offer(old.cert)
	w.syncOne()
	for name, offer := range map[string]func() []*x509.Certificate{
		"130 at once": func() (many []*x509.Certificate) {
			for range 130 {
				many = append(many, f.root("many").cert)
			}
			return many
		},
		"one of 40 KiB": func() []*x509.Certificate {
			return []*x509.Certificate{f.root("large", func(c *x509.Certificate, _ *keyPair) {
				c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: make([]byte, 40<<10)}}
			}).cert}
		},
	} {
		w.offer(append(offer(), old.cert)...)
		w.before.records = []provider.Record{f.leaf(name, old)}
		run := w.sync()
		if run.Error != provider.CodeRootInvalid || !strings.Contains(run.Message, "nothing of what it shows") || run.Counts.New != 1 {
			t.Errorf("%s: %q: %s, %+v", name, run.Error, run.Message, run.Counts)
		}
	}
	w.expect("old#1 trusted", "old#1", "Changed policy")
	w.offer(old.cert)
	if run := w.sync(); run.Status != pki.RunSucceeded {
		t.Errorf("when the CA has come to its senses: %s", run.Message)
	}
}

// What is not a root is not approved, wherever the CA shows it.
func TestIntermediatesAreNotApproved(t *testing.T) {
	w := newTrustWorld(t, pki.Draft{})
	f := &forge{t: t, now: w.now}
	old, one, other := f.root("old"), f.root("one"), f.root("other")
	between, posing := f.cross(old, one), f.cross(old, other)
	w.before.authorities = []provider.Authority{{Root: old.cert, Chain: []*x509.Certificate{between}}}
	w.syncOne()
	if err := w.approve(between); pki.CodeOf(err) != pki.CodeNotFound {
		t.Errorf("an intermediate: %v", err)
	}
	w.offer(old.cert, posing)
	w.sync()
	if err := w.approve(posing); pki.CodeOf(err) != pki.CodeConflict || !strings.Contains(err.Error(), "issued by another") {
		t.Errorf("an intermediate that poses as a root: %v", err)
	}
	if got := w.trusted(); got != "old#1" {
		t.Errorf("trusted are %s", got)
	}
}
