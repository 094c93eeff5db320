package pki

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
)

// Options are what a Service is made from. All but Log are required.
type Options struct {
	Store     Store
	Keyring   *secret.Keyring
	Root      *secret.Root // for MACs of what is stored, such as replayed requests
	Catalog   provider.Catalog
	Transport *provider.Transport
	Now       func() time.Time
	Log       *slog.Logger
	Schedule  Schedule
	Observe   func(SyncOutcome) // told of each ended sync; nil for nobody

	KeepPrevious time.Duration // how long replaced credentials can be rolled back to; 0 is not at all
	TrustOverlap time.Duration // how long a replaced root is distributed beside the new one
	TestTimeout  time.Duration // of one TestConnection; 0 is DefaultTestTimeout

	Alerts AlertPolicy
}

// Schedule bounds when subscriptions are synced.
type Schedule struct {
	Interval          time.Duration // between two syncs, where neither admin nor CA say otherwise
	MinimumInterval   time.Duration // floor of syncSchedule
	RunTimeout        time.Duration // a run that takes longer fails; what it has stored is kept
	FullInterval      time.Duration // between two complete listings of a CA that can tell what has changed
	MaxMissingPercent int           // more of the inventory missing at once than this ends the run
}

// A SyncOutcome tells of one ended sync, for metrics.
type SyncOutcome struct {
	Provider string
	Probe    bool          // it proved the credentials and asked for nothing else
	Code     provider.Code // "" for success
	Duration time.Duration
}

// A Service is the rules: it validates, authorizes nothing (the doors do),
// seals, stamps, audits and writes. It is safe for concurrent use.
type Service struct {
	InventoryStore // reads of what syncs have found are as the store answers them
	ExpansionStore // and so are those of subscriptions with their children

	store     Store
	keyring   *secret.Keyring
	macKey    []byte
	replays   replays
	catalog   provider.Catalog
	transport *provider.Transport
	now       func() time.Time
	log       *slog.Logger
	schedule  Schedule
	observe   func(SyncOutcome)
	providers *odata.EnumType

	trustOverlap time.Duration
	keepPrevious time.Duration
	testTimeout  time.Duration
	tests        testsUnderWay
	enrolments   chan struct{} // has a place for each that may be under way
	alerts       AlertPolicy
}

// NewService returns a Service. It fails only where no key can be derived from
// the root key.
func NewService(o Options) (*Service, error) {
	macKey, err := o.Root.Derive("message authentication")
	if err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(SyncOutcome) {}
	}
	return &Service{
		InventoryStore: o.Store, ExpansionStore: o.Store,
		store: o.Store, keyring: o.Keyring, macKey: macKey, catalog: o.Catalog,
		replays:   replays{o.Store.Receipt, macKey, ResourceSubscriptions, o.Now},
		transport: o.Transport, now: o.Now, log: o.Log, schedule: o.Schedule, observe: o.Observe,
		providers: ProviderEnum(), trustOverlap: o.TrustOverlap, keepPrevious: o.KeepPrevious,
		testTimeout: cmp.Or(o.TestTimeout, DefaultTestTimeout), tests: testsUnderWay{busy: make(map[string]bool)},
		enrolments: make(chan struct{}, maxEnrolments),
		alerts:     o.Alerts,
	}, nil
}

// Get returns one subscription of t, or CodeNotFound.
func (s *Service) Get(ctx context.Context, t TenantID, id ID) (Subscription, error) {
	return s.store.Subscription(ctx, t, id)
}

// List returns a page of the subscriptions of t that match q.
func (s *Service) List(ctx context.Context, t TenantID, q odata.Query) (Page[Subscription], error) {
	return s.store.Subscriptions(ctx, t, q)
}

// A Condition is asked, inside the transaction, whether a change of the object
// with the entity tag may go ahead. Its error is returned to the caller. A nil
// Condition always agrees.
type Condition func(etag string) error

func (c Condition) check(etag string) error {
	if c == nil {
		return nil
	}
	return c(etag)
}

// Delete removes a subscription with its secrets. CodeNotFound.
func (s *Service) Delete(ctx context.Context, t TenantID, a Actor, id ID, c Condition) error {
	event, err := s.event(ActivityDelete, id, a, nil)
	if err != nil {
		return err
	}
	return s.store.DeleteSubscription(ctx, t, id, func(sub Subscription) error { return c.check(sub.ETag()) }, event)
}

// RequestSync makes the subscription due now and returns the run that will
// tell the outcome: a new one, or the one that is under way. CodeNotFound, or
// CodeNotSyncable for a provider that is never synced.
func (s *Service) RequestSync(ctx context.Context, t TenantID, a Actor, id ID) (Run, error) {
	return s.requestRun(ctx, t, a, id, ActivitySync, false)
}

func (s *Service) requestRun(ctx context.Context, t TenantID, a Actor, id ID, activity string, dry bool) (Run, error) {
	sub, err := s.store.Subscription(ctx, t, id)
	if err != nil {
		return Run{}, err
	}
	if sub.Provider == ProviderUnknown {
		return Run{}, &Error{
			Code: CodeNotSyncable, Target: "cloudPkiProvider",
			Msg: "A subscription whose cloudPkiProvider is 'unKnown' is never synced. Set cloudPkiProvider to the kind of the CA first.",
		}
	}
	run, err := newRun(TriggerManual, s.stamp())
	if err != nil {
		return Run{}, err
	}
	run.DryRun = dry
	event, err := s.event(activity, id, a, nil)
	if err != nil {
		return Run{}, err
	}
	return s.store.RequestRun(ctx, t, id, run, event)
}

// stamp is the current time as it is stored.
func (s *Service) stamp() odata.DateTimeOffset { return odata.FromTime(s.now()) }

func (s *Service) event(activity string, object ID, a Actor, members []string) (AuditEvent, error) {
	id, err := newID()
	if err != nil {
		return AuditEvent{}, err
	}
	return AuditEvent{ID: id, At: s.stamp(), Activity: activity, Object: object, Actor: a, Members: members}, nil
}

// NewRun returns a run that was asked for now.
func NewRun(trigger Trigger, now odata.DateTimeOffset) (Run, error) { return newRun(trigger, now) }

func newRun(trigger Trigger, now odata.DateTimeOffset) (Run, error) {
	id, err := newID()
	if err != nil {
		return Run{}, err
	}
	return Run{
		ID: id, Trigger: trigger, Queued: now, Total: -1,
		Started: odata.Never(), Ended: odata.Never(), NextTry: odata.Never(),
	}, nil
}

// newID returns a UUIDv7 (RFC 9562, 5.7): ids of one process sort by time.
func newID() (ID, error) {
	id, err := uuid.NewV7()
	return ID(id.String()), err
}
