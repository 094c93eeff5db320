package storetest

import (
	"context"
	"errors"
	"testing"

	"golang.org/x/sync/errgroup"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/secret"
	"cloudpki/internal/store"
)

// atomics examines several changes that happen together or not at all.
func atomics(t *testing.T, open Open) {
	t.Run("all", func(t *testing.T) { atomicCommit(t, open) })
	t.Run("nothing", func(t *testing.T) { atomicRollback(t, open) })
	t.Run("part", func(t *testing.T) { atomicPart(t, open) })
	t.Run("concurrent", func(t *testing.T) { atomicConcurrent(t, open) })
}

func rename(s *pki.Subscription) (pki.Effects, error) {
	s.DisplayName = new("renamed")
	return pki.Effects{Audit: new(event("rename"))}, nil
}

func firstPage(t *testing.T, db *store.DB) []pki.Subscription {
	t.Helper()
	page, err := db.Subscriptions(t.Context(), tenant, odata.Query{Top: 10})
	must(t, err)
	return page.Items
}

func audited(t *testing.T, db *store.DB) int {
	t.Helper()
	page, err := db.AuditEvents(t.Context(), tenant, odata.Query{Top: 10})
	must(t, err)
	return len(page.Items)
}

// atomicCommit: reads inside see the writes before them, others do not see
// them until the commit, and who waits for runs is told after it.
func atomicCommit(t *testing.T, open Open) {
	db := open(t)
	create(t, db, subscription(tenant, "old"))
	err := db.Atomically(t.Context(), func(ctx context.Context) error {
		if err := db.CreateSubscription(ctx, subscription(tenant, "new"), pki.Effects{Audit: new(event("create"))}, nil); err != nil {
			return err
		}
		if _, err := db.UpdateSubscription(ctx, tenant, "new", rename); err != nil {
			return err
		}
		if err := db.DeleteSubscription(ctx, tenant, "old", nil, event("delete")); err != nil {
			return err
		}
		inside, err := db.Subscription(ctx, tenant, "new")
		if err != nil || inside.DisplayName == nil || *inside.DisplayName != "renamed" {
			t.Errorf("inside, the new one reads %+v, %v", inside, err)
		}
		page, err := db.Subscriptions(ctx, tenant, odata.Query{Top: 10})
		if err != nil || len(page.Items) != 1 {
			t.Errorf("inside, the list is %v, %v", page.Items, err)
		}
		_, err = db.Subscription(t.Context(), tenant, "new")
		code(t, err, pki.CodeNotFound)
		drain(db)
		return nil
	})
	must(t, err)
	select {
	case <-db.Wake():
	default:
		t.Error("nobody is woken after the commit")
	}
	list := firstPage(t, db)
	if len(list) != 1 || list[0].ID != "new" || list[0].Revision != 2 {
		t.Errorf("after the commit the list is %+v", list)
	}
	if n := audited(t, db); n != 3 {
		t.Errorf("%d audit events, want 3", n)
	}
}

// atomicRollback: a failure undoes all, and is told as it is.
func atomicRollback(t *testing.T, open Open) {
	db := open(t)
	create(t, db, subscription(tenant, "old"))
	broken := errors.New("broken")
	err := db.Atomically(t.Context(), func(ctx context.Context) error {
		must(t, db.CreateSubscription(ctx, subscription(tenant, "new"), pki.Effects{Audit: new(event("create"))}, nil))
		must(t, db.DeleteSubscription(ctx, tenant, "old", nil, event("delete")))
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("error is %v, want %v", err, broken)
	}
	list := firstPage(t, db)
	if len(list) != 1 || list[0].ID != "old" {
		t.Errorf("after the failure the list is %+v", list)
	}
	if n := audited(t, db); n != 0 {
		t.Errorf("%d audit events of what did not happen", n)
	}
	err = db.Atomically(t.Context(), func(ctx context.Context) error {
		_, err := db.AddFirstKey(ctx, string(tenant), secret.WrappedKey{Wrapped: []byte("x")})
		return err
	})
	if err == nil {
		t.Error("a tenant's key, which others use at once, was made where it may be undone")
	}
}

// atomicPart: a change that fails leaves nothing of itself behind, also where
// the others go ahead.
func atomicPart(t *testing.T, open Open) {
	db := open(t)
	create(t, db, subscription(tenant, "taken"))
	receipt := pki.Receipt{Tenant: tenant, Client: "c", Key: "k", BodyMAC: []byte("mac"), ID: "taken", At: at(1)}
	must(t, db.Atomically(t.Context(), func(ctx context.Context) error {
		code(t, db.CreateSubscription(ctx, subscription(tenant, "taken"), pki.Effects{}, &receipt), pki.CodeExists)
		_, err := db.Receipt(ctx, tenant, "c", "k")
		code(t, err, pki.CodeNotFound)
		return db.CreateSubscription(ctx, subscription(tenant, "free"), pki.Effects{}, nil)
	}))
	if n := len(firstPage(t, db)); n != 2 {
		t.Errorf("%d subscriptions, want 2", n)
	}
}

// atomicConcurrent: transactions that take the same rows in opposite order all
// come to their end, each with both changes.
func atomicConcurrent(t *testing.T, open Open) {
	const each = 8
	db := open(t)
	ids := []pki.ID{"a", "b"}
	for _, id := range ids {
		create(t, db, subscription(tenant, id))
	}
	var running errgroup.Group
	for n := range 2 * each {
		running.Go(func() error {
			return db.Atomically(t.Context(), func(ctx context.Context) error {
				for i := range ids {
					if _, err := db.UpdateSubscription(ctx, tenant, ids[(n+i)%2], func(s *pki.Subscription) (pki.Effects, error) {
						s.Version++
						return pki.Effects{}, nil
					}); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
	must(t, running.Wait())
	for _, s := range firstPage(t, db) {
		if s.Version != 1+2*each {
			t.Errorf("%s: version %d, want %d", s.ID, s.Version, 1+2*each)
		}
	}
}
