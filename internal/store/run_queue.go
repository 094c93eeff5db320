package store

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

// settleRuns adjusts the queued run of a subscription to a change of it: run is
// queued where the change asks for one, and what is queued is cancelled where
// the change keeps the subscription from being synced. What an admin asks for
// while it is so runs all the same.
func (db *DB) settleRuns(ctx context.Context, c conn, before, after *pki.Subscription, run *pki.Run) error {
	open, err := openRuns(ctx, c, after.Tenant, after.Key)
	if err != nil {
		return err
	}
	switch queued := open.queued.ID != ""; {
	case run != nil:
		after.NextSync = run.Queued
		if queued {
			_, err := db.undried(ctx, c, leaseOn(after), open.queued)
			return err
		}
		return db.addRun(ctx, c, leaseOn(after), *run)
	case !queued || !isResting(after):
		return nil
	case !isResting(before):
		return db.cancelRun(ctx, c, after, open.queued, restingMessage(after))
	case isWanted(open.queued, after):
		after.NextSync = open.queued.Queued
	}
	return nil
}

// isResting reports whether s is not synced by itself.
func isResting(s *pki.Subscription) bool {
	return s.IsPaused() || s.Provider == pki.ProviderUnknown
}

// isWanted reports whether a queued run of s may begin.
func isWanted(run pki.Run, s *pki.Subscription) bool {
	return run.Trigger == pki.TriggerManual || !isResting(s)
}

// restingMessage says why the queued run of s does not begin.
func restingMessage(s *pki.Subscription) string {
	if s.IsPaused() {
		return "The subscription was paused before the run began."
	}
	return "The provider of the subscription was set to '" + pki.ProviderUnknown + "' before the run began."
}

// cancelRun ends a run that has not begun; message says why.
func (db *DB) cancelRun(ctx context.Context, c conn, s *pki.Subscription, run pki.Run, message string) error {
	run.Status, run.Error, run.Retry, run.Message = pki.RunCancelled, provider.CodeCancelled, "", message
	run.Ended = odata.FromTime(db.now())
	l := leaseOn(s)
	if err := updateRun(ctx, c, l, run); err != nil {
		return err
	}
	if err := trimRuns(ctx, c, l); err != nil {
		return err
	}
	return db.record(ctx, c, db.childChange(pki.ResourceRuns, l, run.ID, pki.ChangeUpdated))
}

const (
	// keptRuns is how many ended runs of a subscription are kept.
	keptRuns = 200

	// trimmedRuns bounds how many are removed at a time.
	trimmedRuns = 50
)

// trimRuns removes the oldest ended runs of a subscription. The ids of runs
// sort by time.
func trimRuns(ctx context.Context, c conn, l pki.Lease) error {
	_, err := c.exec(ctx, `DELETE FROM sync_runs WHERE tenant = ?1 AND subscription_key = ?2 AND id IN (
	SELECT id FROM sync_runs WHERE tenant = ?1 AND subscription_key = ?2 AND status >= 2
	ORDER BY id DESC LIMIT ?3 OFFSET ?4)`, string(l.Tenant), l.Key, trimmedRuns, keptRuns)
	return err
}

// unended are the runs of one subscription that have not ended: at most one of
// each kind. Their ids are empty where there is none.
type unended struct{ running, queued pki.Run }

// either returns the run to take up next.
func (u unended) either() pki.Run {
	if u.running.ID != "" {
		return u.running
	}
	return u.queued
}

func openRuns(ctx context.Context, c conn, t pki.TenantID, key int64) (u unended, err error) {
	scan := func(r rows) (pki.Run, error) { return scanRun(r, false) }
	list, err := all(ctx, c, scan, "SELECT "+runColumns+
		" FROM sync_runs WHERE tenant = ?1 AND subscription_key = ?2 AND status < 2", string(t), key)
	for _, r := range list {
		if r.Status == pki.RunRunning {
			u.running = r
		} else {
			u.queued = r
		}
	}
	return u, err
}

// keepDue makes sure that a run that was asked for while another ran, or is
// asked for by its end, is not forgotten.
func (db *DB) keepDue(ctx context.Context, c conn, s *pki.Subscription, e pki.Effects) (bool, error) {
	open, err := openRuns(ctx, c, s.Tenant, s.Key)
	if err != nil {
		return false, err
	}
	if e.Run != nil && open.queued.DryRun {
		if open.queued, err = db.undried(ctx, c, leaseOn(s), open.queued); err != nil {
			return false, err
		}
	}
	if open.queued.ID == "" && e.Run != nil && isWanted(*e.Run, s) {
		open.queued = *e.Run
		if err := db.addRun(ctx, c, leaseOn(s), *e.Run); err != nil {
			return false, err
		}
	}
	if open.queued.ID == "" || !isWanted(open.queued, s) {
		return false, nil
	}
	if open.queued.DryRun {
		open.queued.NextTry = s.NextSync // which is put back at its end
		if err := updateRun(ctx, c, leaseOn(s), open.queued); err != nil {
			return false, err
		}
	}
	s.NextSync = open.queued.Queued
	return true, nil
}

// joined returns the run that tells the outcome of run, which is asked for now;
// the zero Run where there is none. One that only proves the credentials does
// not, and a dry run only that of another.
func (db *DB) joined(ctx context.Context, c conn, l pki.Lease, open unended, run pki.Run) (pki.Run, error) {
	running := open.running
	if running.ID != "" && running.Trigger != pki.TriggerProbe && running.DryRun == run.DryRun {
		return running, nil
	}
	if run.DryRun {
		return open.queued, nil
	}
	return db.undried(ctx, c, l, open.queued)
}

// undried makes a queued dry run one that is not.
func (db *DB) undried(ctx context.Context, c conn, l pki.Lease, queued pki.Run) (pki.Run, error) {
	if !queued.DryRun {
		return queued, nil
	}
	queued.DryRun, queued.NextTry = false, odata.Never()
	if err := updateRun(ctx, c, l, queued); err != nil {
		return queued, err
	}
	return queued, db.record(ctx, c, db.childChange(pki.ResourceRuns, l, queued.ID, pki.ChangeUpdated))
}
