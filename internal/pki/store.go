package pki

import (
	"context"

	"cloudpki/internal/odata"
)

// A Store keeps the nouns. All methods are safe for concurrent use and honour
// ctx. A row of another tenant does not exist: the answer is NotFound, never a
// refusal. When a write returns nil it survives the loss of power. Errors are
// *Error where the comment names a Code, or anything else for a fault of the
// database.
type Store interface {
	SubscriptionStore
	RunStore
	InventoryStore
	ExpansionStore
	DeltaStore

	// Atomically runs f in one transaction: what is done with the context that
	// f is given happens with the commit or, where f fails, not at all, and
	// reads with it see what was done. f may run more than once, must wait for
	// nobody, and must be finished with the context when it returns. Its error
	// is returned.
	Atomically(ctx context.Context, f func(context.Context) error) error
}

// A Page is one page of a list: what was asked for, or less where that is long.
type Page[T any] struct {
	Items []T
	After []odata.Value // position behind the last item, for Query.After; nil on the last page
	Count int64         // all that match, before paging; set where Query.Count
}

// Effects is what a change of a subscription brings along, written in the same
// transaction.
type Effects struct {
	Unchanged bool        // nothing is written at all
	Audit     *AuditEvent // nil for none
	Run       *Run        // asked for now, unless one is pending; nil for none
}

// A Receipt remembers a create for its repetition with the same idempotency
// key (24 hours). It holds no part of the body, only its MAC.
type Receipt struct {
	Tenant  TenantID
	Client  string
	Key     string // Idempotency-Key or client-request-id
	BodyMAC []byte
	ID      ID
	At      odata.DateTimeOffset // creation of the object
}

// SubscriptionStore keeps subscriptions.
type SubscriptionStore interface {
	// CreateSubscription stores s with its first run, its audit event and,
	// where not nil, the receipt. CodeExists where the id is taken.
	CreateSubscription(ctx context.Context, s Subscription, e Effects, r *Receipt) error

	// Receipt returns the receipt of an earlier create, or CodeNotFound.
	Receipt(ctx context.Context, t TenantID, client, key string) (Receipt, error)

	// Subscription returns one, or CodeNotFound.
	Subscription(ctx context.Context, t TenantID, id ID) (Subscription, error)

	// Subscriptions returns a page of those that match q.
	Subscriptions(ctx context.Context, t TenantID, q odata.Query) (Page[Subscription], error)

	// UpdateSubscription calls change on the stored row inside a transaction,
	// raises Revision by one, and stores it. change may be called more than
	// once and must do nothing but change its argument. Its error is returned
	// as it is. CodeNotFound.
	UpdateSubscription(ctx context.Context, t TenantID, id ID, change func(*Subscription) (Effects, error)) (Subscription, error)

	// DeleteSubscription removes the row, and with it the object's key, in one
	// transaction, if check agrees; history and inventory are unreachable at
	// once and are removed by Purge. CodeNotFound.
	DeleteSubscription(ctx context.Context, t TenantID, id ID, check func(Subscription) error, e AuditEvent) error

	// Purge removes up to limit rows that deleted subscriptions left behind,
	// receipts from before expired, and tombstones past their life. It reports
	// whether there is more.
	Purge(ctx context.Context, expired odata.DateTimeOffset, limit int) (more bool, err error)
}

// A RunPage is one page of an inventory, ready to be stored.
type RunPage struct {
	Certificates []Certificate
	Skipped      []SkippedItem
	Listed       bool // met in the CA's listing: mark as seen by this run, so that what it does not see can be called missing
	Run          Run  // the run as it stands with this page: cursor, stages, total; Counts are added by the store
	Now          odata.DateTimeOffset
}

// RunStore keeps runs. The methods that take a Lease work under a live one
// only: CodeLeaseLost otherwise.
type RunStore interface {
	// RequestRun makes run due now, unless one is queued or running already;
	// it returns the one that will tell the outcome. CodeNotFound.
	RequestRun(ctx context.Context, t TenantID, id ID, run Run, e AuditEvent) (Run, error)

	// CancelRuns ends the queued run of a subscription, whose due date next
	// then sets, and asks the running one to stop, which is what it returns;
	// the zero Run where none is running. e is stored where this changed
	// anything. CodeNotFound.
	CancelRuns(ctx context.Context, t TenantID, id ID, e AuditEvent, next func(*Subscription)) (Run, error)

	// SaveRun stores how far the run is.
	SaveRun(ctx context.Context, l Lease, r Run) error

	// SaveAuthorities stores what was seen: new ones as given, known ones with
	// their LastSeen, kind and profiles (and state, where it is not discovered).
	// Where the list has a trusted root, other roots that were trusted become
	// retiring. It returns the roots that are new and quarantined.
	SaveAuthorities(ctx context.Context, l Lease, list []Authority) ([]Authority, error)

	// SavePage stores a page together with the run's cursor and counts, and
	// returns the counts of the page. A certificate that is as it was known
	// counts as unchanged. A long page may be stored in parts, the run with the
	// last of them.
	SavePage(ctx context.Context, l Lease, p RunPage) (Counts, error)

	// MarkMissing marks what this run did not see of what was listed before.
	// allow is told how many of how many that would be and may refuse.
	MarkMissing(ctx context.Context, l Lease, now odata.DateTimeOffset, allow func(missing, total int) error) (int, error)

	// FinishRun ends the run and the lease and applies change to the
	// subscription, in one transaction. When a run was asked for meanwhile,
	// the next sync stays due.
	FinishRun(ctx context.Context, l Lease, r Run, change func(*Subscription) Effects) error
}

// InventoryStore reads what syncs have found. sub is an existing subscription:
// CodeNotFound where it is not.
type InventoryStore interface {
	Run(ctx context.Context, t TenantID, sub, id ID) (Run, error)
	Runs(ctx context.Context, t TenantID, sub ID, q odata.Query) (Page[Run], error)
	Authority(ctx context.Context, t TenantID, sub, id ID) (Authority, error)
	Authorities(ctx context.Context, t TenantID, sub ID, q odata.Query) (Page[Authority], error)
	Certificate(ctx context.Context, t TenantID, sub, id ID) (Certificate, error)
	Certificates(ctx context.Context, t TenantID, sub ID, q odata.Query) (Page[Certificate], error)
	SkippedItems(ctx context.Context, t TenantID, sub ID, q odata.Query) (Page[SkippedItem], error)
	AuditEvents(ctx context.Context, t TenantID, q odata.Query) (Page[AuditEvent], error)
}
