package pki

import (
	"context"
	"errors"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/secret"
)

// The slots of a subscription's credentials. Each has an object key of its own,
// and its ciphertexts are bound to it: what is sealed in one slot opens in no
// other.
const (
	slotCurrent  = ""
	slotStaged   = "/staged"
	slotPrevious = "/previous"
)

// slotName is what the ciphertexts of a slot are bound to.
func slotName(s *Subscription, slot string) string { return entityName(s) + slot }

// StageCredentials puts credentials beside the current ones, seals them and
// proves them at the CA at once. What d leaves out is taken from the current
// set. They are used for nothing else until PromoteCredentials. CodeInvalid,
// CodeNotFound, or as TestConnection.
func (s *Service) StageCredentials(ctx context.Context, t TenantID, a Actor, id ID, d DraftCredentials) (ConnectionTest, error) {
	draft := Draft{Credentials: Given(d)}
	if err := invalidAll(s.checkMembers(draft)); err != nil {
		return ConnectionTest{}, err
	}
	event, err := s.event(ActivityStage, id, a, []string{"credentials"})
	if err != nil {
		return ConnectionTest{}, err
	}
	err = s.exchangeSlots(ctx, t, id, event, nil, func(ctx context.Context, sub *Subscription) (Effects, error) {
		staged, err := s.sealSlot(ctx, sub, draft)
		sub.Staged = staged
		return Effects{}, err
	})
	if err != nil {
		return ConnectionTest{}, err
	}
	return s.TestConnection(ctx, t, a, id, ConnectionDraft{Staged: true})
}

// sealSlot makes the staged slot of sub: its current credentials with what d
// brings instead.
func (s *Service) sealSlot(ctx context.Context, sub *Subscription, d Draft) (*Slot, error) {
	plain, err := s.unseal(ctx, sub)
	if err != nil {
		return nil, err
	}
	merged := *sub
	merged.merge(d)
	slot := &Slot{Since: s.now().UTC()}
	slot.UserName, slot.Accepted = merged.Credentials.UserName, odata.Never()
	object, key, err := s.keyring.NewObject(ctx, string(sub.Tenant), slotName(sub, slotStaged))
	if err != nil {
		return nil, err
	}
	slot.Key = key
	old := map[string]secret.Text{fieldPassword: plain.Password, fieldCertificate: plain.Certificate, fieldCertificatePassword: plain.CertificatePassword}
	for _, f := range secretFields(&slot.Credentials, d.Credentials.Value) {
		text := old[f.name]
		if f.isChange() {
			text = f.sent.Value
		} else if text.IsEmpty() {
			continue
		}
		*f.sealed = object.Seal(f.name, text)
	}
	slot.Info = s.describeCertificate(object, &slot.Credentials)
	return slot, nil
}

// PromoteCredentials makes the staged credentials the current ones and keeps
// those as the previous ones for a while, then starts a sync. Staged ones that
// the CA never accepted are refused, unless force. CodeConflict, CodeNotFound,
// or what c returns.
func (s *Service) PromoteCredentials(ctx context.Context, t TenantID, a Actor, id ID, force bool, c Condition) error {
	event, err := s.event(ActivityPromote, id, a, []string{"credentials"})
	if err != nil {
		return err
	}
	return s.exchangeSlots(ctx, t, id, event, c, func(ctx context.Context, sub *Subscription) (Effects, error) {
		switch {
		case sub.Staged == nil:
			return Effects{}, unready("No credentials are staged. Send them with stageCredentials first.")
		case sub.Staged.Accepted.IsNever() && !force:
			return Effects{}, unready("The CA has not accepted the staged credentials yet. Prove them with testConnection and {\"slot\":\"staged\"}, or promote them all the same with {\"force\":true}.")
		}
		return s.takeTurns(ctx, sub, &sub.Staged, slotStaged)
	})
}

// RollbackCredentials makes the previous credentials the current ones again,
// and those the previous ones, then starts a sync. CodeConflict where none are
// kept, CodeNotFound, or what c returns.
func (s *Service) RollbackCredentials(ctx context.Context, t TenantID, a Actor, id ID, c Condition) error {
	event, err := s.event(ActivityRollback, id, a, []string{"credentials"})
	if err != nil {
		return err
	}
	return s.exchangeSlots(ctx, t, id, event, c, func(ctx context.Context, sub *Subscription) (Effects, error) {
		if sub.Previous == nil || !sub.Previous.Until.IsZero() && !s.now().Before(sub.Previous.Until) {
			return Effects{}, unready("No previous credentials are kept. Send the ones to use with PATCH or stageCredentials.")
		}
		return s.takeTurns(ctx, sub, &sub.Previous, slotPrevious)
	})
}

