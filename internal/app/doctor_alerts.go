package app

import (
	"cmp"
	"slices"
	"time"

	"cloudpki/internal/store"
)

// dropsTold is how long the doctor tells of alerts that were given up.
const dropsTold = 7 * 24 * time.Hour

// alerts judges the ways out for alerts: those that are configured, and those
// that something waits for.
func (d *doctor) alerts(sinks []store.AlertSink) []Finding {
	configured := alertPolicy(d.cfg.Alerts).Sinks
	var findings []Finding
	for _, s := range sinks {
		check := "alerts by " + s.Name
		switch {
		case slices.Contains(configured, s.Name):
			findings = append(findings, d.alertSink(check, s))
		case s.Waiting > 0:
			findings = append(findings, found(check, Warned, "configure the sink again, or leave it: they are given up when they are 7 days old; the audit trail has them all",
				"%d wait for it since %s, and it is not in the configuration", s.Waiting, s.Oldest.Time().UTC().Format(time.RFC3339)))
		case d.droppedLately(s):
			findings = append(findings, found(check, Warned, "read in the audit trail what nobody was told",
				"it is not in the configuration; %d were given up so far, the last at %s", s.Dropped, s.DroppedAt.Time().UTC().Format(time.RFC3339)))
		}
	}
	return findings
}

func (d *doctor) alertSink(check string, s store.AlertSink) Finding {
	const action = "mend what the error names, at the receiver or in the settings below alerts; the audit trail has what was given up"
	failing := !s.Failed.IsNever() && (s.Delivered.IsNever() || s.Delivered.Ticks < s.Failed.Ticks)
	switch {
	case failing:
		return found(check, Warned, action, "the last delivery failed at %s: %s; %d wait, %d were given up so far",
			s.Failed.Time().UTC().Format(time.RFC3339), cmp.Or(s.Error, "no reason is known"), s.Waiting, s.Dropped)
	case d.droppedLately(s):
		return found(check, Warned, "read in the audit trail what nobody was told; the last error was: "+cmp.Or(s.Error, "none"),
			"%d were given up so far, the last at %s", s.Dropped, s.DroppedAt.Time().UTC().Format(time.RFC3339))
	case s.Delivered.IsNever():
		return found(check, Healthy, "", "%d wait, none was tried yet", s.Waiting)
	}
	return found(check, Healthy, "", "delivered the last one at %s", s.Delivered.Time().UTC().Format(time.RFC3339))
}

func (d *doctor) droppedLately(s store.AlertSink) bool {
	return !s.DroppedAt.IsNever() && d.now().Sub(s.DroppedAt.Time()) < dropsTold
}
