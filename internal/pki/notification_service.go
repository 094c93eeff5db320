package pki

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/secret"
)

// The activities of NotificationSubscriptions in the audit trail.
const (
	ActivityFollow         = "Create Subscription"
	ActivityFollowPatch    = "Patch Subscription"
	ActivityUnfollow       = "Delete Subscription"
	ActivityFollowApproved = "Reauthorize Subscription"
)

// NotificationOptions are what Notifications are made from. All are required.
type NotificationOptions struct {
	Store   NotificationStore
	Keyring *secret.Keyring
	Now     func() time.Time

	// Validate makes sure that whoever answers at an address wants to be told
	// of t's changes. Its error is an *Error with CodeValidation or
	// CodeUnavailable.
	Validate func(ctx context.Context, t TenantID, address string) error

	PerTenant int // NotificationSubscriptions a tenant may have
}

// Notifications are the rules of NotificationSubscriptions. Where a method
// takes an application, those of that one alone exist; "" sees all of the
// tenant. It is safe for concurrent use.
type Notifications struct {
	o NotificationOptions
}

// NewNotifications returns Notifications.
func NewNotifications(o NotificationOptions) *Notifications { return &Notifications{o} }

// Create makes a NotificationSubscription once its receiver has agreed.
// CodeInvalid tells all faults of d at once; CodeNotFound where what it follows
// does not exist; CodeQuota; CodeValidation where the receiver does not agree.
func (s *Notifications) Create(ctx context.Context, t TenantID, a Actor, d NotificationDraft) (NotificationSubscription, error) {
	now := s.o.Now()
	if err := invalidAll(d.check(now)); err != nil {
		return NotificationSubscription{}, err
	}
	n, err := s.draw(ctx, t, a, d, now)
	if err != nil {
		return n, err
	}
	if err := s.o.Store.AdmitNotificationSubscription(ctx, n, s.o.PerTenant); err != nil {
		return n, err
	}
	for _, m := range []struct{ name, address string }{
		{"notificationUrl", n.URL}, {"lifecycleNotificationUrl", n.LifecycleURL},
	} {
		if err := s.validate(ctx, t, m.name, m.address); err != nil {
			return n, err
		}
	}
	event, err := s.event(ActivityFollow, n.ID, a, nil)
	if err != nil {
		return n, err
	}
	return n, s.o.Store.CreateNotificationSubscription(ctx, n, s.o.PerTenant, event)
}

// draw makes a NotificationSubscription from a checked draft.
func (s *Notifications) draw(ctx context.Context, t TenantID, a Actor, d NotificationDraft, now time.Time) (n NotificationSubscription, err error) {
	n = NotificationSubscription{
		Tenant: t, Application: cmp.Or(a.Client, a.Subject), Creator: a.Subject,
		ChangeType: d.ChangeType.Value, Resource: d.Resource.Value,
		URL: d.URL.Value, LifecycleURL: d.LifecycleURL.Value, LatestTLS: defaultTLS,
	}
	if d.LatestTLS.IsGiven() {
		n.LatestTLS = d.LatestTLS.Value
	}
	n.renew(odata.DateTimeOffset{Ticks: d.Expires.Value.Ticks}, now)
	if n.ID, err = newID(); err != nil {
		return n, err
	}
	var key [8]byte
	if _, err := rand.Read(key[:]); err != nil {
		return n, fmt.Errorf("name subscription: %w", err)
	}
	n.Key = int64(binary.BigEndian.Uint64(key[:]) >> 1)
	if !d.ClientState.IsGiven() {
		return n, nil
	}
	object, wrapped, err := s.o.Keyring.NewObject(ctx, string(t), n.entityName())
	if err != nil {
		return n, err
	}
	n.StateKey, n.ClientState = wrapped, object.Seal(fieldClientState, d.ClientState.Value)
	return n, nil
}

// fieldClientState is part of what the ciphertext is bound to.
const fieldClientState = "clientState"

func (n *NotificationSubscription) entityName() string {
	return "subscription/" + string(n.ID) + "/" + strconv.FormatInt(n.Key, 36)
}

// ClientState opens the clientState of n, which was read with what is sealed.
// It is empty where there is none.
func (s *Notifications) ClientState(ctx context.Context, n *NotificationSubscription) (secret.Text, error) {
	if n.ClientState == nil {
		return secret.Text{}, nil
	}
	object, err := s.o.Keyring.OpenObject(ctx, string(n.Tenant), n.entityName(), n.StateKey)
	if err != nil {
		return secret.Text{}, err
	}
	return object.Open(fieldClientState, n.ClientState)
}

