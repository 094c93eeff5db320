package pki

import (
	"fmt"
	"slices"
	"time"
)

// reminderDays are the rungs of the ladder of a replaced root, in days since it
// was replaced. Behind the last it goes on in steps of lateReminders.
func reminderDays() []int { return []int{7, 14, 30, 60, 90} }

const lateReminders = 90 * day

// reminderAt returns how many rungs have been reached at now, and when the next is.
func reminderAt(since, now time.Time) (rung int64, next time.Time) {
	reached := since
	for _, days := range reminderDays() {
		reached = since.Add(time.Duration(days) * day)
		if now.Before(reached) {
			return rung, reached
		}
		rung++
	}
	late := now.Sub(reached).Truncate(lateReminders)
	return rung + int64(late/lateReminders), reached.Add(late + lateReminders)
}

// rollover reminds of a root that another has replaced, for as long as devices
// are given both. A root that nothing is in force beside was not replaced, and
// one that has expired is trusted by nobody.
func (j *alertJudge) rollover(a *Authority) error {
	i := slices.IndexFunc(j.facts.Authorities, func(next Authority) bool { return next.Kind == AuthorityRoot && next.State == TrustTrusted })
	if a.Kind != AuthorityRoot || a.State != TrustRetiring || a.StateChanged.IsNever() || isExpired(*a, j.now) || i < 0 {
		return nil
	}
	j.stand(AlertRollover, a.ID)
	since := a.StateChanged
	rung, next := reminderAt(since.Time(), j.now.Time())
	j.next(next)
	m, known := j.mark(AlertRollover, a.ID)
	if known && m.Ends.Ticks != since.Ticks {
		m.Rung = 0
	}
	if rung <= m.Rung {
		return nil
	}
	m.Rung, m.At, m.Ends = rung, j.now, since
	j.keep(m)
	return j.tell(oldRootStays(a, &j.facts.Authorities[i], j.now.Time()))
}

func oldRootStays(old, next *Authority, now time.Time) Alert {
	removal := "It is removed by a sync that finds that the CA no longer offers it and that no valid certificate needs it."
	if !old.Retire.IsNever() {
		removal = "It is removed by a sync after " + utc(old.Retire.Time()) + " that finds that the CA no longer offers it and that no valid certificate needs it."
	}
	return Alert{
		Kind: AlertRollover, Object: old.ID, Page: "/docs/trust#when-a-root-changes",
		Title:  fmt.Sprintf("Old root %s is still trusted, %d days after another has replaced it", old.SubjectDN, int(now.Sub(old.StateChanged.Time())/day)),
		Detail: fmt.Sprintf("Since %s the root %s (SHA-256 %s) is in force, and devices are given the old root (SHA-256 %s) beside it. %s", utc(old.StateChanged.Time()), next.SubjectDN, next.ID, old.ID, removal),
		Action: "See to it that devices have fetched the new root, that what the old one vouches for is renewed, and that the CA no longer offers it. To remove it at once, reject it by its SHA-256 (cloudpki trust reject).",
	}
}
