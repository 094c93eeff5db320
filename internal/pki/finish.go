package pki

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// Back-off after failed syncs: the first retry, and the growth by powers of
// two up to the regular interval.
const firstRetry = 30 * time.Second

// finish writes the outcome: the run, the five public properties of the
// subscription and its next due date, in one transaction under the lease. An
// outcome that the store refuses for what it says is told in words of ours:
// a run that cannot end would begin again without end.
func (a *attempt) finish(ctx context.Context, fault *provider.Error) error {
	err := a.finishWith(ctx, fault)
	switch code := CodeOf(err); {
	case err == nil, ctx.Err() != nil, code == CodeLeaseLost, code == CodeNotFound, code == CodeUnavailable:
		return err
	}
	a.log.Error("outcome of a sync was refused by the store", slog.String("run", string(a.run.ID)), slog.Any("error", err))
	return a.finishWith(ctx, &provider.Error{Code: provider.CodeInternal, Msg: "the outcome of the run could not be stored as it was; the service's log tells more", Err: err})
}

func (a *attempt) finishWith(ctx context.Context, fault *provider.Error) error {
	now := a.stamp()
	a.endRun(fault, now)
	event, err := a.rootEvent()
	if err != nil {
		return err
	}
	a.run.NextTry = a.nextSync(&a.sub, fault, now)
	return a.store.FinishRun(ctx, a.lease, a.run, func(sub *Subscription) Effects {
		a.report(sub, fault, now)
		a.scheduleNext(sub, fault, now)
		if a.root == nil {
			return Effects{Audit: event}
		}
		if len(sub.TrustedRoot) > 0 {
			return Effects{} // an admin was faster, which the trail tells already
		}
		sub.TrustedRoot = a.root
		sub.touch(now)
		return Effects{Audit: event}
	})
}

// endRun writes the outcome into the run.
func (a *attempt) endRun(fault *provider.Error, now odata.DateTimeOffset) {
	a.leaveStage(now)
	a.run.Ended, a.run.Status, a.run.Cursor = now, RunSucceeded, nil
	a.run.RequestID = printable(a.run.RequestID)
	if fault == nil {
		return
	}
	a.run.Status, a.run.Error, a.run.Retry = RunFailed, fault.Code, fault.RetryClass()
	a.run.Message = clip(printable(fault.Text()), MaxLastSyncError)
	if fault.TxID != "" {
		a.run.RequestID = printable(fault.TxID)
	}
	if fault.Code == provider.CodeCancelled {
		a.run.Status = RunCancelled
	}
}

// rootEvent is what the audit trail must tell of the CA's roots; nil for
// nothing.
func (a *attempt) rootEvent() (*AuditEvent, error) {
	activity := ""
	switch {
	case a.root != nil:
		activity = ActivityRoot
	case a.quarantined:
		activity = ActivityQuarantine
	default:
		return nil, nil
	}
	e, err := a.event(activity, a.sub.ID, Actor{}, []string{"trustedRootCertificate"})
	return &e, err
}

// scheduleNext sets when the subscription is due again. An admin may have changed
// it during the run: what stands in the row counts.
func (a *attempt) scheduleNext(sub *Subscription, fault *provider.Error, now odata.DateTimeOffset) {
	switch {
	case sub.Provider == ProviderUnknown || sub.IsPaused():
		sub.NextSync = odata.Never()
	case !equal(sub.Schedule, a.sub.Schedule):
		sub.NextSync = a.nextSync(sub, fault, now)
	default:
		sub.NextSync = a.run.NextTry
	}
}

// report writes the outcome into the subscription.
func (a *attempt) report(sub *Subscription, fault *provider.Error, now odata.DateTimeOffset) {
	sub.LastSync = now
	if fault == nil {
		sub.SyncStatus, sub.LastSyncError, sub.Failures = SyncSucceeded, nil, 0
	} else {
		text := clip(fault.Error(), MaxLastSyncError)
		sub.SyncStatus, sub.LastSyncError = SyncFailed, &text
		if fault.Code != provider.CodeCancelled {
			sub.Failures++ // an admin's wish is no reason to back off
		}
	}
	if a.accepted && sub.Credentials != nil && sameSecrets(sub.Credentials, a.sub.Credentials) {
		c := *sub.Credentials
		c.Accepted = now
		sub.Credentials = &c
	}
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
		delay := firstRetry << min(a.sub.Failures, 16)
		next = earlier(regular, odata.FromTime(now.Time().Add(jitter(delay))))
	}
	// The CA's own wish counts, even beyond a short schedule.
	return later(next, odata.FromTime(now.Time().Add(fault.RetryAfter)))
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

// clip cuts s to at most limit bytes without splitting a character.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	cut := limit
	for cut > 0 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut]
}
