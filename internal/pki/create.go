package pki

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"cloudpki/internal/odata"
)

// placeholderID is what the documentation's example has in the place of an id:
// whoever copies it wants the service to make one.
const placeholderID = "{id}"

// Create makes a subscription from d and enqueues its first sync. With a
// ReplayKey that was used before, the same body gives the first answer again
// and another body CodeReplayMismatch. CodeInvalid tells all faults of d at
// once; CodeExists where the id is taken.
func (s *Service) Create(ctx context.Context, t TenantID, a Actor, d Draft, r *ReplayKey) (Subscription, error) {
	if err := invalidAll(s.checkDraft(d)); err != nil {
		return Subscription{}, err
	}
	receipt, replayed, err := s.replay(ctx, t, r)
	if err != nil {
		return Subscription{}, err
	}
	if replayed {
		return s.draw(t, receipt.ID, d, receipt.At), nil
	}
	id, err := chooseID(d)
	if err != nil {
		return Subscription{}, err
	}
	sub := s.draw(t, id, d, s.stamp())
	if _, err := s.mergeSecrets(ctx, &sub, d); err != nil {
		return Subscription{}, err
	}
	sub.scheduleTending(sub.Created.Time())
	effects, err := s.created(&sub, a)
	if err != nil {
		return Subscription{}, err
	}
	if receipt != nil {
		receipt.ID, receipt.At = sub.ID, sub.Created
	}
	err = s.store.CreateSubscription(ctx, sub, effects, receipt)
	if CodeOf(err) == CodeExists && r != nil {
		return s.replayAfterRace(ctx, t, r, d, err)
	}
	return sub, err
}

// draw makes a subscription from a draft and nothing else, so that a repeated
// request is answered as the first was.
func (s *Service) draw(t TenantID, id ID, d Draft, now odata.DateTimeOffset) Subscription {
	sub := Subscription{
		Tenant: t, ID: id, Key: s.incarnation(t, id, now), Provider: ProviderUnknown, Created: now,
		LastModified: now, LastSync: odata.Never(), NextSync: odata.Never(), Version: 1, Edits: 1, Revision: 1,
	}
	sub.merge(d)
	sub.adoptHistory(d)
	return sub
}

// incarnation names an object by its id and the time of its making.
func (s *Service) incarnation(t TenantID, id ID, created odata.DateTimeOffset) int64 {
	mac := hmac.New(sha256.New, s.macKey)
	fmt.Fprintf(mac, "incarnation\x00%s\x00%s\x00%d", t, id, created.Ticks)
	return int64(binary.BigEndian.Uint64(mac.Sum(nil)) >> 1)
}

// adoptHistory takes over what an import brings along.
func (s *Subscription) adoptHistory(d Draft) {
	if d.LastModified.IsGiven() {
		s.LastModified = d.LastModified.Value
	}
	if d.SyncStatus.IsGiven() {
		s.SyncStatus = d.SyncStatus.Value
	}
	if d.LastSync.IsGiven() {
		s.LastSync = d.LastSync.Value
	}
	if d.Version.IsGiven() {
		s.Version = d.Version.Value
	}
	s.LastSyncError = d.LastSyncError.pointer()
}

// created returns what goes along with the first write of sub.
func (s *Service) created(sub *Subscription, a Actor) (Effects, error) {
	event, err := s.event(ActivityCreate, sub.ID, a, nil)
	if err != nil {
		return Effects{}, err
	}
	effects := Effects{Audit: &event}
	if sub.Provider == ProviderUnknown || sub.IsPaused() {
		return effects, nil
	}
	run, err := newRun(TriggerCreated, sub.Created)
	if err != nil {
		return Effects{}, err
	}
	sub.NextSync = sub.Created
	effects.Run = &run
	return effects, nil
}

func chooseID(d Draft) (ID, error) {
	if d.ID.IsGiven() && d.ID.Value != placeholderID {
		return ID(d.ID.Value), nil
	}
	return newID()
}

// Replayed returns the id of what an earlier Create with r has made, "" for
// none. CodeReplayMismatch as Create.
func (s *Service) Replayed(ctx context.Context, t TenantID, r ReplayKey) (ID, error) {
	receipt, replayed, err := s.replay(ctx, t, &r)
	if err != nil || !replayed {
		return "", err
	}
	return receipt.ID, nil
}

// replayAfterRace answers the slower of two equal requests that came at once.
func (s *Service) replayAfterRace(ctx context.Context, t TenantID, r *ReplayKey, d Draft, taken error) (Subscription, error) {
	receipt, replayed, err := s.replay(ctx, t, r)
	if err != nil {
		return Subscription{}, err
	}
	if !replayed {
		return Subscription{}, taken
	}
	return s.draw(t, receipt.ID, d, receipt.At), nil
}
