package storetest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/store"
)

// followBeside runs each writer on a goroutine of its own while f follows, and
// lets f follow to the end when all are done.
func followBeside[T any](t *testing.T, f *follower[T], writers ...func(*rand.Rand)) {
	t.Helper()
	done := make(chan struct{})
	var wait, follow sync.WaitGroup
	for i, write := range writers {
		wait.Go(func() { write(rand.New(rand.NewPCG(1, uint64(i)))) })
	}
	follow.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				f.page(t)
			}
		}
	})
	wait.Wait()
	close(done)
	follow.Wait()
	if f.from.Until > 0 {
		f.round(t) // the rest of the round under way
	}
	f.round(t)
	if told := f.round(t); len(told) > 0 {
		t.Errorf("nothing has changed, but the round tells of %v", told)
	}
}

// followSubscriptions has several writers create, change, delete and sync the
// same few subscriptions.
func followSubscriptions(t *testing.T, open Open) {
	db := open(t)
	for i := range 5 {
		create(t, db, subscription(tenant, pki.ID(fmt.Sprint("k", i))))
	}
	f := subscriptionFollower(db, tenant, 3)
	writer := func(name string) func(*rand.Rand) {
		return func(r *rand.Rand) {
			for n := range 80 {
				if err := randomWrite(t, db, r, fmt.Sprint(name, n)); err != nil && pki.CodeOf(err) != pki.CodeExists && pki.CodeOf(err) != pki.CodeNotFound && pki.CodeOf(err) != pki.CodeLeaseLost {
					t.Error(err)
				}
			}
		}
	}
	followBeside(t, f, writer("a"), writer("b"), writer("c"))

	page, err := db.Subscriptions(t.Context(), tenant, odata.Query{Top: 100})
	must(t, err)
	want := make(map[pki.ID]pki.Subscription)
	for _, s := range page.Items {
		want[s.ID] = s
	}
	if d := cmp.Diff(want, f.copy); d != "" {
		t.Errorf("the copy differs (-list +copy):\n%s", d)
	}
}

// randomWrite makes one change; name names it.
func randomWrite(t *testing.T, db *store.DB, r *rand.Rand, name string) error {
	id := pki.ID(fmt.Sprint("k", r.IntN(12)))
	switch r.IntN(5) {
	case 0:
		s := subscription(tenant, id)
		s.Key, s.NextSync = r.Int64(), at(0)
		return db.CreateSubscription(t.Context(), s, pki.Effects{}, nil)
	case 1:
		return db.DeleteSubscription(t.Context(), tenant, id, nil, event(pki.ID(name)))
	case 2:
		list, err := db.TakeDue(t.Context(), name, at(1), at(10), 1, pki.Bounds{PerTenant: 100})
		if err != nil || len(list) == 0 {
			return err
		}
		run := list[0].Run
		run.Status, run.Ended = pki.RunFailed, at(2)
		return db.FinishRun(t.Context(), list[0], run, func(s *pki.Subscription) pki.Effects {
			s.LastSync, s.NextSync = at(2), at(r.IntN(3))
			return pki.Effects{}
		})
	default:
		_, err := db.UpdateSubscription(t.Context(), tenant, id, func(s *pki.Subscription) (pki.Effects, error) {
			s.DisplayName = &name
			return pki.Effects{}, nil
		})
		return err
	}
}

// followCertificates has a sync store pages and mark what is missing.
func followCertificates(t *testing.T, open Open) {
	db := open(t)
	l := lease(t, db, "a")
	f := certificateFollower(db, "a", 3)
	followBeside(t, f, func(r *rand.Rand) {
		for n := range 60 {
			var list []pki.Certificate
			for range r.IntN(6) {
				c := certificate(pki.ID(fmt.Sprintf("c%02d", r.IntN(30))))
				c.Status = pki.CertificateStatus(r.IntN(3))
				list = append(list, c)
			}
			page := pki.RunPage{Certificates: list, Run: l.Run, Now: at(n)}
			if r.IntN(2) == 0 {
				page.Listing.ID = l.Run.ID
			}
			page.Run.Counts = pki.Counts{}
			if _, err := db.SavePage(t.Context(), l, page); err != nil {
				t.Error(err)
			}
			if n%20 < 19 {
				continue
			}
			if _, err := db.MarkMissing(t.Context(), l, "a listing that met nothing", at(n), func(int, int) error { return nil }); err != nil {
				t.Error(err)
			}
		}
	})

	page, err := db.Certificates(t.Context(), tenant, "a", odata.Query{Top: 100})
	must(t, err)
	want := make(map[pki.ID]pki.Certificate)
	missing := 0
	for _, c := range page.Items {
		want[c.ID] = c
		if !c.Missing.IsNever() {
			missing++
		}
	}
	if d := cmp.Diff(want, f.copy); d != "" || missing == 0 {
		t.Errorf("%d are missing; the copy differs (-list +copy):\n%s", missing, d)
	}
}
