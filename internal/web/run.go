package web

import (
	"strings"
	"time"

	"cloudpki/internal/pki"
)

// maxShownFault bounds why a run failed, in bytes, in a list of runs.
const maxShownFault = 300

// A runRow is a run as a page lists it.
type runRow struct {
	Run     pki.Run
	Status  health
	Trigger string
	Took    string // "" until it begins
	Stages  string
	Fault   runFault
}

func newRunRow(run *pki.Run, now time.Time) runRow {
	row := runRow{Run: *run, Status: runHealth(run), Trigger: triggerWords(run)}
	if !run.Started.IsNever() {
		until := now
		if !run.Ended.IsNever() {
			until = run.Ended.Time()
		}
		row.Took = took(until.Sub(run.Started.Time()))
	}
	stages := make([]string, len(run.Stages))
	for i, s := range run.Stages {
		stages[i] = s.Name
		if !s.Ended.IsNever() {
			stages[i] += " " + took(s.Ended.Time().Sub(s.Started.Time()))
		}
	}
	row.Stages = strings.Join(stages, ", ")
	if run.Status == pki.RunFailed {
		row.Fault = newRunFault(run.Message, run.Error)
		row.Fault.Text = clip(row.Fault.Text, maxShownFault)
	}
	return row
}

func runHealth(run *pki.Run) health {
	switch run.Status {
	case pki.RunQueued:
		return health{"Waiting", "idle"}
	case pki.RunRunning:
		return health{"Running", "idle"}
	case pki.RunSucceeded:
		return health{"Succeeded", "good"}
	case pki.RunCancelled:
		return health{"Cancelled", "warn"}
	case pki.RunFailed:
	}
	return health{"Failed", "bad"}
}

func triggerWords(run *pki.Run) string {
	if run.DryRun {
		return "preview"
	}
	switch run.Trigger {
	case pki.TriggerManual:
		return "asked for"
	case pki.TriggerCreated:
		return "new subscription"
	case pki.TriggerChanged:
		return "change"
	case pki.TriggerProbe:
		return "proof of credentials"
	case pki.TriggerSchedule:
	}
	return "schedule"
}

// took prints a duration as a person reads it: 3 digits are enough.
func took(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
