package pki_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

// A rootCase is what a CA offers at a second sync, after a first one has taken
// over the root old, and what must come of it.
type rootCase struct {
	name   string
	offer  func(f *forge, w *trustWorld, old keyPair)
	manual bool // the policy
	states string
	trail  string // behind the first root's
	error  provider.Code
	says   string // part of the run's message
	taken  bool   // the version rises by one
}

func rootCases() []rootCase {
	const first = "old#1 trusted"
	offer := func(make func(f *forge, old keyPair) *x509.Certificate) func(*forge, *trustWorld, keyPair) {
		return func(f *forge, w *trustWorld, old keyPair) { w.offer(make(f, old)) }
	}
	changed := func(change func(*x509.Certificate, *keyPair)) func(*forge, *trustWorld, keyPair) {
		return offer(func(f *forge, _ keyPair) *x509.Certificate { return f.root("new", change).cert })
	}
	renewed := offer(func(f *forge, old keyPair) *x509.Certificate {
		return f.root("old", withKey(old), f.until(5000)).cert
	})
	crossed := func(change ...func(*x509.Certificate)) func(*forge, *trustWorld, keyPair) {
		return func(f *forge, w *trustWorld, old keyPair) {
			next := f.root("new")
			w.before.authorities = []provider.Authority{{Root: next.cert, Chain: []*x509.Certificate{f.cross(old, next, change...)}}}
		}
	}
	return []rootCase{
		{name: "the same", offer: func(*forge, *trustWorld, keyPair) {}, states: first},
		{name: "a renewal with the same key", offer: renewed, states: "old#1 retiring, old#2 trusted", trail: "Changed policy", taken: true},
		{name: "a renewal, by a manual policy", offer: renewed, manual: true, states: "old#1 trusted, old#2 quarantined", trail: "Quarantined ", error: provider.CodeTrustChangePending, says: "old"},
		{
			name: "the same key with an earlier end", states: "old#1 trusted, old#2 quarantined", trail: "Quarantined ", error: provider.CodeTrustChangePending,
			offer: offer(func(f *forge, old keyPair) *x509.Certificate { return f.root("old", withKey(old), f.until(30)).cert }),
		},
		{
			name: "the same key with another name", states: "new#2 quarantined, old#1 trusted", trail: "Quarantined ", error: provider.CodeTrustChangePending,
			offer: offer(func(f *forge, old keyPair) *x509.Certificate { return f.root("new", withKey(old), f.until(5000)).cert }),
		},
		{
			name: "the same name with another key", states: "old#1 trusted, old#2 quarantined", trail: "Quarantined ", error: provider.CodeTrustChangePending,
			offer: offer(func(f *forge, _ keyPair) *x509.Certificate { return f.root("old", f.until(5000)).cert }),
		},
		{name: "cross-signed by the trusted root", offer: crossed(), states: "new#2 trusted, old#1 retiring", trail: "Changed policy", taken: true},
		{name: "cross-signed, by a manual policy", offer: crossed(), manual: true, states: "new#2 quarantined, old#1 trusted", trail: "Quarantined ", error: provider.CodeTrustChangePending},
		{
			name: "cross-signed for a shorter path", states: "new#2 quarantined, old#1 trusted", trail: "Quarantined ", error: provider.CodeTrustChangePending,
			offer: crossed(func(c *x509.Certificate) { c.MaxPathLenZero = true }),
		},
		{
			name: "cross-signed for other names only", states: "new#2 quarantined, old#1 trusted", trail: "Quarantined ", error: provider.CodeTrustChangePending,
			offer: crossed(func(c *x509.Certificate) {
				c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{"example.com"}, true
			}),
		},
		{
			name: "cross-signed, and expired", states: "new#2 quarantined, old#1 trusted", trail: "Quarantined ", error: provider.CodeTrustChangePending,
			offer: crossed(func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = c.NotBefore.AddDate(-2, 0, 0), c.NotBefore.AddDate(-1, 0, 0)
			}),
		},
		{
			name: "cross-signed by a stranger of the same name", states: "new#3 quarantined, old#1 trusted", trail: "Quarantined ", error: provider.CodeTrustChangePending,
			offer: func(f *forge, w *trustWorld, _ keyPair) {
				stranger, next := f.root("old"), f.root("new")
				w.before.authorities = []provider.Authority{{Root: next.cert, Chain: []*x509.Certificate{f.cross(stranger, next)}}}
			},
		},
		{
			name: "a subordinate that made itself a root", states: "new#2 quarantined, old#1 trusted", trail: "Quarantined ", error: provider.CodeTrustChangePending,
			offer: func(f *forge, w *trustWorld, old keyPair) {
				next := f.root("new")
				sub := f.cross(old, next)
				w.before.authorities = []provider.Authority{{Root: next.cert, Issuing: sub, Chain: []*x509.Certificate{sub}}}
			},
		},
		{
			name: "a leaf", states: "leaf#2 quarantined, old#1 trusted", trail: "Quarantined ", error: provider.CodeRootInvalid, says: "basicConstraints",
			offer: func(f *forge, w *trustWorld, old keyPair) {
				c, err := x509.ParseCertificate(f.leaf("leaf", old).DER)
				w.must(err)
				w.offer(c)
			},
		},
		{name: "no CA", offer: changed(func(c *x509.Certificate, _ *keyPair) { c.IsCA, c.KeyUsage = false, 0 }), states: "new#2 quarantined, old#1 trusted", trail: "Quarantined ", error: provider.CodeRootInvalid, says: "no CA certificate"},
		{name: "expired", offer: changed(func(c *x509.Certificate, _ *keyPair) { c.NotAfter = c.NotBefore.Add(time.Hour) }), states: "new#2 quarantined, old#1 trusted", trail: "Quarantined ", error: provider.CodeRootInvalid, says: "expired"},
		{name: "not valid yet", offer: changed(func(c *x509.Certificate, _ *keyPair) { c.NotBefore = c.NotAfter.Add(-time.Hour) }), states: "new#2 quarantined, old#1 trusted", trail: "Quarantined ", error: provider.CodeRootInvalid, says: "not valid before"},
		{
			name: "1024 bits", states: "new#2 quarantined, old#1 trusted", trail: "Quarantined ", error: provider.CodeRootInvalid, says: "1024 bits",
			offer: func(f *forge, w *trustWorld, _ keyPair) {
				w.offer(f.root("new", func(_ *x509.Certificate, self *keyPair) {
					key, err := rsa.GenerateKey(rand.Reader, 1024)
					w.must(err)
					self.key = key
				}).cert)
			},
		},
		{name: "none", offer: func(_ *forge, w *trustWorld, _ keyPair) { w.offer() }, states: first, error: provider.CodeRootInvalid, says: "stays as it is"},
		{
			name: "none, and a chain to the trusted one", states: first,
			offer: func(f *forge, w *trustWorld, old keyPair) {
				w.before.authorities = []provider.Authority{{Issuing: f.cross(old, f.root("issuing"))}}
			},
		},
		{
			name: "none, and a chain to another", states: first, error: provider.CodeRootInvalid,
			offer: func(f *forge, w *trustWorld, _ keyPair) {
				w.before.authorities = []provider.Authority{{Issuing: f.cross(f.root("other"), f.root("issuing"))}}
			},
		},
		{
			name: "two others at once", states: "new#2 quarantined, new#3 quarantined, old#1 trusted", trail: "Quarantined , Quarantined ", error: provider.CodeTrustChangePending, says: "CN=new",
			offer: func(f *forge, w *trustWorld, _ keyPair) { w.offer(f.root("new").cert, f.root("new").cert) },
		},
		{
			name: "two renewals at once", states: "old#1 trusted, old#2 quarantined, old#3 quarantined", trail: "Quarantined , Quarantined ", error: provider.CodeTrustChangePending,
			offer: func(f *forge, w *trustWorld, old keyPair) {
				w.offer(f.root("old", withKey(old), f.until(5000)).cert, f.root("old", withKey(old), f.until(6000)).cert)
			},
		},
		{
			name: "another beside it", states: "new#2 quarantined, old#1 trusted", trail: "Quarantined ",
			offer: func(f *forge, w *trustWorld, old keyPair) { w.offer(f.root("new").cert, old.cert) },
		},
		{
			name: "a renewal beside it", states: "old#1 retiring, old#2 trusted", trail: "Changed policy", taken: true,
			offer: func(f *forge, w *trustWorld, old keyPair) {
				w.offer(old.cert, f.root("old", withKey(old), f.until(5000)).cert)
			},
		},
	}
}

