package pki

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"math"
	"slices"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/secret"
)

// attempts bounds how often an update begins anew because the secrets it was
// made for changed meanwhile.
const attempts = 5

// Update merges d into a subscription: what d does not mention stays. Members
// that the service owns are ignored. A merge that changes nothing writes
// nothing. CodeNotFound, CodeInvalid, or what c returns.
func (s *Service) Update(ctx context.Context, t TenantID, a Actor, id ID, d Draft, c Condition) (Subscription, error) {
	if err := invalidAll(s.checkMembers(d)); err != nil {
		return Subscription{}, err
	}
	event, err := s.event(ActivityPatch, id, a, nil)
	if err != nil {
		return Subscription{}, err
	}
	run, err := newRun(TriggerChanged, event.At)
	if err != nil {
		return Subscription{}, err
	}
	for range attempts {
		patch, err := s.sealPatch(ctx, t, id, d)
		if err != nil {
			return Subscription{}, err
		}
		sub, err := s.change(ctx, t, id, d, func(sub *Subscription, roots []Authority) (Effects, error) {
			if err := c.check(sub.ETag()); err != nil {
				return Effects{}, err
			}
			return s.apply(patch, sub, roots, event, run)
		})
		if !errors.Is(err, errSecretsChanged) {
			return sub, err
		}
	}
	return Subscription{}, &Error{Code: CodeUnavailable, Msg: "The credentials are being changed by others at the same time. Try again."}
}

// change changes a subscription, with its roots where d concerns them.
func (s *Service) change(ctx context.Context, t TenantID, id ID, d Draft, change func(*Subscription, []Authority) (Effects, error)) (Subscription, error) {
	if d.TrustedRoot.State != odata.Absent {
		return s.store.ChangeTrust(ctx, t, id, change)
	}
	return s.store.UpdateSubscription(ctx, t, id, func(sub *Subscription) (Effects, error) { return change(sub, nil) })
}

// errSecretsChanged says that a patch was sealed for secrets that are no
// longer there.
var errSecretsChanged = errors.New("secrets changed meanwhile")

// A patch is a draft whose secrets are sealed already: sealing needs the
// tenant's key, and a transaction must wait for nothing.
type patch struct {
	draft    Draft
	provider string // what the secrets were sealed for, with base
	base     *Credentials
	sealed   *Credentials // what they become
	resealed []string     // names of the secrets that differ
}

func (s *Service) sealPatch(ctx context.Context, t TenantID, id ID, d Draft) (patch, error) {
	p := patch{draft: d}
	if !d.Credentials.IsGiven() {
		return p, nil
	}
	sub, err := s.store.Subscription(ctx, t, id)
	if err != nil {
		return p, err
	}
	p.provider, p.base = sub.Provider, sub.Credentials
	sub.merge(d)
	p.resealed, err = s.mergeSecrets(ctx, &sub, d)
	p.sealed = sub.Credentials
	return p, err
}

// apply merges p into sub and says what goes along with it. It is pure.
func (s *Service) apply(p patch, sub *Subscription, roots []Authority, event AuditEvent, run Run) (Effects, error) {
	before := *sub
	if p.sealed != nil && (before.Provider != p.provider || !sameSecrets(before.Credentials, p.base)) {
		return Effects{}, errSecretsChanged
	}
	sub.merge(p.draft)
	if err := s.keepPassword(&before, sub, before.Credentials, p.draft); err != nil {
		return Effects{}, err
	}
	if s.goesElsewhere(&before, sub) {
		sub.Staged, sub.Previous = nil, nil // they were given for the server before
	}
	if p.sealed != nil {
		p.adopt(sub.Credentials)
	}
	changed := append(changedMembers(&before, sub), p.resealed...)
	if len(changed) == 0 {
		return Effects{Unchanged: true}, nil
	}
	sub.touch(event.At)
	sub.Edits++
	sub.learnAnew(changed, event.At.Time())
	event.Members = changed
	effects := Effects{Audit: &event}
	if s.reschedule(&before, sub, changed) {
		effects.Run = &run
	}
	err := s.followChange(&before, sub, roots, event, &effects)
	return effects, err
}

