package pki

import (
	"context"
	"math/rand/v2"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// Back-off after failed syncs: the first retry, and the growth by powers of
// two up to the regular interval.
const firstRetry = 30 * time.Second

// finish writes the outcome: the run, the five public properties of the
// subscription and its next due date, in one transaction under the lease.
func (a *attempt) finish(ctx context.Context, fault *provider.Error) error {
	now := a.stamp()
	a.leaveStage(now)
	a.run.Ended, a.run.Status = now, RunSucceeded
	a.run.Cursor = nil
	if fault != nil {
		a.run.Status, a.run.Error = RunFailed, fault.Code
		a.run.Message, a.run.Retry = clip(fault.Text(), MaxLastSyncError), fault.Code.Retry()
		if fault.TxID != "" {
			a.run.RequestID = fault.TxID
		}
		if fault.Code == provider.CodeCancelled {
			a.run.Status = RunCancelled
		}
	}
	var event *AuditEvent
	if a.root != nil {
		e, err := a.event(ActivityRoot, a.sub.ID, Actor{}, []string{"trustedRootCertificate"})
		if err != nil {
			return err
		}
		event = &e
	}
	next := a.nextSync(fault, now)
	a.run.NextTry = next
	return a.store.FinishRun(ctx, a.lease, a.run, func(sub *Subscription) Effects {
		a.report(sub, fault, now)
		if sub.Provider == ProviderUnknown || sub.IsPaused() {
			sub.NextSync = odata.Never()
		} else {
			sub.NextSync = next
		}
		if a.root == nil || len(sub.TrustedRoot) > 0 {
			return Effects{}
		}
		sub.TrustedRoot = a.root
		sub.touch(now)
		return Effects{Audit: event}
	})
}

// report writes the outcome into the subscription.
func (a *attempt) report(sub *Subscription, fault *provider.Error, now odata.DateTimeOffset) {
	sub.LastSync = now
	if fault == nil {
		sub.SyncStatus, sub.LastSyncError, sub.Failures = SyncSucceeded, nil, 0
	} else {
		text := clip(fault.Error(), MaxLastSyncError)
		sub.SyncStatus, sub.LastSyncError = SyncFailed, &text
		sub.Failures++
	}
	if a.accepted && sub.Credentials != nil && sameSecrets(sub.Credentials, a.sub.Credentials) {
		c := *sub.Credentials
		c.Accepted = now
		sub.Credentials = &c
	}
}

// nextSync says when the subscription is due again.
func (a *attempt) nextSync(fault *provider.Error, now odata.DateTimeOffset) odata.DateTimeOffset {
	regular := a.plusInterval(&a.sub, a.hint)
	if fault == nil {
		return regular
	}
	var delay time.Duration
	switch fault.Code.Retry() {
	case provider.RetryCredentials:
		return odata.Never() // accounts lock: only a change or an admin's request tries again
	case provider.RetryNever:
		return regular
	case provider.RetryNow:
		delay = time.Second
	case provider.RetryBackOff:
		delay = firstRetry << min(a.sub.Failures, 16)
	}
	delay = max(jitter(delay), fault.RetryAfter)
	return earlier(regular, odata.FromTime(now.Time().Add(delay)))
}

// plusInterval returns the regular next due date: by the admin's schedule, or
// the CA's hint, or the default, each above the floor, with jitter so that
// subscriptions made together do not stay together.
func (s *Service) plusInterval(sub *Subscription, hint time.Duration) odata.DateTimeOffset {
	interval := s.schedule.Interval
	switch {
	case sub.Schedule != nil:
		interval = *sub.Schedule
	case hint > 0:
		interval = min(hint, maxSyncDelay)
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
