package pki

import (
	"bytes"
	"context"
	"crypto/x509"
	"slices"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// removeRetired ends the retiring roots of the subscription whose time is over:
// those that have expired, and those that the CA no longer offers and that no
// valid certificate needs. It follows a good inventory, so that what was issued
// lately is known. A root that is needed stays, however late it is.
func (a *attempt) removeRetired(ctx context.Context) error {
	if a.run.DryRun {
		return nil
	}
	now := a.stamp()
	sub, list, err := a.store.Trust(ctx, a.lease.Tenant, a.sub.ID)
	if err != nil {
		return stored(err)
	}
	var over []ID
	for _, root := range list {
		if root.Kind != AuthorityRoot || root.State != TrustRetiring || a.stillOffered(root) && !isExpired(root, now) || !isDue(root, now) {
			continue
		}
		needed := !a.listed && !isExpired(root, now) // without an inventory nobody knows
		if !needed && !isExpired(root, now) {
			if needed, err = a.isNeeded(ctx, sub, root, list, now); err != nil {
				return stored(err)
			}
		}
		if !needed {
			over = append(over, root.ID)
		}
	}
	if len(over) == 0 {
		return nil
	}
	return stored(a.store.SaveAuthorities(ctx, a.lease, nil, func(sub *Subscription, roots []Authority) (Effects, error) {
		l := a.ledger(sub, roots, Actor{Name: PolicyName}, now)
		for _, id := range over {
			// An admin may have decided otherwise meanwhile.
			if root := l.roots[id]; root != nil && root.State == TrustRetiring && isDue(*root, now) {
				l.remove(root, ActivityRootRemoved, removalReason(*root, now))
			}
		}
		e := Effects{Unchanged: true}
		err := l.addTo(&e)
		return e, err
	}))
}

// isDue reports whether a retiring root may be removed by the date.
func isDue(root Authority, now odata.DateTimeOffset) bool {
	return isExpired(root, now) || !root.Retire.IsNever() && root.Retire.Ticks <= now.Ticks
}

func isExpired(root Authority, now odata.DateTimeOffset) bool { return root.NotAfter.Ticks < now.Ticks }

func removalReason(root Authority, now odata.DateTimeOffset) string {
	if isExpired(root, now) {
		return "it has expired"
	}
	return "its overlap is over, the CA no longer offers it, and no valid certificate needs it"
}

// stillOffered reports whether this run has met a root at the CA. A run that
// has asked for no roots has seen none, and takes it for offered.
func (a *attempt) stillOffered(root Authority) bool {
	return len(a.offered) == 0 || slices.Contains(a.offered, root.ID)
}

// isNeeded reports whether a valid certificate may chain to root and to no
// other trusted one. Where the issuer of a certificate is not known it may.
func (a *attempt) isNeeded(ctx context.Context, sub Subscription, root Authority, list []Authority, now odata.DateTimeOffset) (bool, error) {
	certificates := make([]*x509.Certificate, 0, len(list))
	var below, beside []*x509.Certificate
	for _, known := range list {
		c, err := x509.ParseCertificate(known.DER)
		if err != nil {
			continue
		}
		certificates = append(certificates, c)
		switch {
		case known.ID == root.ID:
			below = append(below, c)
		case known.Kind == AuthorityRoot && (known.State == TrustTrusted || known.State == TrustRetiring && !isDue(known, now)):
			beside = append(beside, c)
		}
	}
	if len(below) == 0 {
		return true, nil // it cannot be read
	}
	below, all := signedBy(below, certificates)
	if !all {
		return true, nil
	}
	beside, _ = signedBy(beside, certificates) // what is not found there is taken for needed
	return a.store.IssuedBeside(ctx, a.lease.Tenant, sub.ID, coveredIssuers(below, beside), now)
}

// maxSignatures bounds the work on a CA's certificates, which may all have the
// same name.
const maxSignatures = 4096

// signedBy returns roots with all of list that chain to one of them, and
// whether it could look at all.
func signedBy(roots, list []*x509.Certificate) (found []*x509.Certificate, all bool) {
	found = slices.Clone(roots)
	left := maxSignatures
	for i := 0; i < len(found); i++ {
		for _, c := range list {
			if !bytes.Equal(c.RawIssuer, found[i].RawSubject) || contains(found, c) {
				continue
			}
			if left--; left < 0 {
				return found, false
			}
			if provider.Signed(found[i], c) {
				found = append(found, c)
			}
		}
	}
	return found, true
}

// coveredIssuers returns the names of the issuers that other roots vouch for,
// without those that someone below the root alone has too, under another key.
func coveredIssuers(below, beside []*x509.Certificate) []string {
	var names []string
	for _, c := range beside {
		name := printable(c.Subject.String())
		alone := func(d *x509.Certificate) bool {
			covered := func(e *x509.Certificate) bool { return sameName(d, e) && sameKey(d, e) }
			return printable(d.Subject.String()) == name && !slices.ContainsFunc(beside, covered)
		}
		if !slices.Contains(names, name) && !slices.ContainsFunc(below, alone) {
			names = append(names, name)
		}
	}
	return names
}
