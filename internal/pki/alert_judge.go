package pki

import (
	"context"
	"errors"
	"slices"
	"time"

	"cloudpki/internal/odata"
)

const (
	// alertPeriod is how often alerts are looked at where nothing changes.
	alertPeriod = day

	// A root that waits for an admin is told again after pendingPeriod, and
	// certificates that end are counted again after countPeriod.
	pendingPeriod = 7 * day
	countPeriod   = day

	// An issuer that the CA has not offered for so long is not in use.
	forgottenIssuer = 8 * day
)

// Watch tells the alerts of up to limit subscriptions that are due, each rung
// once, also where many processes do so or one is interrupted. It reports
// whether there may be more.
func (s *Service) Watch(ctx context.Context, limit int) (more bool, err error) {
	list, err := s.store.Watched(ctx, s.now(), limit)
	if err != nil {
		return false, err
	}
	for _, t := range list {
		e := s.store.JudgeAlerts(ctx, t.Tenant, t.ID, s.alerts.Sinks, func(sub *Subscription, facts AlertFacts) (AlertVerdict, error) {
			j := alertJudge{sub: sub, facts: facts, now: s.stamp(), policy: s.alerts, event: s.event}
			return j.judge()
		})
		if e != nil && CodeOf(e) != CodeNotFound { // gone meanwhile: nothing to do
			err = errors.Join(err, e)
		}
	}
	return len(list) == limit, err
}

// An alertJudge finds what is to be told of one subscription.
type alertJudge struct {
	sub     *Subscription
	facts   AlertFacts
	now     odata.DateTimeOffset
	policy  AlertPolicy
	event   func(activity string, object ID, a Actor, members []string) (AuditEvent, error)
	verdict AlertVerdict
}

func (j *alertJudge) judge() (AlertVerdict, error) {
	j.next(j.now.Time().Add(alertPeriod))
	for _, step := range []func() error{j.authorities, j.credential, j.sync, j.certificates} {
		if err := step(); err != nil {
			return AlertVerdict{}, err
		}
	}
	return j.verdict, nil
}

// next has the alerts looked at by at.
func (j *alertJudge) next(at time.Time) {
	if n := odata.FromTime(at); j.verdict.Next.Ticks == 0 || n.Ticks < j.verdict.Next.Ticks {
		j.verdict.Next = n
	}
}

// mark returns what was told of a thing, the zero Rung for nothing yet.
func (j *alertJudge) mark(kind AlertKind, object ID) (m AlertMark, known bool) {
	i := slices.IndexFunc(j.facts.Marks, func(m AlertMark) bool { return m.Kind == kind && m.Object == object })
	if i < 0 {
		return AlertMark{Kind: kind, Object: object, Ends: odata.Never()}, false
	}
	return j.facts.Marks[i], true
}

func (j *alertJudge) stand(kind AlertKind, object ID) {
	j.verdict.Standing = append(j.verdict.Standing, AlertKey{kind, object})
}

func (j *alertJudge) keep(m AlertMark) { j.verdict.Keep = append(j.verdict.Keep, m) }

// authorities climbs the ladder of each that is in use, and tells of the roots
// that wait.
func (j *alertJudge) authorities() error {
	for i := range j.facts.Authorities {
		a := &j.facts.Authorities[i]
		var err error
		switch {
		case a.Kind == AuthorityRoot && a.State == TrustQuarantined:
			err = j.pending(a)
		case a.Kind == AuthorityRoot && (a.State == TrustTrusted || a.State == TrustRetiring):
			err = j.ladder(AlertRoot, a.ID, a.NotAfter, func(stage ExpiryStage) Alert { return authorityEnds(AlertRoot, a, stage) })
		case a.Kind != AuthorityRoot && j.sub.LastSync.Time().Sub(a.LastSeen.Time()) < forgottenIssuer:
			err = j.ladder(AlertIssuer, a.ID, a.NotAfter, func(stage ExpiryStage) Alert { return authorityEnds(AlertIssuer, a, stage) })
		}
		if err == nil {
			err = j.rollover(a)
		}
		if err != nil {
			return err
		}
	}
	for _, m := range j.facts.Marks { // what is decided may come to wait, or retire, anew
		if m.Kind == AlertTrust && !j.stands(m.Object, TrustQuarantined) || m.Kind == AlertRollover && !j.stands(m.Object, TrustRetiring) {
			j.verdict.Forget = append(j.verdict.Forget, m)
		}
	}
	return nil
}

