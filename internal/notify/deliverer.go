package notify

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/secret"
)

// Outcomes that Options.Observe is told of.
const (
	OutcomeDelivered = "delivered" // notifications that a receiver has taken
	OutcomeFailed    = "failed"    // attempts to deliver that failed
	OutcomeDropped   = "dropped"   // notifications that were given up
)

// Options are what a Deliverer is made from. All but Log and Observe are
// required.
type Options struct {
	Queue   Queue
	Sender  *Sender
	Signer  *Signer
	Owner   string // names this process among all that share the store
	Workers int    // deliveries at once to receivers that behave
	Now     func() time.Time
	Log     *slog.Logger
	Observe func(outcome string, n int) // for metrics; nil for nobody

	// ClientState opens the secret that each notification carries.
	ClientState func(context.Context, *pki.NotificationSubscription) (secret.Text, error)
}

// The times of delivery.
const (
	// patience is how long a receiver may take to answer. One that takes longer
	// than slow is served apart from the others the next time.
	patience = 10 * time.Second
	slow     = 3 * time.Second

	// A failed delivery is repeated after firstDelay, which doubles up to
	// longestDelay, and not before the receiver's own Retry-After, which is
	// heeded up to longestWish.
	firstDelay   = time.Second
	longestDelay = 10 * time.Minute
	longestWish  = time.Hour

	// A notification that is older when its delivery fails is given up.
	retention = 4 * time.Hour

	// deadLetterAge is how long what was given up can be read.
	deadLetterAge = 30 * 24 * time.Hour

	// lease is how long a dead process holds a receiver. A delivery that could
	// outlast it is not begun: what comes late would come out of order.
	lease = 3 * patience

	longestSleep = 15 * time.Second // bounds how late a change is noticed that nobody told of
	breath       = time.Second      // after a fault of the store
	farewell     = 5 * time.Second  // for noting an outcome, also while stopping, and as much for giving up

	tendPeriod = 30 * time.Second
	tendBatch  = 1000
)

// A pool is the workers for one sort of receivers.
type pool struct {
	poor      bool
	perTenant int
	free      chan struct{} // a token for each worker that has nothing to do
}

// share is the part of the workers that one tenant may hold, and that serves
// the receivers that fail or are slow.
const share = 4

func newPool(poor bool, workers int) *pool {
	p := &pool{poor: poor, perTenant: max(1, workers/share), free: make(chan struct{}, workers)}
	for range workers {
		p.free <- struct{}{}
	}
	return p
}

// A Deliverer delivers until it is stopped.
type Deliverer struct {
	Options

	pools   []*pool
	running sync.WaitGroup
	ended   chan struct{} // receives when a delivery ends
	tended  time.Time
}

// NewDeliverer returns a Deliverer that does nothing until Run.
func NewDeliverer(o Options) *Deliverer {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(string, int) {}
	}
	return &Deliverer{
		Options: o,
		pools:   []*pool{newPool(false, o.Workers), newPool(true, max(share, o.Workers/share))},
		ended:   make(chan struct{}, 1),
	}
}

// Run delivers until ctx is done. It returns when every delivery has ended; one
// that was interrupted is repeated by the next process.
func (d *Deliverer) Run(ctx context.Context) error {
	if err := d.Queue.ReleaseReceivers(ctx, d.Owner); err != nil && ctx.Err() == nil {
		return err
	}
	defer d.running.Wait()
	for ctx.Err() == nil {
		d.sleep(ctx, d.round(ctx))
	}
	return nil
}

// round starts what is due and returns how long to sleep at most.
func (d *Deliverer) round(ctx context.Context) time.Duration {
	more, err := d.tend(ctx)
	if err != nil {
		return d.complain(ctx, "tend its subscriptions", err)
	}
	for _, p := range d.pools {
		if err := d.start(ctx, p); err != nil {
			return d.complain(ctx, "take deliveries", err)
		}
	}
	next, err := d.Queue.NextDelivery(ctx)
	switch {
	case err != nil:
		return d.complain(ctx, "look up the next delivery", err)
	case more:
		return 0
	case next.IsNever():
		return longestSleep
	}
	wait := next.Time().Sub(d.Now())
	if wait <= 0 {
		return breath // held back by a bound; the end of a delivery wakes
	}
	return min(wait, longestSleep)
}

