package pki

import (
	"testing"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// planner returns an attempt whose clock stands at now.
func planner(now time.Time, failures int, schedule *time.Duration) *attempt {
	return &attempt{
		Service: &Service{
			now:      func() time.Time { return now },
			schedule: Schedule{Interval: 6 * time.Hour, MinimumInterval: 15 * time.Minute},
		},
		sub: Subscription{Schedule: schedule, Failures: failures},
	}
}

// The next sync lies within bounds of now, whatever the year, and what failed
// together does not come back together.
func TestNextSync(t *testing.T) {
	t.Parallel()
	day, minute := 24*time.Hour, time.Minute
	fails := func(code provider.Code, after time.Duration) *provider.Error {
		return &provider.Error{Code: code, RetryAfter: after}
	}
	for name, c := range map[string]struct {
		failures    int
		schedule    *time.Duration
		hint        time.Duration
		fault       *provider.Error
		least, most time.Duration // but for a tenth of jitter
	}{
		"regular":                     {least: 6 * time.Hour, most: 6 * time.Hour},
		"by its own schedule":         {schedule: &day, least: day, most: day},
		"a schedule below the floor":  {schedule: &minute, least: 15 * minute, most: 15 * minute},
		"the CA's hint":               {hint: time.Hour, least: time.Hour, most: time.Hour},
		"a hint below the floor":      {hint: time.Nanosecond, least: 15 * minute, most: 15 * minute},
		"a hint beyond the interval":  {hint: 1 << 62, least: 6 * time.Hour, most: 6 * time.Hour},
		"a hint below zero":           {hint: -1 << 62, least: 6 * time.Hour, most: 6 * time.Hour},
		"the schedule before a hint":  {schedule: &day, hint: time.Hour, least: day, most: day},
		"the first failure":           {fault: fails(provider.CodeConnect, 0), least: 30 * time.Second, most: 30 * time.Second},
		"the fourth failure":          {failures: 3, fault: fails(provider.CodeConnect, 0), least: 4 * minute, most: 4 * minute},
		"very many failures":          {failures: 1 << 40, fault: fails(provider.CodeConnect, 0), least: 6 * time.Hour, most: 6 * time.Hour},
		"absurdly few failures":       {failures: -1 << 40, fault: fails(provider.CodeConnect, 0), least: 30 * time.Second, most: 30 * time.Second},
		"Retry-After":                 {fault: fails(provider.CodeRateLimited, 10*minute), least: 10 * minute, most: 13 * minute},
		"Retry-After beyond a sched.": {schedule: &minute, fault: fails(provider.CodeRateLimited, time.Hour), least: time.Hour, most: 76 * minute},
		"not early":                   {fault: fails(provider.CodeRootAmbiguous, 0), least: 6 * time.Hour, most: 6 * time.Hour},
	} {
		for _, year := range []int{1970, 2026, 2036, 9000} {
			now := time.Date(year, 2, 3, 4, 5, 6, 0, time.UTC)
			a := planner(now, c.failures, c.schedule)
			a.hint = c.hint
			var first odata.DateTimeOffset
			for i := range 20 {
				next := a.nextSync(&a.sub, c.fault, odata.FromTime(now))
				if i == 0 {
					first = next
				} else if i == 19 && first == next && c.fault == nil {
					t.Errorf("%s: always at %v", name, next.Time())
				}
				if wait := next.Time().Sub(now); wait < c.least*9/10 || wait > c.most*11/10 {
					t.Errorf("%s in %d: in %v, want %v to %v", name, year, wait, c.least, c.most)
				}
			}
		}
	}
}

// Accounts lock: after a refused login nothing is tried by itself.
func TestNoSyncAfterRefusedLogin(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	a := planner(now, 0, nil)
	if next := a.nextSync(&a.sub, &provider.Error{Code: provider.CodeCredentialInvalid, RetryAfter: time.Hour}, odata.FromTime(now)); !next.IsNever() {
		t.Errorf("tried again at %v", next.Time())
	}
}
