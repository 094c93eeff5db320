package pki_test

import (
	"testing"
	"time"

	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

// A replaced root is removed when its time is over, and not while anything may
// need it.
func TestRetiringRoot(t *testing.T) {
	t.Parallel()
	const month = 31 * 24 * time.Hour
	w := newTrustWorld(t, pki.Draft{})
	for _, c := range []struct {
		name   string
		wait   time.Duration
		change func(f *forge, w *trustWorld, old, next keyPair)
		states string
	}{
		{"its time is not over", 24 * time.Hour, func(*forge, *trustWorld, keyPair, keyPair) {}, "new#2 trusted, old#1 retiring"},
		{"its time is over", month, func(*forge, *trustWorld, keyPair, keyPair) {}, "new#2 trusted, old#1 removed"},
		{"the CA offers it", month, func(_ *forge, w *trustWorld, old, next keyPair) { w.offer(old.cert, next.cert) }, "new#2 trusted, old#1 retiring"},
		{"the CA offers none", month, func(_ *forge, w *trustWorld, _, _ keyPair) { w.offer() }, "new#2 trusted, old#1 retiring"},
		{"a valid certificate needs it", month, func(f *forge, w *trustWorld, old, _ keyPair) {
			w.before.records = append(w.before.records, f.leaf("needs it", old))
		}, "new#2 trusted, old#1 retiring"},
		{"a certificate of an unknown issuer is valid", month, func(f *forge, w *trustWorld, _, _ keyPair) {
			w.before.records = append(w.before.records, f.leaf("of a stranger", f.root("stranger")))
		}, "new#2 trusted, old#1 retiring"},
		{"a valid certificate of an issuer below it", month, func(f *forge, w *trustWorld, old, _ keyPair) {
			issuing := f.root("issuing")
			issuing.cert = f.cross(old, issuing)
			w.before.authorities[0].Issuing = issuing.cert
			w.before.records = append(w.before.records, f.leaf("below", issuing))
		}, "new#2 trusted, old#1 retiring"},
		{"the new root vouches for the issuer too", month, func(f *forge, w *trustWorld, old, next keyPair) {
			issuing := f.root("issuing")
			w.before.authorities = append(w.before.authorities, provider.Authority{Root: next.cert, Issuing: f.cross(old, issuing)}, provider.Authority{Root: next.cert, Issuing: f.cross(next, issuing)})
			issuing.cert = f.cross(next, issuing)
			w.before.records = append(w.before.records, f.leaf("below both", issuing))
		}, "new#2 trusted, old#1 removed"},
		{"what needed it was revoked", month, func(f *forge, w *trustWorld, old, _ keyPair) {
			r := f.leaf("revoked", old)
			r.Status = provider.StatusRevoked
			w.before.records = append(w.before.records, r)
		}, "new#2 trusted, old#1 removed"},
		{"the new root's certificates are valid", month, func(f *forge, w *trustWorld, _, next keyPair) {
			w.before.records = append(w.before.records, f.leaf("new", next))
		}, "new#2 trusted, old#1 removed"},
		{"it has expired", 3660 * 24 * time.Hour, func(_ *forge, w *trustWorld, old, next keyPair) { w.offer(old.cert, next.cert) }, "new#2 trusted, old#1 removed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.anew(t, pki.Draft{})
			f, old, next := w.rollOver()
			w.must(w.approve(nil))
			w.syncOne()
			c.change(f, w, old, next)
			for range 2 {
				w.later(c.wait)
			}
			if got := w.states(); got != c.states {
				t.Errorf("roots are %s, want %s", got, c.states)
			}
		})
	}
}

// A renewal with the same key vouches for all that the old root did.
func TestRenewedRootRetires(t *testing.T) {
	t.Parallel()
	w := newTrustWorld(t, pki.Draft{})
	f := &forge{t: t, now: w.now}
	old := f.root("old")
	w.offer(old.cert)
	w.before.records = []provider.Record{f.leaf("leaf", old)}
	w.syncOne()
	w.offer(f.root("old", withKey(old), f.until(5000)).cert)
	w.sync()
	w.later(31 * 24 * time.Hour)
	w.expect("old#1 removed, old#3 trusted", "old#3", "Changed policy, Changed policy, Removed policy")
}
