package pki

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"cloudpki/internal/odata"
	"cloudpki/internal/secret"
)

// The activities of TrustBundles in the audit trail.
const (
	ActivityBundleCreate    = "Create TrustBundle"
	ActivityBundlePatch     = "Patch TrustBundle"
	ActivityBundleDelete    = "Delete TrustBundle"
	ActivityBundlePublished = "Publish TrustBundle"
)

// bundlesPerTenant is how many bundles a tenant may have.
const bundlesPerTenant = 100

// BundleOptions are what Bundles are made from. All are required.
type BundleOptions struct {
	Store BundleStore
	Root  *secret.Root
	Now   func() time.Time
}

// Bundles are the rules of TrustBundles. It is safe for concurrent use.
//
// A bundle is published lazily and without loss: the transaction that changes
// what a subscription trusts marks the bundles of the tenant, and whoever next
// reads one (Get, Published) or Tend publishes what changed.
type Bundles struct {
	o       BundleOptions
	replays replays
}

// NewBundles returns Bundles. It fails only where no key can be derived from
// the root key.
func NewBundles(o BundleOptions) (*Bundles, error) {
	macKey, err := o.Root.Derive("message authentication")
	if err != nil {
		return nil, err
	}
	return &Bundles{o, replays{o.Store.Receipt, macKey, ResourceBundles, o.Now}}, nil
}

// A BundleDraft is what a client asks for, in a create or (as a merge) in an
// update.
type BundleDraft struct {
	Name          Maybe[string]
	DisplayName   Maybe[string]
	Description   Maybe[string]
	Subscriptions Maybe[[]string]
	Intermediates Maybe[bool]
	Access        Maybe[BundleAccess]
}

// Create makes a bundle and publishes it. With a ReplayKey that was used before,
// the same body gives the bundle that it made, as it is now, and another body
// CodeReplayMismatch. CodeInvalid tells all faults of d at once; CodeExists
// where the name is taken; CodeQuota.
func (s *Bundles) Create(ctx context.Context, t TenantID, a Actor, d BundleDraft, r *ReplayKey) (TrustBundle, error) {
	if err := invalidAll(d.checkCreate()); err != nil {
		return TrustBundle{}, err
	}
	receipt, replayed, err := s.replays.find(ctx, t, r)
	if err != nil {
		return TrustBundle{}, err
	}
	if replayed {
		return s.replayed(ctx, t, receipt)
	}
	b, err := s.draw(t, d)
	if err != nil {
		return b, err
	}
	event, err := s.event(ActivityBundleCreate, b.ID, a, d.members())
	if err != nil {
		return b, err
	}
	if receipt != nil {
		receipt.ID, receipt.At = b.ID, b.Created
	}
	err = s.o.Store.CreateTrustBundle(ctx, b, bundlesPerTenant, event, receipt)
	if CodeOf(err) == CodeExists && r != nil { // the slower of two equal requests that came at once
		if receipt, replayed, e := s.replays.find(ctx, t, r); e == nil && replayed {
			return s.replayed(ctx, t, receipt)
		}
	}
	if err != nil {
		return b, err
	}
	return s.publish(ctx, b)
}

// draw makes a bundle from a checked draft.
func (s *Bundles) draw(t TenantID, d BundleDraft) (b TrustBundle, err error) {
	b = TrustBundle{
		Tenant: t, Name: d.Name.Value, Created: odata.FromTime(s.o.Now()),
		Published: odata.Never(), Expires: odata.Never(), Stale: true,
	}
	if b.ID, err = newID(); err != nil {
		return b, err
	}
	var key [8]byte
	if _, err := rand.Read(key[:]); err != nil {
		return b, fmt.Errorf("name bundle: %w", err)
	}
	b.Key = int64(binary.BigEndian.Uint64(key[:]) >> 1)
	d.merge(&b, b.Created)
	b.LastModified, b.Edits, b.Revision = b.Created, 1, 1
	return b, nil
}

