package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/secret"
	"cloudpki/internal/store"
)

// Together has all that writes write at the same time, in one tenant and on few
// rows, and returns when all have come to their end.
func Together(t *testing.T, db *store.DB) {
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute) // or it would not end at all
	defer stop()
	x := crowd{ctx: ctx, db: db}
	for i := range crowdSize {
		due(t, db, tenant, crowdID(i))
		follow(t, db, followerOf(fmt.Sprint("n", i), crowdID(i)))
	}
	var running errgroup.Group
	for worker := range 2 {
		for name, act := range map[string]func(worker, n int) error{
			"create and delete": x.comeAndGo, "change": x.change, "ask": x.ask, "group": x.group,
			"sync": x.sync, "deliver": x.deliver, "follow": x.follow, "tidy": x.tidy,
		} {
			running.Go(func() error {
				for n := range 40 {
					if err := act(worker, n); err != nil {
						return fmt.Errorf("%s: %w", name, err)
					}
				}
				return nil
			})
		}
	}
	must(t, running.Wait())
}

// crowdSize is how many subscriptions all work on.
const crowdSize = 3

func crowdID(n int) pki.ID { return pki.ID(fmt.Sprint("s", n%crowdSize)) }

func followerOf(id string, followed pki.ID) pki.NotificationSubscription {
	n := notification(tenant, pki.ID(id), "cloudPkiSubscriptions/"+string(followed)+"/certificates")
	n.LifecycleURL = "https://receiver.example/lifecycle"
	return n
}

// A crowd does one thing after the other to a store.
type crowd struct {
	ctx context.Context
	db  *store.DB
}

// but returns err unless it is of a code that is to be expected where many meet.
func but(err error, codes ...pki.Code) error {
	for _, c := range codes {
		if pki.CodeOf(err) == c {
			return nil
		}
	}
	return err
}

func (x crowd) comeAndGo(worker, n int) error {
	s := subscription(tenant, pki.ID(fmt.Sprint("new", n%3)))
	s.Key = int64(worker*1000 + n)
	run, err := pki.NewRun(pki.TriggerCreated, at(n))
	if err != nil {
		return err
	}
	receipt := pki.Receipt{Tenant: tenant, Client: "c", Key: fmt.Sprint(n % 5), BodyMAC: []byte("m"), ID: s.ID, At: at(n)}
	if _, err := x.db.AddFirstKey(x.ctx, string(tenant), secret.WrappedKey{ID: [16]byte{byte(n)}, Wrapped: []byte("w")}); err != nil {
		return err
	}
	if err := but(x.db.CreateSubscription(x.ctx, s, pki.Effects{Run: &run}, &receipt), pki.CodeExists); err != nil {
		return err
	}
	return but(x.db.DeleteSubscription(x.ctx, tenant, s.ID, nil, event(run.ID)), pki.CodeNotFound)
}

func (x crowd) change(worker, n int) error {
	_, err := x.db.UpdateSubscription(x.ctx, tenant, crowdID(worker+n), untold)
	return err
}

func (x crowd) ask(worker, n int) error {
	run, err := pki.NewRun(pki.TriggerManual, at(n))
	if err != nil {
		return err
	}
	if _, err := x.db.RequestRun(x.ctx, tenant, crowdID(worker+n), run, event("ask"+run.ID)); err != nil || n%4 > 0 {
		return err
	}
	_, err = x.db.CancelRuns(x.ctx, tenant, crowdID(worker+n), event("cancel"+run.ID), func(*pki.Subscription) {})
	return err
}

// group takes the subscriptions in another order than the other worker does.
func (x crowd) group(worker, n int) error {
	return x.db.Atomically(x.ctx, func(ctx context.Context) error {
		for i := range crowdSize {
			if worker > 0 {
				i = crowdSize - 1 - i
			}
			if _, err := x.db.UpdateSubscription(ctx, tenant, crowdID(i), untold); err != nil {
				return err
			}
		}
		return nil
	})
}

func untold(s *pki.Subscription) (pki.Effects, error) {
	s.Version++
	return pki.Effects{}, nil
}

func (x crowd) sync(worker, n int) error {
	list, err := x.db.TakeDue(x.ctx, fmt.Sprint(worker), at(n), at(n+1), 2, pki.Bounds{PerTenant: 2})
	if err != nil {
		return err
	}
	for _, l := range list {
		if err := but(x.run(l, n), pki.CodeLeaseLost, pki.CodeNotFound); err != nil {
			return err
		}
	}
	return nil
}

func (x crowd) run(l pki.Lease, n int) error {
	if _, err := x.db.Extend(x.ctx, l, at(n+1)); err != nil {
		return err
	}
	page := pki.RunPage{Run: l.Run, Now: at(n), Listing: pki.Listing{ID: l.Run.ID}}
	for i := range 20 {
		c := certificate(pki.ID(fmt.Sprint("c", i)))
		c.Holder = fmt.Sprint(n)
		page.Certificates = append(page.Certificates, c)
	}
	if _, err := x.db.SavePage(x.ctx, l, page); err != nil {
		return err
	}
	if _, err := x.db.MarkMissing(x.ctx, l, l.Run.ID, at(n), func(int, int) error { return nil }); err != nil {
		return err
	}
	if n%5 == 0 {
		return x.db.Release(x.ctx, l)
	}
	l.Run.Status = pki.RunSucceeded
	return x.db.FinishRun(x.ctx, l, l.Run, func(s *pki.Subscription) pki.Effects {
		s.NextSync = at(n)
		return pki.Effects{}
	})
}

func (x crowd) deliver(worker, n int) error {
	for _, poor := range []bool{false, true} {
		list, err := x.db.TakeDeliveries(x.ctx, fmt.Sprint(worker), later(n), later(n+1), poor, 2, 2)
		if err != nil {
			return err
		}
		for _, d := range list {
			settled := pki.Settlement{Delivered: d.Batch, Due: later(n)}
			if n%3 == 0 {
				settled = pki.Settlement{Due: later(n), Failures: 1, Poor: true}
				if _, _, err := x.db.GiveUp(x.ctx, d.Lease, later(n), later(n), "no answer"); but(err, pki.CodeLeaseLost) != nil {
					return err
				}
			}
			if err := x.db.SettleDelivery(x.ctx, d.Lease, settled); but(err, pki.CodeLeaseLost) != nil {
				return err
			}
		}
	}
	return nil
}

func (x crowd) follow(worker, n int) error {
	f := followerOf(fmt.Sprint("f", worker, "-", n), crowdID(n))
	if err := x.db.CreateNotificationSubscription(x.ctx, f, 1000, event("follow"+f.ID)); err != nil {
		return err
	}
	_, err := x.db.UpdateNotificationSubscription(x.ctx, tenant, pki.ID(fmt.Sprint("n", n%crowdSize)), func(f *pki.NotificationSubscription) error {
		f.URL, f.Expires, f.RemindAt = fmt.Sprint("https://receiver.example/", worker, n), later(60+n), later(n)
		return nil
	}, event("move"+f.ID))
	if err := but(err, pki.CodeNotFound); err != nil || n%2 > 0 {
		return err
	}
	agree := func(pki.NotificationSubscription) error { return nil }
	return x.db.DeleteNotificationSubscription(x.ctx, tenant, f.ID, agree, event("unfollow"+f.ID))
}

func (x crowd) tidy(_, n int) error {
	if _, err := x.db.TendNotifications(x.ctx, later(n), later(-1), 50); err != nil {
		return err
	}
	_, err := x.db.Purge(x.ctx, odata.FromTime(at(n).Time().Add(-time.Hour)), 50)
	return err
}