// validate asks a receiver for its consent.
func (s *Notifications) validate(ctx context.Context, t TenantID, name, address string) error {
	if address == "" {
		return nil
	}
	err := s.o.Validate(ctx, t, address)
	if e, ok := err.(*Error); ok && e.Target == "" { //nolint:errorlint // it is documented to be one
		e.Target = name
	}
	return err
}

// Get returns one NotificationSubscription, or CodeNotFound.
func (s *Notifications) Get(ctx context.Context, t TenantID, application string, id ID) (NotificationSubscription, error) {
	n, err := s.o.Store.NotificationSubscription(ctx, t, id)
	if err == nil {
		err = visible(n, application)
	}
	return n, err
}

// visible returns CodeNotFound for what application must not see.
func visible(n NotificationSubscription, application string) error {
	if application != "" && n.Application != application {
		return NotFound(NotificationSubscriptionType().Name, n.ID)
	}
	return nil
}

// List returns a page of the NotificationSubscriptions that match q.
func (s *Notifications) List(ctx context.Context, t TenantID, application string, q odata.Query) (Page[NotificationSubscription], error) {
	if application != "" {
		own := odata.Comparison{
			Path: odata.Path{Property: NotificationSubscriptionType().Property("applicationId")},
			Op:   odata.Eq, Value: odata.String(application),
		}
		if q.Filter == nil {
			q.Filter = own
		} else {
			q.Filter = odata.And{Left: own, Right: q.Filter}
		}
	}
	return s.o.Store.NotificationSubscriptions(ctx, t, q)
}

// DeadLetters returns a page of the notifications that were given up.
// CodeNotFound.
func (s *Notifications) DeadLetters(ctx context.Context, t TenantID, application string, id ID, q odata.Query) (Page[DeadLetter], error) {
	n, err := s.Get(ctx, t, application, id)
	if err != nil {
		return Page[DeadLetter]{}, err
	}
	return s.o.Store.DeadLetters(ctx, n, q)
}

// Update renews a NotificationSubscription, or sends its notifications
// elsewhere once the new receiver has agreed. CodeNotFound, CodeInvalid,
// CodeValidation.
func (s *Notifications) Update(ctx context.Context, t TenantID, application string, a Actor, id ID, d NotificationDraft) (NotificationSubscription, error) {
	now := s.o.Now()
	n, err := s.Get(ctx, t, application, id)
	if err != nil {
		return n, err
	}
	if err := invalidAll(d.checkMove(n, d.checkChange(now))); err != nil {
		return n, err
	}
	if d.URL.IsGiven() && d.URL.Value != n.URL {
		if err := s.validate(ctx, t, "notificationUrl", d.URL.Value); err != nil {
			return n, err
		}
	}
	var members []string
	if d.Expires.IsGiven() {
		members = append(members, "expirationDateTime")
	}
	if d.URL.IsGiven() {
		members = append(members, "notificationUrl")
	}
	event, err := s.event(ActivityFollowPatch, id, a, members)
	if err != nil {
		return n, err
	}
	return s.o.Store.UpdateNotificationSubscription(ctx, t, id, func(n *NotificationSubscription) error {
		if d.URL.IsGiven() {
			n.URL = d.URL.Value
		}
		if d.Expires.IsGiven() {
			n.renew(odata.DateTimeOffset{Ticks: d.Expires.Value.Ticks}, now)
		}
		return nil
	}, event)
}

// Delete ends a NotificationSubscription. CodeNotFound.
func (s *Notifications) Delete(ctx context.Context, t TenantID, application string, a Actor, id ID) error {
	event, err := s.event(ActivityUnfollow, id, a, nil)
	if err != nil {
		return err
	}
	check := func(n NotificationSubscription) error { return visible(n, application) }
	return s.o.Store.DeleteNotificationSubscription(ctx, t, id, check, event)
}

// Reauthorize confirms that the caller may still follow the resource, which a
// token that is good for the call shows. The end of the life stays as it is;
// no further reminder is sent before the next renewal. CodeNotFound.
func (s *Notifications) Reauthorize(ctx context.Context, t TenantID, application string, a Actor, id ID) error {
	event, err := s.event(ActivityFollowApproved, id, a, nil)
	if err != nil {
		return err
	}
	_, err = s.o.Store.UpdateNotificationSubscription(ctx, t, id, func(n *NotificationSubscription) error {
		n.RemindAt = odata.Never()
		return visible(*n, application)
	}, event)
	return err
}

func (s *Notifications) event(activity string, object ID, a Actor, members []string) (AuditEvent, error) {
	id, err := newID()
	return AuditEvent{ID: id, At: odata.FromTime(s.o.Now()), Activity: activity, Object: object, Actor: a, Members: members}, err
}