// replayed returns what an earlier request has made.
func (s *Bundles) replayed(ctx context.Context, t TenantID, r *Receipt) (TrustBundle, error) {
	b, err := s.Get(ctx, t, r.ID)
	if CodeOf(err) == CodeNotFound {
		err = &Error{
			Code: CodeReplayMismatch,
			Msg:  "The trust bundle that was made with this idempotency key was deleted since. Send a new key with a new request.",
		}
	}
	return b, err
}

// Get returns one bundle, with what changed published, or CodeNotFound.
func (s *Bundles) Get(ctx context.Context, t TenantID, id ID) (TrustBundle, error) {
	b, err := s.o.Store.TrustBundle(ctx, t, id)
	if err != nil {
		return b, err
	}
	return s.fresh(ctx, b)
}

// List returns a page of the bundles that match q, as they were published last.
func (s *Bundles) List(ctx context.Context, t TenantID, q odata.Query) (Page[TrustBundle], error) {
	return s.o.Store.TrustBundles(ctx, t, q)
}

// Changes returns a page of what has changed among the bundles of t, as they
// were published last. CodeResync where from is too old.
func (s *Bundles) Changes(ctx context.Context, t TenantID, q odata.Query, from DeltaPosition) (Delta[TrustBundle], error) {
	from, err := from.begin(odata.FromTime(s.o.Now()))
	if err != nil {
		return Delta[TrustBundle]{}, err
	}
	return s.o.Store.TrustBundleChanges(ctx, t, q, from)
}

// Versions returns a page of the versions of a bundle. CodeNotFound.
func (s *Bundles) Versions(ctx context.Context, t TenantID, id ID, q odata.Query) (Page[TrustBundleVersion], error) {
	b, err := s.Get(ctx, t, id)
	if err != nil {
		return Page[TrustBundleVersion]{}, err
	}
	return s.o.Store.TrustBundleVersions(ctx, b, q)
}

// Update merges d into a bundle and publishes it. A merge that changes nothing
// writes nothing. CodeNotFound, CodeInvalid, or what c returns.
func (s *Bundles) Update(ctx context.Context, t TenantID, a Actor, id ID, d BundleDraft, c Condition) (TrustBundle, error) {
	event, err := s.event(ActivityBundlePatch, id, a, d.members())
	if err != nil {
		return TrustBundle{}, err
	}
	now := odata.FromTime(s.o.Now())
	b, err := s.o.Store.UpdateTrustBundle(ctx, t, id, func(b *TrustBundle) error {
		if err := c.check(b.ETag()); err != nil {
			return err
		}
		if err := invalidAll(d.checkUpdate(b)); err != nil {
			return err
		}
		d.merge(b, now)
		return nil
	}, event)
	if err != nil {
		return b, err
	}
	return s.fresh(ctx, b)
}

// Delete removes a bundle with its versions. CodeNotFound, or what c returns.
func (s *Bundles) Delete(ctx context.Context, t TenantID, a Actor, id ID, c Condition) error {
	event, err := s.event(ActivityBundleDelete, id, a, nil)
	if err != nil {
		return err
	}
	return s.o.Store.DeleteTrustBundle(ctx, t, id, func(b TrustBundle) error { return c.check(b.ETag()) }, event)
}

// Published returns the bundle with the name, with what changed published.
// Where that fails the bundle is returned as it was published last: a fault
// takes nothing from the devices. CodeNotFound.
func (s *Bundles) Published(ctx context.Context, t TenantID, name string) (TrustBundle, error) {
	b, err := s.o.Store.TrustBundleNamed(ctx, t, name)
	if err != nil {
		return b, err
	}
	if now, err := s.fresh(ctx, b); err == nil || CodeOf(err) == CodeNotFound {
		return now, err
	}
	return b, nil
}

// Content returns a version of a bundle. CodeNotFound for one that there is
// not, or not any longer.
func (s *Bundles) Content(ctx context.Context, b TrustBundle, version int64) (BundleContent, error) {
	v, err := s.o.Store.TrustBundleVersion(ctx, b, version)
	if err != nil {
		return BundleContent{}, err
	}
	c := BundleContent{Version: v.Version, Published: v.Published}
	if c.Roots, err = x509.ParseCertificates(v.Roots); err != nil {
		return c, fmt.Errorf("read version %d of bundle %s: %w", version, b.ID, err)
	}
	if c.Intermediates, err = x509.ParseCertificates(v.Intermediates); err != nil {
		return c, fmt.Errorf("read version %d of bundle %s: %w", version, b.ID, err)
	}
	return c, nil
}

