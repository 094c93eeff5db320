package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

func concurrent(t *testing.T, open Open) {
	t.Run("one of many creates under an id succeeds", func(t *testing.T) {
		db := open(t)
		var won, lost atomic.Int64
		var wait sync.WaitGroup
		for i := range 20 {
			wait.Go(func() {
				s := subscription(tenant, "a")
				s.Key = int64(i)
				switch err := db.CreateSubscription(t.Context(), s, pki.Effects{}, nil); {
				case err == nil:
					won.Add(1)
				case pki.CodeOf(err) == pki.CodeExists:
					lost.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if won.Load() != 1 || lost.Load() != 19 {
			t.Errorf("%d succeeded, %d were refused", won.Load(), lost.Load())
		}
	})
	t.Run("no update is lost", func(t *testing.T) {
		db := open(t)
		create(t, db, subscription(tenant, "a"))
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				for range 10 {
					_, err := db.UpdateSubscription(t.Context(), tenant, "a", func(s *pki.Subscription) (pki.Effects, error) {
						s.Failures++
						return pki.Effects{}, nil
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wait.Wait()
		s, err := db.Subscription(t.Context(), tenant, "a")
		must(t, err)
		if s.Failures != 80 || s.Revision != 81 {
			t.Errorf("after 80 updates: %d, revision %d", s.Failures, s.Revision)
		}
	})
	t.Run("a failing write leaves those beside it alone", func(t *testing.T) { failingBeside(t, open) })
	t.Run("who gives up leaves nothing behind", func(t *testing.T) {
		db := open(t)
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := db.CreateSubscription(ctx, subscription(tenant, "a"), pki.Effects{}, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v, want context.Canceled", err)
		}
		if _, err := db.Subscription(ctx, tenant, "a"); !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v, want context.Canceled", err)
		}
		_, err := db.Subscription(t.Context(), tenant, "a")
		code(t, err, pki.CodeNotFound)
	})
	t.Run("paging beside writers", func(t *testing.T) { pagingBesideWriters(t, open) })
}

func failingBeside(t *testing.T, open Open) {
	db := open(t)
	create(t, db, subscription(tenant, "taken"))
	var wait sync.WaitGroup
	for i := range 60 {
		wait.Go(func() {
			if i%3 == 0 {
				err := db.CreateSubscription(t.Context(), subscription(tenant, "taken"), pki.Effects{}, nil)
				code(t, err, pki.CodeExists)
				return
			}
			s := subscription(tenant, pki.ID(fmt.Sprint(i)))
			if err := db.CreateSubscription(t.Context(), s, pki.Effects{}, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	p, err := db.Subscriptions(t.Context(), tenant, odata.Query{Top: 100, Count: true})
	must(t, err)
	if p.Count != 41 {
		t.Errorf("there are %d objects, want 41", p.Count)
	}
}

// pagingBesideWriters goes through a list while objects come and go: each that
// was there all the time is seen exactly once.
func pagingBesideWriters(t *testing.T, open Open) {
	db := open(t)
	var constant []pki.ID
	for i := range 60 {
		s := subscription(tenant, pki.ID(fmt.Sprintf("k%03d", i*7%60)))
		if i%4 > 0 {
			s.DisplayName = new(fmt.Sprint(i % 5))
		}
		constant = append(constant, create(t, db, s).ID)
	}
	var stop atomic.Bool
	var wait sync.WaitGroup
	for w := range 2 {
		wait.Go(func() {
			for i := 0; !stop.Load(); i++ {
				s := subscription(tenant, pki.ID(fmt.Sprintf("k%03d-%d", i%60, w)))
				s.DisplayName = new(fmt.Sprint(i % 5))
				if err := db.CreateSubscription(t.Context(), s, pki.Effects{}, nil); err != nil {
					t.Error(err)
				}
				if err := db.DeleteSubscription(t.Context(), tenant, s.ID, nil, pki.AuditEvent{ID: pki.ID(fmt.Sprint("e", w, "-", i))}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	name := pki.SubscriptionType().Property("displayName")
	for _, order := range [][]odata.Order{nil, {{Path: odata.Path{Property: name}}}, {{Path: odata.Path{Property: name}, Desc: true}}} {
		seen := make(map[pki.ID]int)
		for q := (odata.Query{Top: 7, OrderBy: order}); ; {
			p, err := db.Subscriptions(t.Context(), tenant, q)
			must(t, err)
			for _, s := range p.Items {
				seen[s.ID]++
			}
			if q.After = p.After; q.After == nil {
				break
			}
		}
		for id, n := range seen {
			if slices.Contains(constant, id) && n != 1 {
				t.Errorf("%s was seen %d times", id, n)
			}
		}
		for _, id := range constant {
			if seen[id] == 0 {
				t.Errorf("%s was not seen", id)
			}
		}
	}
	stop.Store(true)
	wait.Wait()
}
