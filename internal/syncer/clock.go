package syncer

import (
	"context"
	"log/slog"
	"time"

	"cloudpki/internal/odata"
)

// A clock is when the syncer last looked at the time, on the wall and by a
// watch that nobody sets.
type clock struct{ wall, watch time.Time }

// jump looks again, and returns by how much the clock on the wall was set
// meanwhile; negative where it was set back.
func (c *clock) jump(now time.Time) time.Duration {
	before := *c
	*c = clock{now.Round(0), time.Now()} // Round drops the watch that time.Time carries
	if before.watch.IsZero() {
		return 0
	}
	return c.wall.Sub(before.wall) - c.watch.Sub(before.watch)
}

// watchClock mends the schedule where the clock was set back: what was planned
// while it was ahead would wait until then. Where it was set ahead, live leases
// look as if they had run out; it returns how long to wait for their owners to
// extend them.
func (s *Syncer) watchClock(ctx context.Context) (wait time.Duration, err error) {
	switch jump := s.clock.jump(s.Now()); {
	case jump < -s.Lease:
		s.Log.Warn("the clock was set back; what was planned ahead is due now", slog.Duration("by", -jump))
		return 0, s.recover(ctx)
	case jump > s.Lease/2:
		s.Log.Warn("the clock was set ahead", slog.Duration("by", jump))
		return s.Lease / 2, nil
	}
	return 0, nil
}

// recover makes due what dead processes and wrong clocks have left behind. A
// clock that is ahead of ours by less than a lease is believed.
func (s *Syncer) recover(ctx context.Context) error {
	now := s.Now()
	return s.Leases.Recover(ctx, s.Owner, odata.FromTime(now), odata.FromTime(now.Add(2*s.Lease)))
}
