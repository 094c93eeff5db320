package pki

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// inventory follows the CA's list of issued certificates: what is new since
// the last run where the CA can tell, now and then all of it. Each page is
// stored together with the listing as it stands behind it, so that an
// interrupted run goes on where it was.
func (a *attempt) inventory(ctx context.Context, session provider.Session) error {
	list, ok := session.(provider.Inventory)
	if !ok || list.Mode() == provider.InventoryNone {
		return nil
	}
	f, err := a.store.Following(ctx, a.lease)
	if err != nil {
		return stored(err)
	}
	config, err := configMark(&a.sub)
	if err != nil {
		return err
	}
	a.following, a.begun = f, true
	if a.hasEnded(StageInventory) && !a.run.DryRun {
		a.listed = true // before an interruption of the run
		return nil
	}
	if a.run.DryRun || !f.Listing.goesOn(list.Mode(), config, a.now()) {
		if a.following.Listing, err = a.nextListing(list.Mode(), config); err != nil {
			return err
		}
		a.run.Counts = Counts{}
	}
	if err := a.enter(ctx, StageInventory); err != nil {
		return err
	}
	a.loadCRLs(ctx, session)
	if err := a.scan(ctx, list); err != nil {
		return err
	}
	// A record that could not be read may be any of those not met.
	if l := a.following.Listing; l.IsComplete() && l.Full && !l.Skipped {
		if err := a.markMissing(ctx); err != nil {
			return err
		}
	}
	a.listed = true
	return nil
}

// scan goes through the pages that are left of the listing. While one is
// stored, the next is fetched.
func (a *attempt) scan(ctx context.Context, list provider.Inventory) error {
	r := a.newReader(ctx, list)
	defer r.close()
	if !a.following.Listing.Done {
		r.fetch(a.following.Listing)
	}
	for !a.following.Listing.Done {
		f := r.wait()
		if errors.Is(f.err, provider.ErrPositionLost) && !a.following.Listing.IsComplete() {
			if err := a.listAll(); err != nil {
				return err
			}
			r.fetch(a.following.Listing)
			continue
		}
		if f.err != nil {
			return f.err
		}
		if !f.listing.Done {
			r.fetch(f.listing)
		}
		if err := a.savePage(ctx, f); err != nil {
			return err
		}
		a.following.Listing = f.listing
	}
	return nil
}

// savePage stores a page and counts it.
func (a *attempt) savePage(ctx context.Context, f fetched) error {
	a.run.Total, a.run.RequestID = totalOf(f.page.Total), printable(f.page.TxID)
	p := f.stored
	p.Run, p.Listing, p.Seen, p.Unchecked = a.run, f.listing, f.page.Seen, a.crlFault != nil
	return a.saveRunPage(ctx, p)
}

// totalOf is a CA's own count, where it is one.
func totalOf(n int) int {
	if n < 0 || n > math.MaxInt32 {
		return -1
	}
	return n
}

// saveRunPage stores what p holds, or in a dry run compares it with what is
// stored.
func (a *attempt) saveRunPage(ctx context.Context, p RunPage) error {
	var counts Counts
	var err error
	p.Provider, _ = a.providers.ValueOf(a.sub.Provider)
	if a.run.DryRun {
		counts, err = a.store.ComparePage(ctx, a.lease, p, a.seen)
	} else {
		counts, err = a.store.SavePage(ctx, a.lease, p)
	}
	if err != nil {
		return stored(err)
	}
	provider.Progress(ctx)
	a.run.Counts.Add(counts)
	if a.run.DryRun {
		return stored(a.store.SaveRun(ctx, a.lease, a.run))
	}
	return nil
}

// markMissing is for what a complete listing lacks. Much at once is more
// likely a fault of the CA than the truth, so it takes nothing away then.
func (a *attempt) markMissing(ctx context.Context) error {
	var missing, total int
	var err error
	if a.run.DryRun {
		if missing, total, err = a.store.CountMissing(ctx, a.lease, a.seen); err == nil && missing > 0 {
			err = a.allowMissing(missing, total)
		}
	} else {
		missing, err = a.store.MarkMissing(ctx, a.lease, a.following.Listing.ID, a.stamp(), a.allowMissing)
	}
	var refused *provider.Error
	if errors.As(err, &refused) {
		return refused
	}
	a.run.Counts.Missing = missing
	return stored(err)
}

func (a *attempt) allowMissing(missing, total int) error {
	const few = 10 // so many are believed whatever their share
	if missing <= few || missing*100 <= total*a.schedule.MaxMissingPercent {
		return nil
	}
	return &provider.Error{
		Code: provider.CodeTooManyRemovals,
		Msg:  fmt.Sprintf("the CA's complete listing lacks %d of %d known certificates, more than %d %%; none was marked missing", missing, total, a.schedule.MaxMissingPercent),
	}
}

// hasEnded reports whether an earlier attempt of this run came to the end of a
// stage.
func (a *attempt) hasEnded(stage string) bool {
	return slices.ContainsFunc(a.run.Stages, func(s Stage) bool { return s.Name == stage && !s.Ended.IsNever() })
}

func dateOf(t time.Time) odata.DateTimeOffset {
	if t.IsZero() {
		return odata.Never()
	}
	return odata.FromTime(t)
}