func (s *Bundles) event(activity string, object ID, a Actor, members []string) (AuditEvent, error) {
	id, err := newID()
	return AuditEvent{ID: id, At: odata.FromTime(s.o.Now()), Activity: activity, Object: object, Actor: a, Members: members}, err
}

// checkBundleName reports whether name can be that of a bundle: 1 to 64
// characters out of A-Za-z0-9-._~, the first no dot.
func checkBundleName(name string) bool {
	return len(name) <= maxBundleName && ID(name).Valid() && !strings.HasPrefix(name, ".")
}

func (d BundleDraft) checkCreate() []Problem {
	var p problems
	switch {
	case !d.Name.IsGiven():
		p.add("name", "The property 'name' is required.")
	case !checkBundleName(d.Name.Value):
		p.add("name", "name has 1 to %d characters out of A-Z, a-z, 0-9, -, ., _ and ~, and does not begin with a dot: it is part of an address.", maxBundleName)
	}
	d.check(&p)
	return p
}

func (d BundleDraft) checkUpdate(b *TrustBundle) []Problem {
	var p problems
	if d.Name.State != odata.Absent && d.Name.Value != b.Name {
		p.add("name", "The property 'name' cannot be changed: devices fetch by it. Make another bundle.")
	}
	d.check(&p)
	return p
}

func (d BundleDraft) check(p *problems) {
	for _, m := range []struct {
		name string
		text Maybe[string]
	}{{"displayName", d.DisplayName}, {"description", d.Description}} {
		if utf8.RuneCountInString(m.text.Value) > maxBundleText {
			p.add(m.name, "%s has at most %d characters.", m.name, maxBundleText)
		}
	}
	if len(d.Subscriptions.Value) > maxBundleSubscriptions {
		p.add("subscriptionIds", "subscriptionIds has at most %d members; leave it empty for all subscriptions of the tenant.", maxBundleSubscriptions)
	}
	for _, id := range d.Subscriptions.Value {
		if !ID(id).Valid() {
			p.add("subscriptionIds", "subscriptionIds has a member that cannot be the id of a subscription.")
			return
		}
	}
}

// merge writes the members that d has into b, and notes it where that changes
// anything.
func (d BundleDraft) merge(b *TrustBundle, now odata.DateTimeOffset) {
	before := *b
	if d.DisplayName.State != odata.Absent {
		b.DisplayName = d.DisplayName.pointer()
	}
	if d.Description.State != odata.Absent {
		b.Description = d.Description.pointer()
	}
	if d.Subscriptions.State != odata.Absent {
		b.Subscriptions = slices.Compact(slices.Sorted(slices.Values(d.Subscriptions.Value)))
	}
	if d.Intermediates.State != odata.Absent {
		b.Intermediates = d.Intermediates.Value
	}
	if d.Access.State != odata.Absent {
		b.Access = d.Access.Value
	}
	if !equal(before.DisplayName, b.DisplayName) || !equal(before.Description, b.Description) || !slices.Equal(before.Subscriptions, b.Subscriptions) ||
		before.Intermediates != b.Intermediates || before.Access != b.Access {
		b.LastModified = now
		b.Edits++
	}
}

// members names what d holds, for the audit trail.
func (d BundleDraft) members() []string {
	var names []string
	for _, m := range []struct {
		name  string
		state odata.State
	}{
		{"name", d.Name.State},
		{"displayName", d.DisplayName.State},
		{"description", d.Description.State},
		{"subscriptionIds", d.Subscriptions.State},
		{"includeIntermediates", d.Intermediates.State},
		{"access", d.Access.State},
	} {
		if m.state != odata.Absent {
			names = append(names, m.name)
		}
	}
	return names
}
