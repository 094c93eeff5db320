package pki

import (
	"math/rand/v2"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// Back-off after failed syncs: the first retry, and the growth by powers of
// two up to the regular interval.
const (
	firstRetry    = 30 * time.Second
	mostDoublings = 16
)

// scheduleNext sets when the subscription is due again. An admin may have changed
// it during the run: what stands in the row counts.
func (a *attempt) scheduleNext(sub *Subscription, fault *provider.Error, now odata.DateTimeOffset) {
	switch {
	case sub.Provider == ProviderUnknown || sub.IsPaused():
		sub.NextSync = odata.Never()
	case sub.Refusal != nil:
		sub.NextSync = odata.Never()
	case a.isGoodProbe(fault):
		// The next sync is due when it was.
	case !equal(sub.Schedule, a.sub.Schedule):
		sub.NextSync = a.nextSync(sub, fault, now)
	default:
		sub.NextSync = a.run.NextTry
	}
}

// nextTry is when the run says that the next sync is due.
func (a *attempt) nextTry(sub *Subscription, fault *provider.Error, now odata.DateTimeOffset) odata.DateTimeOffset {
	if a.isGoodProbe(fault) {
		return sub.NextSync
	}
	return a.nextSync(sub, fault, now)
}

// nextSync says when the subscription is due again.
func (a *attempt) nextSync(sub *Subscription, fault *provider.Error, now odata.DateTimeOffset) odata.DateTimeOffset {
	regular := a.plusInterval(sub, a.hint)
	if fault == nil {
		return regular
	}
	next := regular
	switch fault.RetryClass() {
	case provider.RetryCredentials:
		return odata.Never() // accounts lock: only a change or an admin's request tries again
	case provider.RetryNever:
	case provider.RetryNow:
		next = earlier(regular, odata.FromTime(now.Time().Add(time.Second)))
	case provider.RetryBackOff:
		delay := firstRetry << min(max(a.sub.Failures, 0), mostDoublings)
		next = earlier(regular, odata.FromTime(now.Time().Add(jitter(delay))))
	}
	// The CA's own wish counts, even beyond a short schedule. Those that wait for
	// the same host come back one after the other.
	return later(next, odata.FromTime(now.Time().Add(fault.RetryAfter+spread(fault.RetryAfter/4))))
}

// plusInterval returns the regular next due date: by the admin's schedule, else
// by the service's interval or the CA's hint, whichever is shorter, each above
// the floor, with jitter so that subscriptions made together do not stay
// together.
func (s *Service) plusInterval(sub *Subscription, hint time.Duration) odata.DateTimeOffset {
	interval := s.schedule.Interval
	switch {
	case sub.Schedule != nil:
		interval = *sub.Schedule
	case hint > 0:
		interval = min(hint, interval)
	}
	return odata.FromTime(s.now().Add(jitter(max(interval, s.schedule.MinimumInterval))))
}

// jitter spreads d by a tenth to both sides.
func jitter(d time.Duration) time.Duration {
	if d < 10 {
		return d
	}
	return d - d/10 + rand.N(d/5)
}

// spread returns a random part of d.
func spread(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return rand.N(d)
}

// transportOf is the way to the network for the run. Its failures are its
// tenant's, and what somebody waits for goes out although the host has failed
// before.
func (a *attempt) transportOf(sub *Subscription) *provider.Transport {
	t := a.transport.For(string(sub.Tenant))
	if a.run.Trigger == TriggerManual {
		return t.Urgent()
	}
	return t
}

func earlier(a, b odata.DateTimeOffset) odata.DateTimeOffset {
	if b.Ticks < a.Ticks {
		return b
	}
	return a
}

func later(a, b odata.DateTimeOffset) odata.DateTimeOffset {
	if b.Ticks > a.Ticks {
		return b
	}
	return a
}
