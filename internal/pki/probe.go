package pki

import (
	"context"
	"fmt"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// proofLife is how long a CA's acceptance of credentials is believed: where no
// sync comes before, they are proved by a run that does nothing else.
const proofLife = 24 * time.Hour

// nextProbe says when the credentials are to be proved without a sync; zero
// where a sync comes first, or nothing may be sent.
func (s *Service) nextProbe(sub *Subscription) time.Time {
	if sub.Refusal != nil || sub.NextSync.IsNever() || sub.IsPaused() || sub.Provider == ProviderUnknown {
		return time.Time{}
	}
	at := s.now().UTC().Add(jitter(proofLife))
	if !sub.NextSync.Time().After(at) {
		return time.Time{}
	}
	return odata.FromTime(at).Time() // as it is stored
}

// refused returns the fault of a run that may send nothing, nil where it may.
func (s *Subscription) refused() error {
	r := s.Refusal
	if r == nil {
		return nil
	}
	return &provider.Error{
		Code: r.Code, Retry: provider.RetryCredentials,
		Msg: fmt.Sprintf("the CA refused these credentials on %s (%s); nothing was sent since, because accounts lock: change them, or prove them with testConnection, which makes one attempt and lets the syncs go on if it succeeds",
			r.At.UTC().Format(time.RFC3339), r.Msg),
	}
}

// maxRefusal bounds the text of a Refusal, in bytes: it is told again within
// lastSyncError.
const maxRefusal = 512

// learn writes into sub what an attempt with its access showed: that the CA
// accepted the credentials, or a fault, either of which may be absent.
func (s *Subscription) learn(accepted bool, probe provider.Probe, fault *provider.Error, asked bool, now time.Time) {
	refused := fault != nil && fault.RetryClass() == provider.RetryCredentials
	if refused && asked && s.Refusal == nil {
		s.Refusal = &Refusal{At: odata.FromTime(now).Time(), Code: fault.Code, Msg: clip(printable(fault.Text()), maxRefusal)}
	}
	if s.Credentials == nil {
		return
	}
	c := *s.Credentials
	if accepted {
		c.setStatus(CredentialsAccepted, now)
		c.renew(probe, now)
	}
	switch {
	case !refused:
	case fault.Code == provider.CodeCredentialExpired:
		c.setStatus(CredentialsExpired, now)
	case asked:
		c.setStatus(CredentialsRefused, now)
	}
	s.Credentials = &c
	s.scheduleTending(now)
}

// renew takes over when the CA says that the credentials end. A later end
// begins the ladder anew.
func (c *Credentials) renew(probe provider.Probe, now time.Time) {
	c.Expires = time.Time{}
	if !probe.Expires.IsZero() {
		c.Expires = odata.FromTime(probe.Expires).Time()
	}
	if stage, _ := stageAt(c.ExpiresAt(), now); stage < c.Rung {
		c.Rung = stage
	}
}

// recordTest writes down what a test of stored credentials has proved. One that
// succeeds lifts a refusal, and what was held up by it starts.
func (s *Service) recordTest(ctx context.Context, tested *Subscription, staged bool, t *tester) error {
	var fault *provider.Error
	failed := t.Failed()
	if failed != nil {
		fault = failed.Fault
	}
	refused := fault != nil && fault.RetryClass() == provider.RetryCredentials
	accepted := t.step(StepAccount).Status == StepSucceeded
	if !t.reached || !accepted && !refused {
		return nil // nothing was learned of the credentials
	}
	now := s.stamp()
	run, err := newRun(TriggerChanged, now)
	if err != nil {
		return err
	}
	_, err = s.store.UpdateSubscription(ctx, tested.Tenant, tested.ID, func(sub *Subscription) (Effects, error) {
		switch {
		case !sameAccess(sub, tested) || !sameSlots(sub, tested):
			return Effects{Unchanged: true}, nil // it was changed during the test
		case staged:
			sub.Staged = sub.Staged.proved(accepted && !refused, t.probe, now.Time())
			return Effects{}, nil
		}
		held := sub.Refusal != nil
		if failed == nil {
			sub.Refusal = nil
		}
		sub.learn(accepted, t.probe, fault, true, now.Time())
		if sub.Refusal != nil {
			sub.NextSync, sub.NextProbe = odata.Never(), time.Time{}
			sub.tellRefusal(fault)
			return Effects{}, nil
		}
		if held && !sub.IsPaused() {
			sub.Failures = 0
			return Effects{Run: &run}, nil
		}
		return Effects{}, nil
	})
	return err
}

// tellRefusal has the subscription say at once that its credentials are no good.
func (s *Subscription) tellRefusal(fault *provider.Error) {
	text := clip(fault.Error(), MaxLastSyncError)
	s.SyncStatus, s.LastSyncError = SyncFailed, &text
}

// proved returns the slot with what a test of it has shown.
func (p *Slot) proved(accepted bool, probe provider.Probe, now time.Time) *Slot {
	slot := *p
	if accepted {
		slot.setStatus(CredentialsAccepted, now)
		slot.renew(probe, now)
		return &slot
	}
	slot.setStatus(CredentialsRefused, now)
	slot.Accepted = odata.Never()
	return &slot
}
