package cli

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
)

// The states of a run that the commands tell apart.
const (
	runQueued    = "notStarted"
	runSucceeded = "succeeded"
)

func (p *program) runCommand() *cobra.Command {
	c := parent("run", "See how the syncs of a subscription went", p.runListCommand())
	c.Aliases = []string{"runs"}
	return c
}

func (p *program) runListCommand() *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use: "list SUBSCRIPTION", Short: "List the syncs, newest first", Args: one("SUBSCRIPTION"), Aliases: []string{"ls"},
		ValidArgsFunction: p.completeSubscription,
	}
	flags.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return list(cmd.Context(), p, p.runs(args[0]), &flags)
	}
	return cmd
}

func (p *program) runs(subscription string) listing[graph.Run] {
	return listing[graph.Run]{
		segments: []string{subscriptionSet, subscription, runSet},
		columns: []column{
			{title: "RUN"},
			{title: "STATUS", state: true},
			{title: "TRIGGER"},
			{title: "QUEUED", when: true},
			{title: "TOOK"},
			{title: "CERTIFICATES", least: 16},
			{title: "ERROR", least: 16},
		},
		row: func(r graph.Run) []string {
			return []string{r.ID, r.Status, r.Trigger, when(&r.Queued, p.now()), showTook(r, p.now()), counts(r), runError(r)}
		},
		none: "no syncs yet",
	}
}

// describeRun tells what a person wants to know of a run.
func describeRun(r graph.Run, now time.Time) []field {
	fields := []field{
		{name: "run", value: r.ID},
		{name: "status", value: r.Status, state: true},
		{name: "trigger", value: r.Trigger},
		{name: "queued", value: when(&r.Queued, now)},
		{name: "took", value: showTook(r, now)},
		{name: "certificates", value: counts(r)},
	}
	if r.DryRun {
		fields = append(fields[:len(fields)-1], wouldDo(r)...)
	}
	if r.ErrorCode != nil {
		fields = append(fields, field{name: "error", value: runError(r)}, field{name: "help", value: orDash(r.HelpURL)})
	}
	if r.IsOver() {
		fields = append(fields, field{name: "next sync", value: when(r.NextTry, now)})
	}
	return fields
}

// stageOf is what a run is doing.
func stageOf(r graph.Run) string {
	if r.Status == runQueued || len(r.Stages) == 0 {
		return "waiting"
	}
	return r.Stages[len(r.Stages)-1].Name
}

// took is how long a run has lasted, at most until now.
func took(r graph.Run, now time.Time) time.Duration {
	switch {
	case r.Started == nil:
		return 0
	case r.Ended == nil:
		return max(0, now.Sub(*r.Started))
	}
	return r.Ended.Sub(*r.Started)
}

func showTook(r graph.Run, now time.Time) string {
	if r.Started == nil {
		return "-"
	}
	return took(r, now).Round(time.Millisecond).String()
}

// counts says what a run has met.
func counts(r graph.Run) string {
	found := "found " + strconv.Itoa(r.Found)
	if r.Total != nil {
		found += " of " + strconv.Itoa(*r.Total)
	}
	text := fmt.Sprintf("%s, new %d, changed %d", found, r.New, r.Changed)
	for _, more := range []struct {
		name  string
		count int
	}{{"revoked", r.Revoked}, {"missing", r.Missing}, {"skipped", r.Skipped}} {
		if more.count > 0 {
			text += fmt.Sprintf(", %s %d", more.name, more.count)
		}
	}
	return text
}

// runError is why a run failed.
func runError(r graph.Run) string {
	if r.ErrorCode == nil {
		return "-"
	}
	return *r.ErrorCode + ": " + orDash(r.Message)
}