// tend lets the queue do what time asks for, and reports whether more is to be
// done at once.
func (d *Deliverer) tend(ctx context.Context) (more bool, err error) {
	now := d.Now()
	if now.Sub(d.tended) < tendPeriod {
		return false, nil
	}
	more, err = d.Queue.TendNotifications(ctx, odata.FromTime(now), odata.FromTime(now.Add(-deadLetterAge)), tendBatch)
	if err == nil && !more {
		d.tended = now
	}
	return more, err
}

// start gives each free worker of p a receiver.
func (d *Deliverer) start(ctx context.Context, p *pool) error {
	limit := len(p.free)
	if limit == 0 {
		return nil
	}
	now := d.Now()
	list, err := d.Queue.TakeDeliveries(ctx, d.Owner, odata.FromTime(now), odata.FromTime(now.Add(lease)), p.poor, limit, p.perTenant)
	if err != nil {
		return err
	}
	latest := now.Add(lease - patience - 2*farewell)
	for i := range list {
		<-p.free
		d.running.Go(func() {
			defer d.giveBack(p)
			d.serve(ctx, &list[i], latest)
		})
	}
	return nil
}

func (d *Deliverer) giveBack(p *pool) {
	p.free <- struct{}{}
	select {
	case d.ended <- struct{}{}:
	default: // a wake-up is pending already
	}
}

func (d *Deliverer) complain(ctx context.Context, what string, err error) time.Duration {
	if ctx.Err() == nil {
		d.Log.Error("notifications: cannot "+what, slog.Any("error", err))
	}
	return breath
}

func (d *Deliverer) sleep(ctx context.Context, most time.Duration) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-d.Queue.NotificationWake():
	case <-d.ended:
	}
}

// errLate is why a delivery is not begun: too little of its lease is left.
var errLate = errors.New("the lease ends soon")

// serve makes one attempt to deliver and notes its outcome, also while the
// program stops: what was delivered is not to be repeated without need.
func (d *Deliverer) serve(ctx context.Context, v *pki.Delivery, latest time.Time) {
	begun := d.Now()
	err := d.send(ctx, v, latest)
	stopping := ctx.Err() != nil
	now := d.Now()
	settled := pki.Settlement{Due: odata.FromTime(now)}
	switch {
	case err == nil:
		settled.Delivered = v.Batch
		settled.Poor = now.Sub(begun) > slow
	case stopping || errors.Is(err, errLate):
		settled.Failures, settled.Poor = v.Failures, v.Failures > 0
	default:
		d.Observe(OutcomeFailed, 1)
		settled.Failures, settled.Poor = v.Failures+1, true
		settled.Due = odata.FromTime(now.Add(delay(settled.Failures, wish(err))))
		d.note(ctx, v, err, now)
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer stop()
	switch err := d.Queue.SettleDelivery(ctx, v.Lease, settled); {
	case pki.CodeOf(err) == pki.CodeLeaseLost:
		// The subscription was deleted, or its lease has run out.
	case err != nil:
		d.Log.Error("notifications: outcome of a delivery could not be stored", slog.Any("error", err))
	case len(settled.Delivered) > 0:
		d.Observe(OutcomeDelivered, len(settled.Delivered))
	}
}

// note logs a failed attempt, by the host of the receiver alone, and gives up
// what is too old, as far as the time goes.
func (d *Deliverer) note(ctx context.Context, v *pki.Delivery, failure error, now time.Time) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer stop()
	reason := failure.Error()
	d.Log.Info("notifications: delivery failed", slog.String("subscription", string(v.Subscription.ID)),
		slog.String("reason", reason), slog.Int("attempt", v.Failures+1))
	for more := true; more; {
		var dropped int
		var err error
		dropped, more, err = d.Queue.GiveUp(ctx, v.Lease, odata.FromTime(now.Add(-retention)), odata.FromTime(now), reason)
		if err != nil {
			if pki.CodeOf(err) != pki.CodeLeaseLost && ctx.Err() == nil {
				d.Log.Error("notifications: old ones could not be given up", slog.Any("error", err))
			}
			return
		}
		if dropped > 0 {
			d.Observe(OutcomeDropped, dropped)
		}
	}
}

// delay is how long to wait after so many failures in a row. A fifth more or
// less keeps receivers that failed together from coming back together.
func delay(failures int, wish time.Duration) time.Duration {
	wait := longestDelay
	if shift := failures - 1; shift < 10 {
		wait = min(firstDelay<<shift, longestDelay)
	}
	wait += time.Duration((rand.Float64() - 0.5) * 0.4 * float64(wait))
	return max(wait, min(wish, longestWish))
}
