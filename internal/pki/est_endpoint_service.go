package pki

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cloudpki/internal/odata"
	"cloudpki/internal/secret"
)

// The activities of ESTEndpoints in the audit trail.
const (
	ActivityESTCreate = "Create EstEndpoint"
	ActivityESTPatch  = "Patch EstEndpoint"
	ActivityESTDelete = "Delete EstEndpoint"
)

// estEndpointsPerTenant is how many endpoints a tenant may have.
const estEndpointsPerTenant = 100

// maxESTHashing bounds the passwords that are hashed at the same time: each
// takes 19 MiB and the time of a processor.
const maxESTHashing = 4

// ESTOptions are what ESTEndpoints are made from. All are required.
type ESTOptions struct {
	Store   ESTEndpointStore
	Service *Service // issues
	Now     func() time.Time
}

// ESTEndpoints are the rules of ESTEndpoints. It is safe for concurrent use.
type ESTEndpoints struct {
	o       ESTOptions
	hashing chan struct{}
}

// NewESTEndpoints returns ESTEndpoints.
func NewESTEndpoints(o ESTOptions) *ESTEndpoints {
	return &ESTEndpoints{o: o, hashing: make(chan struct{}, maxESTHashing)}
}

// An ESTEndpointDraft is what a client asks for, in a create or (as a merge) in
// an update. The password is in plaintext here and nowhere else.
type ESTEndpointDraft struct {
	DisplayName  Maybe[string]
	Subscription Maybe[string]
	Profile      Maybe[string]
	Enabled      Maybe[bool]
	UserName     Maybe[string]
	Password     Maybe[secret.Text]
	Patterns     Maybe[[]string]
	Reenrol      Maybe[bool]
}

// Create makes an endpoint. CodeInvalid tells all faults of d at once, or that
// its subscription does not exist; CodeQuota.
func (s *ESTEndpoints) Create(ctx context.Context, t TenantID, a Actor, d ESTEndpointDraft) (ESTEndpoint, error) {
	if err := invalidAll(d.checkCreate()); err != nil {
		return ESTEndpoint{}, err
	}
	e := ESTEndpoint{Tenant: t, Subscription: ID(d.Subscription.Value), Enabled: true, Reenrol: true, Patterns: []string{}, Created: odata.FromTime(s.o.Now())}
	hash, err := s.hash(ctx, d)
	if err != nil {
		return e, err
	}
	d.merge(&e, hash, e.Created)
	if e.ID, err = newID(); err != nil {
		return e, err
	}
	event, err := s.event(ActivityESTCreate, e.ID, a, d.members())
	if err != nil {
		return e, err
	}
	return e, s.o.Store.CreateESTEndpoint(ctx, e, estEndpointsPerTenant, event)
}

// Get returns one endpoint, or CodeNotFound.
func (s *ESTEndpoints) Get(ctx context.Context, t TenantID, id ID) (ESTEndpoint, error) {
	return s.o.Store.ESTEndpoint(ctx, t, id)
}

// List returns a page of the endpoints that match q.
func (s *ESTEndpoints) List(ctx context.Context, t TenantID, q odata.Query) (Page[ESTEndpoint], error) {
	return s.o.Store.ESTEndpoints(ctx, t, q)
}

// Update merges d into an endpoint. CodeNotFound, CodeInvalid, or what c
// returns.
func (s *ESTEndpoints) Update(ctx context.Context, t TenantID, a Actor, id ID, d ESTEndpointDraft, c ESTEndpointCondition) (ESTEndpoint, error) {
	if err := invalidAll(d.check()); err != nil {
		return ESTEndpoint{}, err
	}
	hash, err := s.hash(ctx, d)
	if err != nil {
		return ESTEndpoint{}, err
	}
	event, err := s.event(ActivityESTPatch, id, a, d.members())
	if err != nil {
		return ESTEndpoint{}, err
	}
	now := odata.FromTime(s.o.Now())
	return s.o.Store.UpdateESTEndpoint(ctx, t, id, func(e *ESTEndpoint) error {
		if err := c.check(*e); err != nil {
			return err
		}
		if d.Subscription.State != odata.Absent && ID(d.Subscription.Value) != e.Subscription {
			return &Error{Code: CodeInvalid, Target: "subscriptionId", Msg: "The property 'subscriptionId' cannot be changed: devices trust the CA behind this address. Make another endpoint."}
		}
		d.merge(e, hash, now)
		return nil
	}, event)
}

// Delete removes an endpoint. CodeNotFound, or what c returns.
func (s *ESTEndpoints) Delete(ctx context.Context, t TenantID, a Actor, id ID, c ESTEndpointCondition) error {
	event, err := s.event(ActivityESTDelete, id, a, nil)
	if err != nil {
		return err
	}
	return s.o.Store.DeleteESTEndpoint(ctx, t, id, c.check, event)
}

