package pki

import (
	"context"
	"log/slog"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

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
	if a.run.DryRun {
		return a.finishPreview(ctx, fault)
	}
	now := a.stamp()
	a.endRun(fault, now)
	a.run.NextTry = a.nextTry(&a.sub, fault, now)
	return a.store.FinishRun(ctx, a.lease, a.run, func(sub *Subscription) Effects {
		a.report(sub, fault, now)
		a.scheduleNext(sub, fault, now)
		sub.NextProbe = a.nextProbe(sub)
		return a.followOn(Effects{}, fault, now)
	})
}

// endRun writes the outcome into the run.
func (a *attempt) endRun(fault *provider.Error, now odata.DateTimeOffset) {
	a.leaveStage(now)
	a.run.Ended, a.run.Status = now, RunSucceeded
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

// isGoodProbe reports whether the run was to prove the credentials and did.
func (a *attempt) isGoodProbe(fault *provider.Error) bool {
	return fault == nil && a.run.Trigger == TriggerProbe
}

// report writes the outcome into the subscription.
func (a *attempt) report(sub *Subscription, fault *provider.Error, now odata.DateTimeOffset) {
	if a.isGoodProbe(fault) {
		a.learned(sub, fault, now)
		return // a sync tells of itself
	}
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
	a.learned(sub, fault, now)
}

// learned tells sub what the run showed of its credentials, unless they have
// become others meanwhile.
func (a *attempt) learned(sub *Subscription, fault *provider.Error, now odata.DateTimeOffset) {
	if sameAccess(sub, &a.sub) {
		sub.learn(a.accepted, a.probe, fault, a.asked, now.Time())
	}
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
