package cli

import (
	"fmt"
	"time"
)

const (
	day        = 24 * time.Hour
	dateLayout = "2006-01-02 15:04"
)

// when shows a time in the zone of now, and how far it is from now:
// "2026-11-23 12:00 (in 5h)". Null is a dash, the year 1 "never".
func when(t *time.Time, now time.Time) string {
	switch {
	case t == nil:
		return "-"
	case t.IsZero():
		return "never"
	}
	return fmt.Sprintf("%s (%s)", t.In(now.Location()).Format(dateLayout), distance(t.Sub(now)))
}

// distance says how far off a time is.
func distance(d time.Duration) string {
	switch {
	case d.Abs() < time.Second:
		return "now"
	case d < 0:
		return length(-d) + " ago"
	}
	return "in " + length(d)
}

// length shows a duration in its largest unit, rounded down.
func length(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 2*day:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d < 730*day:
		return fmt.Sprintf("%dd", d/day)
	default:
		return fmt.Sprintf("%dy", d/(365*day))
	}
}
