package pki

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"cloudpki/internal/odata"
)

const (
	// maxBundleCertificates bounds the roots of a bundle, and what chains to
	// them: more is no set that anybody has looked at.
	maxBundleCertificates = 128

	// keptVersions is how many versions of a bundle can be fetched.
	keptVersions = 100
)

// Tend publishes up to limit bundles whose sources have changed, and reports
// whether there may be more. One that fails does not keep back the others.
func (s *Bundles) Tend(ctx context.Context, limit int) (more bool, err error) {
	list, err := s.o.Store.StaleTrustBundles(ctx, limit)
	if err != nil {
		return false, err
	}
	var failed []error
	for i := range list {
		if _, err := s.publish(ctx, list[i]); err != nil && CodeOf(err) != CodeNotFound {
			failed = append(failed, fmt.Errorf("publish bundle %s: %w", list[i].ID, err))
		}
	}
	return len(list) == limit && len(failed) == 0, errors.Join(failed...)
}

// fresh returns b as it is once what changed in its sources is published.
func (s *Bundles) fresh(ctx context.Context, b TrustBundle) (TrustBundle, error) {
	if !b.Stale {
		return b, nil
	}
	return s.publish(ctx, b)
}

// publish looks at the sources of b and makes a new version where they hold
// something else than the last one. What it sees and what it stores is one
// transaction, so two who publish at once make one version.
func (s *Bundles) publish(ctx context.Context, b TrustBundle) (TrustBundle, error) {
	return s.o.Store.PublishTrustBundle(ctx, b.Tenant, b.ID, keptVersions, s.decide)
}

// decide is the rule of publication. Sources without a root, or with more than
// a person has looked at, change nothing of what devices trust.
func (s *Bundles) decide(b *TrustBundle, sources []TrustSource) (*TrustBundleVersion, *AuditEvent, error) {
	roots, intermediates := gather(sources, b.Intermediates)
	switch {
	case len(roots) == 0:
		b.hold("No subscription of the bundle has a trusted root.")
		return nil, nil, nil
	case max(len(roots), len(intermediates)) > maxBundleCertificates:
		b.hold(fmt.Sprintf("The subscriptions of the bundle have %d roots and %d other CA certificates; a bundle has at most %d of each. Name fewer in subscriptionIds.",
			len(roots), len(intermediates), maxBundleCertificates))
		return nil, nil, nil
	}
	b.Status, b.Message = BundlePublished, ""
	hash := contentHash(roots, intermediates)
	if hash == b.Hash {
		return nil, nil, nil
	}
	v := TrustBundleVersion{
		Version: b.Version + 1, Published: odata.FromTime(s.o.Now()), Hash: hash, Expires: soonestEnd(roots),
		LastFetched: odata.Never(),
		RootIDs:     thumbprints(roots), IntermediateIDs: thumbprints(intermediates),
		Roots: join(roots), Intermediates: join(intermediates),
	}
	var err error
	if v.ID, err = newID(); err != nil {
		return nil, nil, err
	}
	event, err := s.event(ActivityBundlePublished, b.ID, Actor{Name: PolicyName}, nil)
	event.Reason = fmt.Sprintf("version %d with %d roots", v.Version, len(roots))
	b.Version, b.Hash, b.Roots, b.Published, b.Expires = v.Version, hash, int64(len(roots)), v.Published, v.Expires
	return &v, &event, err
}

// hold leaves the last version, if there is one, in its place.
func (b *TrustBundle) hold(why string) {
	b.Status, b.Message = BundleEmpty, why
	if b.HasContent() {
		b.Status, b.Message = BundleKept, why+" The last version stays published."
	}
}

// gather returns the certificates of all sources, each once, in the order of
// their SHA-256: roots in force and retiring, and where they are wanted those
// that chain to one of these. What is no certificate is passed over.
func gather(sources []TrustSource, wanted bool) (roots, intermediates []*x509.Certificate) {
	var others []*x509.Certificate
	for _, s := range sources {
		if c, err := parseRoot(s.Trusted); err == nil {
			roots = append(roots, c)
		}
		roots = append(roots, parseAll(s.Retiring)...)
		if wanted {
			others = append(others, parseAll(s.Others)...)
		}
	}
	roots = sortedByHash(roots)
	found, _ := signedBy(roots, sortedByHash(others))
	for _, c := range found[len(roots):] {
		if c.IsCA && c.BasicConstraintsValid {
			intermediates = append(intermediates, c)
		}
	}
	return roots, sortedByHash(intermediates)
}

func parseAll(list [][]byte) []*x509.Certificate {
	var certs []*x509.Certificate
	for _, der := range list {
		if c, err := x509.ParseCertificate(der); err == nil {
			certs = append(certs, c)
		}
	}
	return certs
}

func sortedByHash(list []*x509.Certificate) []*x509.Certificate {
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, func(a, b *x509.Certificate) int {
		x, y := sha256.Sum256(a.Raw), sha256.Sum256(b.Raw)
		return bytes.Compare(x[:], y[:])
	})
	return slices.CompactFunc(sorted, func(a, b *x509.Certificate) bool { return bytes.Equal(a.Raw, b.Raw) })
}

// contentHash names a content: the SHA-256 over the thumbprints of the roots
// and of the others, with a line for each and an empty one between.
func contentHash(roots, intermediates []*x509.Certificate) string {
	h := sha256.New()
	for _, list := range [][]*x509.Certificate{roots, intermediates} {
		for _, id := range thumbprints(list) {
			_, _ = h.Write([]byte(id + "\n")) // a hash takes whatever comes
		}
		_, _ = h.Write([]byte("\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

func thumbprints(list []*x509.Certificate) []string {
	ids := make([]string, len(list))
	for i, c := range list {
		ids[i] = Thumbprint(c.Raw)
	}
	return ids
}

func join(list []*x509.Certificate) []byte {
	var der []byte
	for _, c := range list {
		der = append(der, c.Raw...)
	}
	return der
}

func soonestEnd(list []*x509.Certificate) odata.DateTimeOffset {
	soonest := odata.Never()
	for i, c := range list {
		if end := odata.FromTime(c.NotAfter); i == 0 || end.Ticks < soonest.Ticks {
			soonest = end
		}
	}
	return soonest
}
