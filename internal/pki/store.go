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
	ScanStore
	InventoryStore
	ExpansionStore
	DeltaStore
	CredentialStore
	TrustStore
	EnrolmentStore
	AlertStore
	RaisedAlertStore

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
	Unchanged bool         // nothing is written at all
	Audit     *AuditEvent  // nil for none
	Decisions []AuditEvent // on roots and providers, beside Audit
	Roots     []Authority  // roots as they are to stand from now on; those not known yet are added
	Run       *Run         // asked for now, unless one is pending; nil for none

	// Of the end of a run: how the inventory is followed from now on, nil for
	// as before; and the skipped items to be forgotten, which were last met
	// before Reread, the zero value for none.
	Following *Following
	Reread    odata.DateTimeOffset
}

// A Receipt remembers a create for its repetition with the same idempotency
// key (24 hours). It holds no part of the body, only its MAC.
type Receipt struct {
	Tenant  TenantID
	Client  string
	Key     string // Idempotency-Key or client-request-id
	BodyMAC []byte
	ID      ID                   // "" while it is not known whether there is one
	At      odata.DateTimeOffset // creation of the object; of what waits, when the CA was last asked

	// Of a request that waits for approval at the CA.
	Pending  string               // provider, a slash, and what the CA calls it; "" for none
	AskAfter odata.DateTimeOffset // the CA is not asked again before
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
	// receipts from before expired, and tombstones and resolved alerts past their
	// life. It reports
	// whether there is more.
	Purge(ctx context.Context, expired odata.DateTimeOffset, limit int) (more bool, err error)
}

// A RunPage is one page of an inventory, ready to be stored.
type RunPage struct {
	Certificates []Certificate
	Seen         []string // serial numbers that the CA lists, of certificates that are as they are known
	Skipped      []SkippedItem
	Listing      Listing // as it stands with this page; none for what is not from the CA's list, as a revocation list
	Beside       bool    // of a revocation list: of what the CA lists as well it tells nothing but that it is revoked
	Unchecked    bool    // the revocation lists could not be had: nothing is made valid that was revoked
	Provider     int64   // of the CA, a member of cloudPkiProvider; 0 for not told
	Run          Run     // as it stands with this page; Counts are added by the store
	Now          odata.DateTimeOffset
}

// RunStore keeps runs. The methods that take a Lease work under a live one
// only: CodeLeaseLost otherwise.
type RunStore interface {
	// RequestRun makes run due now, unless one is queued or running already;
	// it returns the one that will tell the outcome. A dry run is not enough
	// for one that is not: where it is queued, it becomes the other. CodeNotFound.
	RequestRun(ctx context.Context, t TenantID, id ID, run Run, e AuditEvent) (Run, error)

	// CancelRuns ends the queued run of a subscription, whose due date next
	// then sets, and asks the running one to stop, which is what it returns;
	// the zero Run where none is running. e is stored where this changed
	// anything. CodeNotFound.
	CancelRuns(ctx context.Context, t TenantID, id ID, e AuditEvent, next func(*Subscription)) (Run, error)

	// SaveRun stores how far the run is.
	SaveRun(ctx context.Context, l Lease, r Run) error

	// SaveAuthorities stores what was seen: new ones as given, known ones with
	// their LastSeen, kind and profiles; what was once met as a root stays one.
	// Then it calls decide, in the same transaction, with the subscription and
	// all its roots as they stand, and stores what that decides: where its
	// Effects are Unchanged, the decisions alone. decide may be called more than
	// once and must do nothing but change its first argument; nil decides
	// nothing. Its error is returned as it is.
	SaveAuthorities(ctx context.Context, l Lease, list []Authority, decide func(*Subscription, []Authority) (Effects, error)) error

	// FinishRun ends the run and the lease and applies change to the
	// subscription, in one transaction. When a run was asked for meanwhile,
	// the next sync stays due.
	FinishRun(ctx context.Context, l Lease, r Run, change func(*Subscription) Effects) error
}