// followChange adds to e what follows from a change of the trusted root or of the
// provider.
func (s *Service) followChange(before, sub *Subscription, roots []Authority, event AuditEvent, e *Effects) error {
	l := s.ledger(sub, roots, event.Actor, event.At)
	if !sameBytes(before.TrustedRoot, sub.TrustedRoot) {
		l.replace(before.TrustedRoot, sub.TrustedRoot)
	}
	if activity, reason := sub.migrate(before, event.At); activity != "" {
		migration, err := s.event(activity, sub.ID, event.Actor, []string{"cloudPkiProvider"})
		if err != nil {
			return err
		}
		migration.Reason = reason
		e.Decisions = append(e.Decisions, migration)
	}
	return l.addTo(e)
}

// touch notes a change by an admin or of the trusted root. A version that an
// import brought to the end of Int32 stays there.
func (s *Subscription) touch(now odata.DateTimeOffset) {
	s.LastModified = now
	if s.Version < math.MaxInt32 {
		s.Version++
	}
}

// adopt takes over the sealed secrets of p.
func (p patch) adopt(c *Credentials) {
	c.Key, c.Password, c.Certificate, c.CertificatePassword = p.sealed.Key, p.sealed.Password, p.sealed.Certificate, p.sealed.CertificatePassword
	if len(p.resealed) > 0 {
		c.Info = p.sealed.Info
		c.forget()
	}
}

// sameSecrets reports whether a and b hold the same ciphertexts.
func sameSecrets(a, b *Credentials) bool {
	if a == nil || b == nil {
		return a == b
	}
	return bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Password, b.Password) &&
		bytes.Equal(a.Certificate, b.Certificate) && bytes.Equal(a.CertificatePassword, b.CertificatePassword)
}

// merge takes over from d every member that an admin may write, but for the
// secrets.
func (s *Subscription) merge(d Draft) {
	if s.leaves(d) {
		s.Credentials, s.Staged, s.Previous = nil, nil, nil
	}
	if d.Provider.IsGiven() {
		s.Provider = d.Provider.Value
	}
	set(&s.DisplayName, d.DisplayName)
	set(&s.Description, d.Description)
	set(&s.ServiceURI, d.ServiceURI)
	set(&s.Schedule, d.SyncSchedule)
	set(&s.Paused, d.Paused)
	set(&s.TrustPolicy, d.TrustPolicy)
	setSlice(&s.TrustedRoot, d.TrustedRoot)
	setSlice(&s.ServerCAs, d.ServerCAs)
	setSlice(&s.Settings, d.Settings)
	switch d.Credentials.State {
	case odata.Null:
		s.Credentials, s.Staged, s.Previous = nil, nil, nil
	case odata.Present:
		// A copy, so that the state before the merge can be compared with.
		c := Credentials{Accepted: odata.Never()}
		if s.Credentials != nil {
			c = *s.Credentials
		}
		set(&c.UserName, d.Credentials.Value.UserName)
		s.Credentials = &c
	case odata.Absent:
	}
}

// leaves reports whether d moves s to another provider and brings secrets for
// it. Those of the old provider are forgotten then: they must not mix with the
// new ones, nor reach another CA.
func (s *Subscription) leaves(d Draft) bool {
	return s.Provider != ProviderUnknown && d.Provider.IsGiven() && d.Provider.Value != s.Provider && len(secretsGiven(d)) > 0
}

func set[T any](to **T, m Maybe[T]) {
	if m.State != odata.Absent {
		*to = m.pointer()
	}
}

func setSlice[T any](to *[]T, m Maybe[[]T]) {
	switch m.State {
	case odata.Null:
		*to = nil
	case odata.Present:
		*to = m.Value
		if m.Value == nil {
			*to = []T{}
		}
	case odata.Absent:
	}
}