// What a CA offers in the place of its root changes trust in the cases of the
// policy, and in no other.
func TestOfferedRoots(t *testing.T) {
	t.Parallel()
	w := newTrustWorld(t, pki.Draft{})
	for _, c := range rootCases() {
		t.Run(c.name, func(t *testing.T) {
			d := pki.Draft{}
			if c.manual {
				d.TrustPolicy = pki.Given(pki.TrustManual)
			}
			w.anew(t, d)
			f := &forge{t: t, now: w.now}
			old := f.root("old")
			w.offer(old.cert)
			w.syncOne()
			before := w.get(w.sub)
			c.offer(f, w, old)
			for n := range 2 { // the second changes nothing
				run := w.sync()
				if run.Error != c.error || !strings.Contains(run.Message, c.says) {
					t.Errorf("sync %d ended with %q: %s; want %q: …%s…", n+1, run.Error, run.Message, c.error, c.says)
				}
				after := w.get(w.sub)
				if failed := after.LastSyncError != nil && strings.HasPrefix(*after.LastSyncError, string(c.error)); failed != (c.error != "") {
					t.Errorf("lastSyncError is %v", after.LastSyncError)
				}
				if taken := !bytes.Equal(after.TrustedRoot, before.TrustedRoot); taken != c.taken || taken != (after.Version == before.Version+1) || !taken && after.Version != before.Version {
					t.Errorf("the root was taken over: %v, version %d after %d", taken, after.Version, before.Version)
				}
				if got := w.states(); got != c.states {
					t.Errorf("roots are %s\nwant %s", got, c.states)
				}
			}
			if got, want := w.trail(), strings.TrimSuffix("Changed policy, "+c.trail, ", "); got != want {
				t.Errorf("the trail tells %s\nwant %s", got, want)
			}
		})
	}
}

