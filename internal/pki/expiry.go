package pki

import (
	"context"
	"errors"
	"time"

	"cloudpki/internal/odata"
)

// ExpiryStage is a rung of the expiry ladder: how near the end of credentials
// is. A greater stage is nearer to the end.
type ExpiryStage int8

// ExpiryNone is the stage of an end that is unknown, or further away than the first rung.
const ExpiryNone ExpiryStage = 0

// ExpiryDays are the rungs of the ladder, in days before the end: stage n is
// reached at ExpiryDays()[n-1]. At 0 the end has come.
func ExpiryDays() []int { return []int{90, 60, 30, 14, 7, 3, 1, 0} }

// ExpiryStageEnum is the enumeration of credentialInfo/expiryStage.
func ExpiryStageEnum() *odata.EnumType {
	names := []string{"none", "days90", "days60", "days30", "days14", "days7", "days3", "days1", "expired"}
	e := &odata.EnumType{Name: "cloudPkiExpiryStage"}
	for i, name := range names {
		e.Members = append(e.Members, odata.Member{Name: name, Value: int64(i)})
	}
	return e
}

// String is the stage's name on the wire.
func (s ExpiryStage) String() string { return ExpiryStageEnum().NameOf(int64(s)) }

const day = 24 * time.Hour

// stageAt returns the rung that an end has reached at now, and when the next
// one is reached; zero where there is none.
func stageAt(end, now time.Time) (stage ExpiryStage, next time.Time) {
	if end.IsZero() {
		return ExpiryNone, time.Time{}
	}
	for _, days := range ExpiryDays() {
		reached := end.Add(-time.Duration(days) * day)
		if now.Before(reached) {
			return stage, reached
		}
		stage++
	}
	return stage, time.Time{}
}

// scheduleTending sets when the credentials must be looked at next: when a rung
// is reached that was not told yet, or when the previous set is to go.
func (s *Subscription) scheduleTending(now time.Time) {
	s.TendAt = time.Time{}
	if c := s.Credentials; c != nil {
		stage, next := stageAt(c.ExpiresAt(), now)
		if stage > c.Rung {
			next = now
		}
		s.TendAt = next
	}
	if p := s.Previous; p != nil && !p.Until.IsZero() && (s.TendAt.IsZero() || p.Until.Before(s.TendAt)) {
		s.TendAt = p.Until
	}
}

// Tend looks after up to limit subscriptions whose credentials have come nearer
// to their end, which is told once a rung by an audit event and a change of the
// subscription, or whose previous credentials are kept no longer, which are
// removed for good. It reports whether there may be more.
func (s *Service) Tend(ctx context.Context, limit int) (more bool, err error) {
	list, err := s.store.Tended(ctx, s.now(), limit)
	if err != nil {
		return false, err
	}
	for _, t := range list {
		if e := s.tend(ctx, t); e != nil && CodeOf(e) != CodeNotFound { // gone meanwhile: nothing to do
			err = errors.Join(err, e)
		}
	}
	return len(list) == limit, err
}

func (s *Service) tend(ctx context.Context, t Tending) error {
	now := s.stamp()
	expiring, err := s.event(ActivityExpiring, t.ID, Actor{}, nil)
	if err != nil {
		return err
	}
	shredded, err := s.event(ActivityShred, t.ID, Actor{}, []string{"credentials"})
	if err != nil {
		return err
	}
	_, err = s.store.UpdateSubscription(ctx, t.Tenant, t.ID, func(sub *Subscription) (Effects, error) {
		if sub.TendAt.IsZero() || sub.TendAt.After(now.Time()) {
			return Effects{Unchanged: true}, nil // another process was faster
		}
		effects := Effects{}
		if stage, reached := sub.climb(now.Time()); reached {
			event := expiring
			event.Members, event.Reason = []string{"credentialInfo/expiryStage"}, stage.String()
			effects.Audit = &event
		} else if p := sub.Previous; p != nil && !p.Until.IsZero() && !now.Time().Before(p.Until) {
			sub.Previous, effects.Audit = nil, &shredded // a transaction tells one event; the next look finds the rest
		}
		sub.scheduleTending(now.Time())
		return effects, nil
	})
	return err
}

// climb goes to the rung that is reached at now and reports whether it is
// another one.
func (s *Subscription) climb(now time.Time) (ExpiryStage, bool) {
	if s.Credentials == nil {
		return ExpiryNone, false
	}
	c := *s.Credentials
	stage, _ := stageAt(c.ExpiresAt(), now)
	if stage <= c.Rung {
		return stage, false
	}
	c.Rung = stage
	if int(stage) == len(ExpiryDays()) {
		c.setStatus(CredentialsExpired, now)
	}
	s.Credentials = &c
	return stage, true
}