// ScanStore keeps what scans of an inventory find. All methods work under a
// live lease only: CodeLeaseLost otherwise.
type ScanStore interface {
	// Following returns how the inventory of the lease's subscription is
	// followed; the zero Following at first.
	Following(ctx context.Context, l Lease) (Following, error)

	// Known is provider.Scan.Known: it tells of each of the serial numbers by
	// which one certificate is known, listed and not missing, with its status.
	Known(ctx context.Context, l Lease, serials []string) (map[string]CertificateStatus, error)

	// SavePage stores a page together with the listing and the run's counts,
	// and returns the counts of the page. A certificate that is as it was known
	// counts as unchanged, and is not written; a complete listing notes that it
	// has met it. A serial of Seen that Known does not tell counts as skipped.
	// A long page may be stored in parts, the run with the last of them.
	SavePage(ctx context.Context, l Lease, p RunPage) (Counts, error)

	// ComparePage returns the counts of SavePage, and changes nothing but seen,
	// in which it marks what the page has met of what is known.
	ComparePage(ctx context.Context, l Lease, p RunPage, seen Seen) (Counts, error)

	// MarkMissing marks what the complete listing with the id did not meet of
	// what was listed before. allow is told how many of how many that would be
	// and may refuse.
	MarkMissing(ctx context.Context, l Lease, listing ID, now odata.DateTimeOffset, allow func(missing, total int) error) (int, error)

	// CountMissing returns how many of how many MarkMissing would mark where
	// seen is what the listing has met.
	CountMissing(ctx context.Context, l Lease, seen Seen) (missing, total int, err error)
}

// TrustStore keeps what a subscription trusts. CodeNotFound where there is no
// such subscription.
type TrustStore interface {
	// ChangeTrust is UpdateSubscription with the roots that the subscription has
	// met, with their DER.
	ChangeTrust(ctx context.Context, t TenantID, id ID, change func(*Subscription, []Authority) (Effects, error)) (Subscription, error)

	// Trust returns a subscription with all authorities that it has met, with
	// their DER, as they were at one moment.
	Trust(ctx context.Context, t TenantID, id ID) (Subscription, []Authority, error)

	// IssuedBeside reports whether a subscription has a valid certificate, at
	// now, whose issuer is none of issuers (RFC 4514), or unknown.
	IssuedBeside(ctx context.Context, t TenantID, id ID, issuers []string, now odata.DateTimeOffset) (bool, error)

	// CountMigration counts the certificates of a subscription by the providers
	// under which they were met; to is a member of cloudPkiProvider.
	CountMigration(ctx context.Context, t TenantID, id ID, to int64) (MigrationCounts, error)
}

// EnrolmentStore keeps what is issued and revoked through the service.
type EnrolmentStore interface {
	// ReserveReceipt stores a receipt without an ID before the CA is asked, so
	// that nobody asks twice. CodeExists where one is in force.
	ReserveReceipt(ctx context.Context, r Receipt) error

	// KeepPending stores At, Pending and AskAfter of a receipt without an ID.
	KeepPending(ctx context.Context, r Receipt) error

	// ClaimPending moves AskAfter of a receipt that waits to until, and reports
	// whether it was not after now: whoever gets true asks the CA.
	ClaimPending(ctx context.Context, r Receipt, now, until odata.DateTimeOffset) (bool, error)

	// DropReceipt removes a receipt that was reserved for what did not happen.
	DropReceipt(ctx context.Context, r Receipt) error

	// RecordCertificate stores p, which is no part of a listing, with its audit
	// event and, where not nil, the receipt that was reserved, which now has the
	// ID. CodeNotFound where there is no such subscription.
	RecordCertificate(ctx context.Context, t TenantID, id ID, p RunPage, e AuditEvent, r *Receipt) error
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
