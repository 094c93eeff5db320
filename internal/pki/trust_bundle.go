package pki

import (
	"context"
	"crypto/x509"

	"cloudpki/internal/odata"
)

// A TrustBundle is a named set of the roots that a tenant's devices are to
// trust, gathered from its subscriptions and published in versions.
type TrustBundle struct {
	Tenant TenantID
	ID     ID
	Key    int64 // names its versions

	Name          string // of its address; see checkBundleName
	DisplayName   *string
	Description   *string
	Subscriptions []string // ids of those whose roots it gathers; empty for all of the tenant
	Intermediates bool     // whether it holds what chains to the roots as well
	Access        BundleAccess

	Created      odata.DateTimeOffset
	LastModified odata.DateTimeOffset
	Edits        int64 // +1 with each change by an admin: what If-Match compares
	Revision     int64 // +1 with each change of any kind: the tail of the ETag

	// Of the version that is published last. Version never falls, not even
	// where a bundle is deleted and made anew under its name.
	Version   int64
	Hash      string // of what it holds, SHA-256 in lower-case hex; "" for none published yet
	Roots     int64
	Published odata.DateTimeOffset // Never for not yet
	Expires   odata.DateTimeOffset // the soonest end of its roots; Never for none

	Status  BundleStatus
	Message string // why it was not published as it would be; ""

	// Of the fetchers that are known, see TrustBundleFetch.
	CurrentFetchers  int64 // that have the last version
	OutdatedFetchers int64 // that have only older ones

	Stale bool // what it is gathered from may have changed since it was last looked at
}

// HasContent reports whether a version was published.
func (b *TrustBundle) HasContent() bool { return b.Hash != "" }

// BundleAccess is who may fetch what is published.
type BundleAccess int64

// The kinds of access.
const (
	BundleToken  BundleAccess = iota // whoever has a token that may read the tenant
	BundlePublic                     // everybody
)

// BundleStatus tells how a bundle stands to what it is gathered from.
type BundleStatus int64

// The states.
const (
	BundleEmpty     BundleStatus = iota // there was nothing to publish yet
	BundlePublished                     // the last version is what its sources hold
	BundleKept                          // the last version stays, as its sources hold none, or too many
)

// A TrustBundleVersion is what a bundle held from one change to the next.
type TrustBundleVersion struct {
	ID        ID // UUIDv7
	Version   int64
	Published odata.DateTimeOffset
	Expires   odata.DateTimeOffset
	Hash      string

	RootIDs         []string // SHA-256, lower-case hex, in that order
	IntermediateIDs []string

	Fetches     int64                // how often it was fetched, or found unchanged
	LastFetched odata.DateTimeOffset // Never for not yet

	// Certificates in the order of the ids, DER after DER. Lists of versions
	// leave them out.
	Roots         []byte
	Intermediates []byte
}

// A TrustSource is what one subscription gives to a bundle: DER, unparsed.
type TrustSource struct {
	Trusted  []byte   // the root in force; nil for none
	Retiring [][]byte // roots beside it
	Others   [][]byte // CA certificates that were met and are no roots
}

// BundleContent is a version of a bundle with its certificates.
type BundleContent struct {
	Version       int64
	Published     odata.DateTimeOffset
	Roots         []*x509.Certificate
	Intermediates []*x509.Certificate
}

// BundleStore keeps TrustBundles. Like a Store's, its methods are safe for
// concurrent use, and a row of another tenant does not exist.
//
// Whatever changes what a subscription trusts marks the tenant's bundles as
// stale in the transaction of the change, so that no change is lost whenever
// the process ends.
type BundleStore interface {
	// CreateTrustBundle stores b, stale, and where not nil the receipt.
	// CodeExists where its name is taken or the receipt is there already,
	// CodeQuota where the tenant has most already, CodeInvalid where a
	// subscription that it names does not exist.
	CreateTrustBundle(ctx context.Context, b TrustBundle, most int, e AuditEvent, r *Receipt) error

	// TrustBundle returns one, or CodeNotFound.
	TrustBundle(ctx context.Context, t TenantID, id ID) (TrustBundle, error)

	// TrustBundleNamed returns the one with the name, without figures of its
	// fetchers, or CodeNotFound.
	TrustBundleNamed(ctx context.Context, t TenantID, name string) (TrustBundle, error)

	// TrustBundles returns a page of those that match q.
	TrustBundles(ctx context.Context, t TenantID, q odata.Query) (Page[TrustBundle], error)

	// UpdateTrustBundle calls change on the stored row inside a transaction and,
	// where that raises Edits, stores what an admin may change, stale.
	// CodeNotFound, CodeInvalid as of CreateTrustBundle, or what change returns.
	UpdateTrustBundle(ctx context.Context, t TenantID, id ID, change func(*TrustBundle) error, e AuditEvent) (TrustBundle, error)

	// DeleteTrustBundle removes the row with its versions if check agrees.
	// CodeNotFound.
	DeleteTrustBundle(ctx context.Context, t TenantID, id ID, check func(TrustBundle) error, e AuditEvent) error

	// PublishTrustBundle calls decide inside a transaction with the stored row
	// and its sources, and stores what that makes of it, no longer stale: with a
	// new version where it returns one, and its audit event. At most keep
	// versions stay. decide may be called more than once. CodeNotFound.
	PublishTrustBundle(ctx context.Context, t TenantID, id ID, keep int, decide func(*TrustBundle, []TrustSource) (*TrustBundleVersion, *AuditEvent, error)) (TrustBundle, error)

	// StaleTrustBundles returns up to limit bundles of any tenant that are stale.
	StaleTrustBundles(ctx context.Context, limit int) ([]TrustBundle, error)

	BundleVersionStore
	BundleClientStore
}

// BundleClientStore is for clients that repeat a create, or follow the bundles.
type BundleClientStore interface {
	// Receipt is as of SubscriptionStore.
	Receipt(ctx context.Context, t TenantID, client, key string) (Receipt, error)

	// TrustBundleChanges tells what has changed, as a DeltaStore does.
	TrustBundleChanges(ctx context.Context, t TenantID, q odata.Query, from DeltaPosition) (Delta[TrustBundle], error)
}

// BundleVersionStore reads the versions of bundles.
type BundleVersionStore interface {
	// TrustBundleVersions returns a page of the versions of b, the newest first
	// where no order is asked for.
	TrustBundleVersions(ctx context.Context, b TrustBundle, q odata.Query) (Page[TrustBundleVersion], error)

	// TrustBundleVersion returns a version of b with its certificates, or
	// CodeNotFound.
	TrustBundleVersion(ctx context.Context, b TrustBundle, version int64) (TrustBundleVersion, error)

	// AddBundleFetches adds to the counts of versions and to the evidence of who
	// fetched them, with at most FetcherKind.Most rows of a kind. Versions that
	// there are not any longer are passed over.
	AddBundleFetches(ctx context.Context, list []BundleFetches) error

	// TrustBundleFetches returns a page of who fetched which version of b.
	TrustBundleFetches(ctx context.Context, b TrustBundle, q odata.Query) (Page[TrustBundleFetch], error)
}