// stands reports whether an authority is known and in a state.
func (j *alertJudge) stands(id ID, state TrustState) bool {
	return slices.ContainsFunc(j.facts.Authorities, func(a Authority) bool { return a.ID == id && a.State == state })
}

// ladder tells the rung that an end has reached, unless it was told of that end.
func (j *alertJudge) ladder(kind AlertKind, object ID, end odata.DateTimeOffset, alert func(ExpiryStage) Alert) error {
	stage, next := stageAt(end.Time(), j.now.Time())
	if !next.IsZero() {
		j.next(next)
	}
	if stage > ExpiryNone {
		j.stand(kind, object)
	}
	m, known := j.mark(kind, object)
	if known && m.Ends.Ticks != end.Ticks {
		m.Rung = 0
	}
	if int64(stage) <= m.Rung {
		return nil
	}
	m.Rung, m.At, m.Ends = int64(stage), j.now, end
	j.keep(m)
	a := alert(stage)
	if days := ExpiryDays()[stage-1]; days <= 7 {
		a.Severity = AlertCritical
	}
	a.Stage, a.Ends = stage.String(), end.Time()
	return j.tell(a)
}

func (j *alertJudge) pending(a *Authority) error {
	j.stand(AlertTrust, a.ID)
	m, known := j.mark(AlertTrust, a.ID)
	if again := m.At.Time().Add(pendingPeriod); known && j.now.Time().Before(again) {
		j.next(again)
		return nil
	}
	m.Rung, m.At = m.Rung+1, j.now
	j.keep(m)
	return j.tell(rootWaits(a))
}

// credential tells what Tend has put into the audit trail.
func (j *alertJudge) credential() error {
	if j.sub.Credentials == nil || j.sub.Credentials.ExpiresAt().IsZero() {
		return nil
	}
	return j.ladder(AlertCredential, "", odata.FromTime(j.sub.Credentials.ExpiresAt()), credentialEnds)
}

// sync tells once that syncs have failed for long, and once that they do no
// more. The mark holds since when, and whether it was told.
func (j *alertJudge) sync() error {
	m, known := j.mark(AlertFailing, "")
	if known && j.sub.SyncStatus != SyncSucceeded {
		j.stand(AlertFailing, "")
	}
	switch {
	case j.sub.SyncStatus == SyncSucceeded && known:
		j.verdict.Forget = append(j.verdict.Forget, m)
		if m.Rung == 0 {
			return nil
		}
		return j.tell(syncRecovers(m.At))
	case j.sub.SyncStatus != SyncFailed || j.sub.IsPaused():
		return nil
	case !known:
		m.At = j.sub.LastSync
		j.keep(m)
	}
	if m.Rung > 0 {
		return nil
	}
	if late := m.At.Time().Add(j.policy.SyncFailingAfter); j.now.Time().Before(late) {
		j.next(late)
		return nil
	}
	m.Rung = 1
	j.keep(m)
	return j.tell(syncFails(j.sub, m.At))
}

func (j *alertJudge) certificates() error {
	within := j.policy.CertificatesWithin
	if within <= 0 || j.sub.SyncStatus == SyncUnknown {
		return nil
	}
	m, known := j.mark(AlertCertificates, "")
	if again := m.At.Time().Add(countPeriod); known && j.now.Time().Before(again) {
		if m.Rung > 0 {
			j.stand(AlertCertificates, "")
		}
		j.next(again)
		return nil
	}
	until := odata.FromTime(j.now.Time().Add(within))
	n, err := j.facts.Ending(j.now, until)
	if err != nil {
		return err
	}
	m.Rung, m.At = n, j.now
	j.keep(m)
	if n == 0 {
		return nil
	}
	return j.tell(certificatesEnd(n, until.Time()))
}
