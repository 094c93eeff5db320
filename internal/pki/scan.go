package pki

import (
	"bytes"
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"cloudpki/internal/provider"
)

// A fetched is a page as the CA gave it and as it is to be stored, with the
// listing as it stands behind it.
type fetched struct {
	page    provider.Page
	stored  RunPage
	listing Listing
	err     error
}

// A pageReader fetches one page at a time on a goroutine of its own, which
// close waits for.
type pageReader struct {
	a     *attempt
	ctx   context.Context
	stop  context.CancelFunc
	list  provider.Inventory
	ahead chan fetched // the page under way; nil for none
}

func (a *attempt) newReader(ctx context.Context, list provider.Inventory) *pageReader {
	r := &pageReader{a: a, list: list}
	r.ctx, r.stop = context.WithCancel(ctx)
	return r
}

// fetch begins to fetch the page behind l.
func (r *pageReader) fetch(l Listing) {
	ahead := make(chan fetched, 1)
	r.ahead = ahead
	go func() {
		f := fetched{listing: l}
		defer func() {
			if fault := recover(); fault != nil {
				f.err = fmt.Errorf("panic: %v\n%s", fault, debug.Stack())
			}
			ahead <- f
		}()
		f = r.read(l)
	}()
}

// wait returns the page under way.
func (r *pageReader) wait() fetched {
	f := <-r.ahead
	r.ahead = nil
	return f
}

func (r *pageReader) close() {
	r.stop()
	if r.ahead != nil {
		<-r.ahead
	}
}

func (r *pageReader) read(l Listing) (f fetched) {
	f.listing = l
	scan := provider.Scan{Mode: l.Scan, Since: l.Since, Position: l.Position, Known: r.known}
	if f.page, f.err = r.list.List(r.ctx, scan, l.Cursor); f.err != nil {
		return f
	}
	if f.page.More && bytes.Equal(f.page.Next, l.Cursor) {
		f.err = &provider.Error{Code: provider.CodeIncompleteListing, Msg: "the CA's listing does not get on: the next page is the one that was just read"}
		return f
	}
	now := r.a.stamp()
	f.stored = RunPage{Now: now}
	for _, record := range f.page.Records {
		f.stored.add(r.a.underCRLs(record), r.a.run.ID, now)
	}
	for _, s := range f.page.Skipped {
		f.stored.Skipped = append(f.stored.Skipped, newSkippedItem(s, r.a.run.ID, now))
	}
	f.listing = l.after(f.page, r.a.now())
	f.listing.Skipped = l.Skipped || len(f.stored.Skipped) > 0
	f.page.Records = nil // they are not needed any longer, and large
	return f
}

// known is provider.Scan.Known.
func (r *pageReader) known(ctx context.Context, serials []string) (map[string]provider.Status, error) {
	list, err := r.a.store.Known(ctx, r.a.lease, serials)
	if err != nil {
		return nil, stored(err)
	}
	known := make(map[string]provider.Status, len(list))
	for serial, status := range list {
		known[serial] = status.provider()
	}
	return known, nil
}

// after returns the listing as it stands behind a page.
func (l Listing) after(page provider.Page, now time.Time) Listing {
	for _, r := range page.Records {
		at := r.Issued
		if r.Updated.After(at) {
			at = r.Updated
		}
		switch {
		case at.Before(time.Unix(0, 0)): // no CA is as old
			l.Timeless = true
		case at.After(now):
			l.Latest = now.UTC()
		case at.After(l.Latest):
			l.Latest = at.UTC()
		}
	}
	l.Cursor = page.Next
	if page.More {
		return l
	}
	l.Cursor = nil
	if l.Scan == provider.ScanIssued {
		l.Scan = provider.ScanRevoked
		return l
	}
	l.Done, l.Full, l.Next = true, page.Full, page.Position
	return l
}

// The overlaps of scans with what is known: what a CA tells late, or in an
// order of its own, is met all the same.
const (
	issuedOverlap  = 48 * time.Hour
	changedOverlap = 5 * time.Minute
)

// timelessOverlap is how far before the begin of a scan the next one begins
// where the CA tells no times: as much as its clock may be wrong.
const timelessOverlap = time.Hour

// longestListing is how long an unfinished listing may be gone on with.
const longestListing = 24 * time.Hour

// goesOn reports whether a listing that an earlier run, or attempt, has left
// unfinished is to be gone on with.
func (l Listing) goesOn(mode provider.InventoryMode, config string, now time.Time) bool {
	return !l.IsNone() && l.Mode == mode && l.Config == config && now.Sub(l.Began.Time()) <= longestListing
}

// nextListing returns the listing that comes next: of what has changed where
// the CA can tell since the position, and of everything where it cannot or
// where that was done too long ago.
func (a *attempt) nextListing(mode provider.InventoryMode, config string) (Listing, error) {
	id, err := newID()
	if err != nil {
		return Listing{}, err
	}
	l := Listing{ID: id, Mode: mode, Config: config, Began: a.stamp()}
	p := a.following.Position
	if p.Mode != mode || p.Config != config || p.Watermark.IsZero() || a.now().Sub(p.Full) >= a.schedule.FullInterval {
		return l, nil
	}
	switch mode {
	case provider.InventoryIssuedWindow:
		l.Scan, l.Since = provider.ScanIssued, p.Watermark.Add(-issuedOverlap)
	case provider.InventoryUpdatedSince:
		l.Scan, l.Since = provider.ScanChanged, p.Watermark.Add(-changedOverlap)
	case provider.InventoryEvents:
		if p.Events != nil {
			l.Scan, l.Position = provider.ScanEvents, p.Events
		}
	case provider.InventoryNone, provider.InventoryFull:
	}
	return l, nil
}

// listAll begins a complete listing where the CA has lost the position of the
// one under way.
func (a *attempt) listAll() error {
	a.following.Position = Position{}
	l, err := a.nextListing(a.following.Listing.Mode, a.following.Listing.Config)
	a.following.Listing = l
	return err
}

// position returns where the next run goes on after the listing l, which is
// done.
func (l Listing) position(before Position, now time.Time) Position {
	next := Position{Mode: l.Mode, Config: l.Config, Events: l.Next, Full: before.Full, Watermark: l.watermark(now)}
	if l.IsComplete() {
		next.Full = l.Began.Time()
		return next
	}
	if before.Watermark.After(next.Watermark) {
		next.Watermark = before.Watermark
	}
	return next
}

// watermark returns the time, by the CA's clock, before which the listing has
// met everything: the latest that it has met, less the time that it took, in
// which what it had passed by already may have changed. An incremental one that
// met nothing knows none.
func (l Listing) watermark(now time.Time) time.Time {
	began := l.Began.Time()
	mark := l.Latest
	if !mark.IsZero() {
		mark = mark.Add(min(0, began.Sub(now)))
	}
	timeless := l.Timeless || mark.IsZero() && l.IsComplete()
	if assumed := began.Add(-timelessOverlap); timeless && (mark.IsZero() || assumed.Before(mark)) {
		return assumed
	}
	return mark
}