// changedMembers names what differs between two states, as clients spell it.
// Secrets are compared by mergeSecrets, which has the plaintext.
func changedMembers(a, b *Subscription) []string {
	var names []string
	note := func(name string, same bool) {
		if !same {
			names = append(names, name)
		}
	}
	note("cloudPkiProvider", a.Provider == b.Provider)
	note("description", equal(a.Description, b.Description))
	note("displayName", equal(a.DisplayName, b.DisplayName))
	note("credentials", (a.Credentials == nil) == (b.Credentials == nil) && (a.Staged == nil) == (b.Staged == nil) && (a.Previous == nil) == (b.Previous == nil))
	note("credentials/adminUserName", a.Credentials == nil || b.Credentials == nil || equal(a.Credentials.UserName, b.Credentials.UserName))
	note("trustedRootCertificate", sameBytes(a.TrustedRoot, b.TrustedRoot))
	note("serviceUri", equal(a.ServiceURI, b.ServiceURI))
	note("providerSettings", slices.Equal(a.Settings, b.Settings) && (a.Settings == nil) == (b.Settings == nil))
	note("serverCertificateAuthorities", sameBytes(a.ServerCAs, b.ServerCAs))
	note("syncSchedule", equal(a.Schedule, b.Schedule))
	note("paused", equal(a.Paused, b.Paused))
	note("trustChangePolicy", equal(a.TrustPolicy, b.TrustPolicy))
	return names
}

func equal[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

func sameBytes(a, b []byte) bool {
	return bytes.Equal(a, b) && (a == nil) == (b == nil)
}

// reschedule moves the next sync after a change, and reports whether one is to
// run at once: a change of how to reach the CA, or of the root to expect, is
// proved now, not hours later.
func (s *Service) reschedule(before, after *Subscription, changed []string) bool {
	switch {
	case after.Provider == ProviderUnknown || after.IsPaused():
		after.NextSync, after.NextProbe = odata.Never(), time.Time{}
		return false
	case slices.ContainsFunc(changed, concernsSync) || before.IsPaused():
		after.Failures = 0
		after.NextSync, after.NextProbe = s.stamp(), time.Time{}
		return true
	case slices.Contains(changed, "syncSchedule") && !after.NextSync.IsNever():
		if due := s.plusInterval(after, 0); due.Ticks < after.NextSync.Ticks {
			after.NextSync = due
		}
	}
	return false
}

func concernsSync(member string) bool {
	switch member {
	case "description", "displayName", "syncSchedule", "paused":
		return false
	}
	return true
}

// mergeSecrets seals the secrets that d brings and returns the names of those
// that differ from what was there. sub.Credentials is set by merge before.
func (s *Service) mergeSecrets(ctx context.Context, sub *Subscription, d Draft) ([]string, error) {
	if !d.Credentials.IsGiven() {
		return nil, nil
	}
	c := sub.Credentials
	object, err := s.objectKey(ctx, sub)
	if err != nil {
		return nil, err
	}
	var changed []string
	for _, f := range secretFields(c, d.Credentials.Value) {
		if !f.isChange() {
			continue
		}
		old, err := object.Open(f.name, *f.sealed)
		if err != nil {
			return nil, err
		}
		if *f.sealed != nil && subtle.ConstantTimeCompare(old.Reveal(), f.sent.Value.Reveal()) == 1 {
			continue
		}
		*f.sealed = object.Seal(f.name, f.sent.Value)
		changed = append(changed, "credentials/"+f.name)
	}
	if len(changed) > 0 {
		c.forget()
		c.Info = s.describeCertificate(object, c)
	}
	return changed, nil
}

// objectKey opens the key of sub's secrets, or makes it.
func (s *Service) objectKey(ctx context.Context, sub *Subscription) (secret.Object, error) {
	entity := entityName(sub)
	if sub.Credentials.Key != nil {
		return s.keyring.OpenObject(ctx, string(sub.Tenant), entity, sub.Credentials.Key)
	}
	object, wrapped, err := s.keyring.NewObject(ctx, string(sub.Tenant), entity)
	sub.Credentials.Key = wrapped
	return object, err
}