// hash returns the hash of the password of d, "" for none.
func (s *ESTEndpoints) hash(ctx context.Context, d ESTEndpointDraft) (string, error) {
	if !d.Password.IsGiven() {
		return "", nil
	}
	if err := s.enterHashing(ctx); err != nil {
		return "", err
	}
	defer s.leaveHashing()
	h, err := secret.HashPassword(d.Password.Value)
	if err != nil {
		return "", err
	}
	return h.String(), nil
}

// enterHashing waits for a place among those that hash. CodeUnavailable where
// ctx ends before.
func (s *ESTEndpoints) enterHashing(ctx context.Context) error {
	select {
	case s.hashing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return &Error{Code: CodeUnavailable, Msg: "Too many passwords are being checked. Try again.", Err: fmt.Errorf("wait to hash a password: %w", ctx.Err())}
	}
}

func (s *ESTEndpoints) leaveHashing() { <-s.hashing }

func (s *ESTEndpoints) event(activity string, object ID, a Actor, members []string) (AuditEvent, error) {
	id, err := newID()
	return AuditEvent{ID: id, At: odata.FromTime(s.o.Now()), Activity: activity, Object: object, Actor: a, Members: members}, err
}

func (d ESTEndpointDraft) checkCreate() []Problem {
	var p problems
	for _, m := range []struct {
		name  string
		given bool
	}{
		{"subscriptionId", d.Subscription.IsGiven()},
		{"userName", d.UserName.IsGiven()},
		{"password", d.Password.IsGiven()},
	} {
		if !m.given {
			p.add(m.name, "The property '%s' is required.", m.name)
		}
	}
	return append(p, d.check()...)
}

// check finds the faults of what is given.
func (d ESTEndpointDraft) check() []Problem {
	var p problems
	if d.Subscription.IsGiven() && !ID(d.Subscription.Value).Valid() {
		p.add("subscriptionId", "subscriptionId cannot be the id of a subscription.")
	}
	if name := d.UserName; name.IsGiven() && !isUserID(name.Value) {
		p.add("userName", "userName has 1 to %d characters, none of them a colon or a control character (RFC 7617).", maxESTText)
	}
	if d.Password.IsGiven() {
		given := d.Password.Value.Reveal()
		if n := utf8.RuneCount(given); n < minESTPassword || n > maxESTPassword || !utf8.Valid(given) {
			p.add("password", "password has %d to %d characters.", minESTPassword, maxESTPassword)
		}
	}
	if len(d.Patterns.Value) > maxESTPatterns {
		p.add("subjectPatterns", "subjectPatterns has at most %d members.", maxESTPatterns)
	}
	if slices.Contains(d.Patterns.Value, "") {
		p.add("subjectPatterns", "subjectPatterns has an empty member; leave the list empty where the CA decides.")
	}
	return p
}

// isUserID reports whether name can be a user-id of RFC 7617, 2.
func isUserID(name string) bool {
	return name != "" && utf8.RuneCountInString(name) <= maxESTText && !strings.ContainsFunc(name, func(r rune) bool {
		return r == ':' || r == utf8.RuneError || unicode.IsControl(r)
	})
}

// merge writes the members that d has into e; hash is that of its password.
func (d ESTEndpointDraft) merge(e *ESTEndpoint, hash string, now odata.DateTimeOffset) {
	if d.DisplayName.State != odata.Absent {
		e.DisplayName = d.DisplayName.pointer()
	}
	if d.Profile.State != odata.Absent {
		e.Profile = d.Profile.Value
	}
	if d.Enabled.IsGiven() {
		e.Enabled = d.Enabled.Value
	}
	if d.UserName.IsGiven() {
		e.UserName = d.UserName.Value
	}
	if d.Patterns.State != odata.Absent {
		e.Patterns = append([]string{}, d.Patterns.Value...)
	}
	if d.Reenrol.IsGiven() {
		e.Reenrol = d.Reenrol.Value
	}
	e.PasswordHash = cmp.Or(hash, e.PasswordHash)
	e.Edits, e.LastModified = e.Edits+1, now
}

// members names what d holds, for the audit trail. A password that is null is
// one that was read, and stays.
func (d ESTEndpointDraft) members() []string {
	var names []string
	for _, m := range []struct {
		name  string
		given bool
	}{
		{"displayName", d.DisplayName.State != odata.Absent},
		{"subscriptionId", d.Subscription.State != odata.Absent},
		{"profile", d.Profile.State != odata.Absent},
		{"enabled", d.Enabled.State != odata.Absent},
		{"userName", d.UserName.State != odata.Absent},
		{"password", d.Password.IsGiven()},
		{"subjectPatterns", d.Patterns.State != odata.Absent},
		{"allowReenrol", d.Reenrol.State != odata.Absent},
	} {
		if m.given {
			names = append(names, m.name)
		}
	}
	return names
}
