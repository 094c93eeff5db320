package pki

import (
	"context"
	"time"

	"cloudpki/internal/odata"
)

const (
	// DeltaLinkLife is how long a client may wait until it asks for what has
	// changed, from the beginning of its last round.
	DeltaLinkLife = 30 * 24 * time.Hour

	// DeltaRoundLife is how long a client may take for all pages of a round.
	DeltaRoundLife = 7 * 24 * time.Hour

	// TombstoneLife is how long it is known that an object was deleted.
	// Who used a link at the end of its life may read in rounds for as long as
	// a round may take; the day above bridges clocks that differ.
	TombstoneLife = DeltaLinkLife + DeltaRoundLife + 24*time.Hour
)

// A DeltaPosition says how far a client has followed a set: it was told of all
// changes with a lower number than Change, and of those with that number for
// the objects up to ID. A round reads up to the number that was the last at its
// beginning. What changes meanwhile comes in the next round.
type DeltaPosition struct {
	Begun   odata.DateTimeOffset // when the round, or the one that ended here, began
	Change  int64
	ID      ID    // "" for none yet
	Until   int64 // last number of the round under way; 0 between rounds
	Initial bool  // the round tells all that there is, and nothing of what is gone
	Latest  bool  // the round begins behind all that has happened
	Key     int64 // which set: incarnation of the subscription that it belongs to; of others at most 0
}

// isStart reports whether p is no link's, but where a client begins.
func (p DeltaPosition) isStart() bool { return p.Until == 0 && (p.Initial || p.Latest) }

// Removal says why an object is not in the set any longer, as in @removed.
type Removal string

// The removals.
const (
	RemovedDeleted Removal = "deleted"
	RemovedChanged Removal = "changed" // it was changed and does not match the filter
)

// A DeltaItem is one object that was changed. Item is nil where it was removed.
type DeltaItem[T any] struct {
	ID      ID
	Item    *T
	Removed Removal
}

// A Delta is one page of a round, in the order of the changes.
type Delta[T any] struct {
	Items []DeltaItem[T]
	Next  DeltaPosition
	More  bool // the round goes on at Next; else it has ended there
}

// DeltaStore tells what has changed. Of q, Filter, Select and Top count. An
// object may be told again although it did not change, and as removed although
// it was never told; a change is never left out. CodeResync where from belongs
// to a subscription that was deleted since, or to a later state of the database
// than there is.
type DeltaStore interface {
	SubscriptionChanges(ctx context.Context, t TenantID, q odata.Query, from DeltaPosition) (Delta[Subscription], error)

	// CertificateChanges needs an existing subscription: CodeNotFound.
	CertificateChanges(ctx context.Context, t TenantID, sub ID, q odata.Query, from DeltaPosition) (Delta[Certificate], error)
}

// SubscriptionChanges returns a page of what has changed among the
// subscriptions of t. CodeResync where from is too old.
func (s *Service) SubscriptionChanges(ctx context.Context, t TenantID, q odata.Query, from DeltaPosition) (Delta[Subscription], error) {
	from, err := from.begin(s.stamp())
	if err != nil {
		return Delta[Subscription]{}, err
	}
	return s.store.SubscriptionChanges(ctx, t, q, from)
}

// CertificateChanges is SubscriptionChanges for the certificates of one
// subscription. CodeNotFound.
func (s *Service) CertificateChanges(ctx context.Context, t TenantID, sub ID, q odata.Query, from DeltaPosition) (Delta[Certificate], error) {
	from, err := from.begin(s.stamp())
	if err != nil {
		return Delta[Certificate]{}, err
	}
	return s.store.CertificateChanges(ctx, t, sub, q, from)
}

// begin refuses a position that is too old and stamps the beginning of a round.
func (p DeltaPosition) begin(now odata.DateTimeOffset) (DeltaPosition, error) {
	life := DeltaLinkLife
	if p.Until > 0 {
		life = DeltaRoundLife
	}
	if !p.isStart() && now.Time().Sub(p.Begun.Time()) > life {
		return p, Resync()
	}
	if p.Until == 0 {
		p.Begun = now
	}
	return p, nil
}

// Resync is the error for a position from which the changes can be followed no
// longer.
func Resync() *Error {
	return &Error{Code: CodeResync, Msg: "The link is too old, or what it followed was deleted or restored. Begin anew at the address in Location, and drop what the answers from there do not name."}
}