// The first root is taken over where there is only one that can be trusted.
func TestFirstRoot(t *testing.T) {
	t.Parallel()
	w := newTrustWorld(t, pki.Draft{})
	weak := func(c *x509.Certificate, _ *keyPair) { c.NotAfter = c.NotBefore.Add(time.Hour) }
	for _, c := range []struct {
		name   string
		offer  func(f *forge, w *trustWorld)
		states string
		error  provider.Code
		says   string
	}{
		{"one", func(f *forge, w *trustWorld) { w.offer(f.root("a").cert) }, "a#1 trusted", "", ""},
		{"two", func(f *forge, w *trustWorld) { w.offer(f.root("a").cert, f.root("b").cert) }, "a#1 quarantined, b#2 quarantined", provider.CodeRootAmbiguous, "'CN=b'"},
		{"one beside one that has expired", func(f *forge, w *trustWorld) { w.offer(f.root("a").cert, f.root("b", weak).cert) }, "a#1 trusted, b#2 quarantined", "", ""},
		{"one that has expired", func(f *forge, w *trustWorld) { w.offer(f.root("a", weak).cert) }, "a#1 quarantined", provider.CodeRootInvalid, "expired"},
		{"none", func(*forge, *trustWorld) {}, "", provider.CodeRootInvalid, "no root certificate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.anew(t, pki.Draft{})
			c.offer(&forge{t: t, now: w.now}, w)
			run := w.syncOne()
			if run.Error != c.error || !strings.Contains(run.Message, c.says) {
				t.Errorf("ended with %q: %s", run.Error, run.Message)
			}
			if got := w.states(); got != c.states {
				t.Errorf("roots are %s, want %s", got, c.states)
			}
			if got := w.get(w.sub).TrustedRoot != nil; got != (c.error == "") {
				t.Errorf("a root was taken over: %v", got)
			}
		})
	}
}

// What an admin has set is trusted from the beginning, and noted as such when
// it is met.
func TestRootSetByAdmin(t *testing.T) {
	t.Parallel()
	f := &forge{t: t, now: time.Now()}
	mine := f.root("mine")
	w := newTrustWorld(t, pki.Draft{TrustedRoot: pki.Given(mine.cert.Raw)})
	if got := w.trusted(); got != "mine#1" {
		t.Errorf("trusted before the first sync: %s", got)
	}
	w.offer(mine.cert, f.root("other").cert)
	if run := w.syncOne(); run.Error != "" {
		t.Error(run.Message)
	}
	if got := w.states(); got != "mine#1 trusted, other#2 quarantined" || w.get(w.sub).Version != 1 {
		t.Errorf("roots are %s, version %d", got, w.get(w.sub).Version)
	}
}
