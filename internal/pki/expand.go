package pki

import (
	"context"

	"cloudpki/internal/odata"
)

// The navigations of a subscription, as its entity type spells them.
const (
	NavigationRuns         = string(ResourceRuns)
	NavigationAuthorities  = string(ResourceAuthorities)
	NavigationCertificates = string(ResourceCertificates)
	NavigationSkippedItems = "skippedItems"
)

// Expanded are the first children of some subscriptions: of each navigation
// that was asked for one page for each subscription, in the order of these. The
// others are nil.
type Expanded struct {
	Runs         []Page[Run]
	Authorities  []Page[Authority]
	Certificates []Page[Certificate]
	SkippedItems []Page[SkippedItem]
}

// ExpansionStore reads subscriptions together with their children, all as they
// were at one moment.
type ExpansionStore interface {
	// ExpandedSubscription is Subscription with its children. CodeNotFound.
	ExpandedSubscription(ctx context.Context, t TenantID, id ID, list []odata.Expansion) (Subscription, Expanded, error)

	// ExpandedSubscriptions is Subscriptions with the children that q.Expand
	// asks for.
	ExpandedSubscriptions(ctx context.Context, t TenantID, q odata.Query) (Page[Subscription], Expanded, error)
}