// DiscardCredentials removes the staged credentials. CodeConflict where none are
// staged, CodeNotFound, or what c returns.
func (s *Service) DiscardCredentials(ctx context.Context, t TenantID, a Actor, id ID, c Condition) error {
	event, err := s.event(ActivityDiscard, id, a, []string{"credentials"})
	if err != nil {
		return err
	}
	return s.exchangeSlots(ctx, t, id, event, c, func(_ context.Context, sub *Subscription) (Effects, error) {
		if sub.Staged == nil {
			return Effects{}, unready("No credentials are staged.")
		}
		sub.Staged = nil
		return Effects{}, nil
	})
}

func unready(msg string) *Error { return &Error{Code: CodeConflict, Target: "credentials", Msg: msg} }

// takeTurns makes what is in a slot current and what was current previous.
func (s *Service) takeTurns(ctx context.Context, sub *Subscription, from **Slot, name string) (Effects, error) {
	next, err := s.reseal(ctx, sub, &(*from).Credentials, name, slotCurrent)
	if err != nil {
		return Effects{}, err
	}
	*from, sub.Previous = nil, nil
	if sub.Credentials != nil && s.keepPrevious > 0 {
		old, err := s.reseal(ctx, sub, sub.Credentials, slotCurrent, slotPrevious)
		if err != nil {
			return Effects{}, err
		}
		now := s.now().UTC()
		sub.Previous = &Slot{Credentials: *old, Since: now, Until: now.Add(s.keepPrevious)}
	}
	sub.Credentials = next
	if sub.Provider == ProviderUnknown || sub.IsPaused() {
		return Effects{}, nil
	}
	run, err := newRun(TriggerChanged, s.stamp())
	return Effects{Run: &run}, err
}

// reseal seals the secrets of one slot for another, under a fresh key.
func (s *Service) reseal(ctx context.Context, sub *Subscription, c *Credentials, from, to string) (*Credentials, error) {
	out := *c
	if c.Key == nil {
		return &out, nil
	}
	old, err := s.keyring.OpenObject(ctx, string(sub.Tenant), slotName(sub, from), c.Key)
	if err != nil {
		return nil, err
	}
	fresh, key, err := s.keyring.NewObject(ctx, string(sub.Tenant), slotName(sub, to))
	if err != nil {
		return nil, err
	}
	out.Key = key
	for _, f := range secretFields(&out, DraftCredentials{}) {
		if *f.sealed == nil {
			continue
		}
		text, err := old.Open(f.name, *f.sealed)
		if err != nil {
			return nil, err
		}
		*f.sealed = fresh.Seal(f.name, text)
	}
	return &out, nil
}

// exchangeSlots computes a change of the slots outside of a transaction, since
// sealing needs keys, and stores it if the slots are still those it was
// computed for.
func (s *Service) exchangeSlots(ctx context.Context, t TenantID, id ID, event AuditEvent, c Condition, change func(context.Context, *Subscription) (Effects, error)) error {
	for range attempts {
		base, err := s.store.Subscription(ctx, t, id)
		if err != nil {
			return err
		}
		if err := c.check(base.ETag()); err != nil {
			return err
		}
		after := base
		effects, err := change(ctx, &after)
		if err != nil {
			return err
		}
		effects.Audit = &event
		_, err = s.store.UpdateSubscription(ctx, t, id, func(sub *Subscription) (Effects, error) {
			if err := c.check(sub.ETag()); err != nil {
				return Effects{}, err
			}
			if !sameSlots(sub, &base) {
				return Effects{}, errSecretsChanged
			}
			if !sameSecrets(sub.Credentials, after.Credentials) {
				sub.Refusal = nil
			}
			sub.Credentials, sub.Staged, sub.Previous = after.Credentials, after.Staged, after.Previous
			if effects.Run != nil {
				sub.Failures, sub.NextSync, sub.NextProbe = 0, effects.Run.Queued, time.Time{}
			}
			sub.touch(event.At)
			sub.Edits++
			sub.scheduleTending(event.At.Time())
			return effects, nil
		})
		if !errors.Is(err, errSecretsChanged) {
			return err
		}
	}
	return &Error{Code: CodeUnavailable, Msg: "The credentials are being changed by others at the same time. Try again."}
}

// sameSlots reports whether a and b hold the same ciphertexts in every slot.
func sameSlots(a, b *Subscription) bool {
	slot := func(s *Slot) *Credentials {
		if s == nil {
			return nil
		}
		return &s.Credentials
	}
	return sameSecrets(a.Credentials, b.Credentials) && sameSecrets(slot(a.Staged), slot(b.Staged)) && sameSecrets(slot(a.Previous), slot(b.Previous))
}
