package pki

import (
	"context"
	"errors"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// ErrCancelled is the cause of the context of a run that an admin has asked to
// stop: Sync then ends it as cancelled, with what it has stored kept.
var ErrCancelled = errors.New("an admin has cancelled the sync")

// CancelledBeforeBegin is the message of a run that was cancelled while queued.
const CancelledBeforeBegin = "An admin cancelled the run before it began."

// CancelSync ends the queued run of a subscription and asks the running one to
// stop, which its worker, in whatever process, heeds at its next heartbeat. It
// returns the run that is still to end, or the zero Run where none is: a cancel
// with nothing under way does nothing. CodeNotFound.
func (s *Service) CancelSync(ctx context.Context, t TenantID, a Actor, id ID) (Run, error) {
	event, err := s.event(ActivityCancel, id, a, nil)
	if err != nil {
		return Run{}, err
	}
	return s.store.CancelRuns(ctx, t, id, event, func(sub *Subscription) {
		if sub.IsPaused() || sub.Provider == ProviderUnknown {
			sub.NextSync = odata.Never()
			return
		}
		sub.NextSync = s.plusInterval(sub, 0)
	})
}

// cancelled is the outcome of a run that was asked to stop.
func cancelled(cause error) *provider.Error {
	return &provider.Error{
		Code: provider.CodeCancelled, Retry: provider.RetryNever, Err: cause,
		Msg: "an admin cancelled the sync; what it had stored is kept, and the next regular sync goes ahead",
	}
}
