package notify

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// AlertQueue is what an Alerter needs of a store. Methods are safe for
// concurrent use by many processes.
type AlertQueue interface {
	// TakeAlert leases until until the alert for a sink that has been due
	// longest at now, and reports whether there is one.
	TakeAlert(ctx context.Context, sink string, now, until odata.DateTimeOffset) (pki.QueuedAlert, bool, error)

	// SettleAlert notes how a delivery has ended: it removes the leased alert, or
	// makes it due again as one that has failed. Where the lease has run out and
	// another worker has the alert, it does nothing.
	SettleAlert(ctx context.Context, q pki.QueuedAlert, a pki.AlertAttempt) error

	// GiveUpAlerts removes the alerts for a sink that have failed and are from
	// before before, and the oldest where too many wait. It returns how many.
	GiveUpAlerts(ctx context.Context, sink string, before, now odata.DateTimeOffset) (int, error)

	// ExpireAlerts removes the alerts from before before that wait for others
	// than sinks. It returns how many of each.
	ExpireAlerts(ctx context.Context, sinks []string, before, now odata.DateTimeOffset) (map[string]int, error)
}

// An AlertSink is a way out for alerts. Deliver returns nil when the other side
// has taken the alert; an error tells the class of the fault, without secrets.
type AlertSink interface {
	Name() string // in the store, and the label of figures
	Deliver(ctx context.Context, a *pki.Alert) error
}

// AlertOptions are what an Alerter is made from. All but Log and Observe are
// required.
type AlertOptions struct {
	Queue   AlertQueue
	Sinks   []AlertSink
	Now     func() time.Time
	Log     *slog.Logger
	Observe func(sink, outcome string, n int) // for metrics; nil for nobody
	Period  time.Duration                     // between two looks at an empty queue; 0 is 1 s
}

// The times of an alert's delivery; its retention is that of notifications.
const (
	alertPeriod   = time.Second
	alertPatience = 30 * time.Second // for one delivery
	alertLease    = 2 * alertPatience

	// orphanAge is how long alerts wait for a sink that is not configured.
	orphanAge = 7 * 24 * time.Hour

	alertTendPeriod = 10 * time.Minute
)

// An Alerter delivers alerts to each sink, at least once, until it is stopped.
// Each sink has a worker of its own: one that is down delays no other.
type Alerter struct {
	AlertOptions

	wake []chan struct{} // of each sink
}

// NewAlerter returns an Alerter that does nothing until Run.
func NewAlerter(o AlertOptions) *Alerter {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(string, string, int) {}
	}
	if o.Period <= 0 {
		o.Period = alertPeriod
	}
	a := &Alerter{AlertOptions: o}
	for range o.Sinks {
		a.wake = append(a.wake, make(chan struct{}, 1))
	}
	return a
}

// Wake has the queue looked at now: there may be new alerts. Those of other
// processes are found within Period.
func (a *Alerter) Wake() {
	for _, wake := range a.wake {
		select {
		case wake <- struct{}{}:
		default: // a wake-up is pending already
		}
	}
}

// Run delivers until ctx is done, and returns when every delivery has ended.
func (a *Alerter) Run(ctx context.Context) error {
	var running sync.WaitGroup
	running.Go(func() { a.tend(ctx) })
	for i, sink := range a.Sinks {
		running.Go(func() { a.serve(ctx, sink, a.wake[i]) })
	}
	running.Wait()
	return nil
}

// tend gives up, at once and from time to time, what waits for a sink that was
// taken out of the configuration.
func (a *Alerter) tend(ctx context.Context) {
	tick := time.NewTicker(alertTendPeriod)
	defer tick.Stop()
	var sinks []string
	for _, s := range a.Sinks {
		sinks = append(sinks, s.Name())
	}
	for {
		now := a.Now()
		dropped, err := a.Queue.ExpireAlerts(ctx, sinks, odata.FromTime(now.Add(-orphanAge)), odata.FromTime(now))
		if err != nil && ctx.Err() == nil {
			a.Log.Error("alerts: old ones could not be given up", slog.Any("error", err))
		}
		for sink, n := range dropped {
			a.drop(sink, n, "the sink is not in the configuration")
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// drop tells that alerts were given up.
func (a *Alerter) drop(sink string, n int, reason string) {
	a.Observe(sink, OutcomeDropped, n)
	a.Log.Error("alerts: given up", slog.String("sink", sink), slog.Int("number", n), slog.String("reason", reason))
}

func (a *Alerter) serve(ctx context.Context, sink AlertSink, wake <-chan struct{}) {
	tick := time.NewTicker(a.Period)
	defer tick.Stop()
	for {
		more, err := a.deliver(ctx, sink)
		if err != nil && ctx.Err() == nil {
			a.Log.Error("alerts: the store fails", slog.String("sink", sink.Name()), slog.Any("error", err))
		}
		if more && err == nil && ctx.Err() == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-wake:
		}
	}
}

// deliver makes one attempt, and reports whether there was one to make.
func (a *Alerter) deliver(ctx context.Context, sink AlertSink) (more bool, err error) {
	now := a.Now()
	q, found, err := a.Queue.TakeAlert(ctx, sink.Name(), odata.FromTime(now), odata.FromTime(now.Add(alertLease)))
	if err != nil || !found {
		return false, err
	}
	attempt, stop := context.WithTimeout(ctx, alertPatience)
	failure := sink.Deliver(attempt, &q.Alert)
	stop()
	if failure != nil && ctx.Err() != nil {
		return false, nil // interrupted: the next process repeats it when the lease ends
	}
	// What was delivered is noted also while stopping.
	ctx, stop = context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer stop()
	if failure == nil {
		if err := a.Queue.SettleAlert(ctx, q, pki.AlertAttempt{At: odata.FromTime(a.Now())}); err != nil {
			return false, err
		}
		a.Observe(sink.Name(), OutcomeDelivered, 1)
		return true, nil
	}
	return true, a.repeat(ctx, q, failure)
}

// repeat notes a failed attempt, and gives up what has failed for too long.
func (a *Alerter) repeat(ctx context.Context, q pki.QueuedAlert, failure error) error {
	now := a.Now()
	a.Observe(q.Sink, OutcomeFailed, 1)
	a.Log.Warn("alerts: delivery failed", slog.String("sink", q.Sink), slog.String("alert", string(q.Alert.ID)),
		slog.String("reason", failure.Error()), slog.Int("attempt", q.Failures+1))
	again := odata.FromTime(now.Add(delay(q.Failures+1, wish(failure))))
	if err := a.Queue.SettleAlert(ctx, q, pki.AlertAttempt{At: odata.FromTime(now), Error: failure.Error(), Again: again}); err != nil {
		return err
	}
	dropped, err := a.Queue.GiveUpAlerts(ctx, q.Sink, odata.FromTime(now.Add(-retention)), odata.FromTime(now))
	if err == nil && dropped > 0 {
		a.drop(q.Sink, dropped, failure.Error())
	}
	return err
}
