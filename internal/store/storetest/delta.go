package storetest

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/store"
)

func deltas(t *testing.T, open Open) {
	t.Run("a follower of subscriptions ends with what there is", func(t *testing.T) { followSubscriptions(t, open) })
	t.Run("a follower of certificates ends with what there is", func(t *testing.T) { followCertificates(t, open) })
	t.Run("a round is told page by page", func(t *testing.T) { deltaPages(t, open) })
	t.Run("what changes during a round comes in the next", func(t *testing.T) { deltaMeanwhile(t, open) })
	t.Run("an object made again under its id", func(t *testing.T) { deltaAgain(t, open) })
	t.Run("a filter", func(t *testing.T) { deltaFilter(t, open) })
	t.Run("from now on", func(t *testing.T) { deltaLatest(t, open) })
	t.Run("tenants are apart", func(t *testing.T) { deltaTenants(t, open) })
	t.Run("what a sync finds", func(t *testing.T) { deltaSync(t, open) })
	t.Run("a position of what is gone", func(t *testing.T) { deltaResync(t, open) })
}

// A follower keeps a copy of a set by asking for what has changed.
type follower[T any] struct {
	ask  func(context.Context, odata.Query, pki.DeltaPosition) (pki.Delta[T], error)
	q    odata.Query
	from pki.DeltaPosition
	copy map[pki.ID]T
}

func newFollower[T any](top int, ask func(context.Context, odata.Query, pki.DeltaPosition) (pki.Delta[T], error)) *follower[T] {
	return &follower[T]{ask: ask, q: odata.Query{Top: top, Select: odata.Selection{All: true}}, from: pki.DeltaPosition{Initial: true}, copy: make(map[pki.ID]T)}
}

// page asks for one page and returns it.
func (f *follower[T]) page(tb testing.TB) pki.Delta[T] {
	tb.Helper()
	page, err := f.ask(tb.Context(), f.q, f.from)
	if err != nil {
		tb.Error(err)
		return page
	}
	if len(page.Items) > f.q.Top {
		tb.Errorf("a page has %d items, want %d at most", len(page.Items), f.q.Top)
	}
	for _, item := range page.Items {
		if (item.Item == nil) != (item.Removed != "") {
			tb.Errorf("%s is there: %v, and removed: %q", item.ID, item.Item != nil, item.Removed)
		}
		if item.Item == nil {
			delete(f.copy, item.ID)
		} else {
			f.copy[item.ID] = *item.Item
		}
	}
	f.from = page.Next
	return page
}

// round asks for all pages of a round and returns the ids told, those of
// removed objects with a minus sign.
func (f *follower[T]) round(tb testing.TB) []pki.ID {
	tb.Helper()
	told := []pki.ID{}
	for {
		page := f.page(tb)
		for _, item := range page.Items {
			if item.Item == nil {
				item.ID = "-" + item.ID
			}
			told = append(told, item.ID)
		}
		if !page.More {
			return told
		}
	}
}

// tells fails the test unless the next round tells of ids, in this order.
func (f *follower[T]) tells(tb testing.TB, ids ...pki.ID) {
	tb.Helper()
	if d := cmp.Diff(ids, f.round(tb), cmpopts.EquateEmpty()); d != "" {
		tb.Errorf("the round differs (-want +got):\n%s", d)
	}
}

func subscriptionFollower(db *store.DB, t pki.TenantID, top int) *follower[pki.Subscription] {
	return newFollower(top, func(ctx context.Context, q odata.Query, from pki.DeltaPosition) (pki.Delta[pki.Subscription], error) {
		return db.SubscriptionChanges(ctx, t, q, from)
	})
}

func certificateFollower(db *store.DB, sub pki.ID, top int) *follower[pki.Certificate] {
	return newFollower(top, func(ctx context.Context, q odata.Query, from pki.DeltaPosition) (pki.Delta[pki.Certificate], error) {
		return db.CertificateChanges(ctx, tenant, sub, q, from)
	})
}

// touch changes a subscription.
func touch(tb testing.TB, db *store.DB, id pki.ID, name string) {
	tb.Helper()
	_, err := db.UpdateSubscription(tb.Context(), tenant, id, func(s *pki.Subscription) (pki.Effects, error) {
		s.DisplayName = new(name)
		return pki.Effects{}, nil
	})
	must(tb, err)
}

func remove(tb testing.TB, db *store.DB, id, e pki.ID) {
	tb.Helper()
	must(tb, db.DeleteSubscription(tb.Context(), tenant, id, nil, event(e)))
}
