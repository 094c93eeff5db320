package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
)

func (p *program) syncCommand() *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use: "sync ID", Short: "Ask a certification authority for its state now", Args: one("ID"),
		Long: "Starts a sync, or joins the one under way. With --watch it shows the progress and exits 0 only if the sync\n" +
			"succeeds; Ctrl-C stops watching and leaves the sync running.",
		ValidArgsFunction: p.completeSubscription,
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "follow the sync until it ends")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, id := cmd.Context(), args[0]
		service, err := p.service()
		if err != nil {
			return err
		}
		run, err := service.Sync(ctx, id)
		if err != nil {
			return err
		}
		var failed error
		if watch {
			if failed = p.follow(ctx, service, id, run); ctx.Err() != nil {
				return failed
			}
		}
		object, err := service.Object(ctx, nil, subscriptionSet, id, runSet, run)
		if err != nil {
			return errors.Join(failed, err)
		}
		return errors.Join(show(p, object, describeRun), failed)
	}
	cmd.AddCommand(p.cancelSyncCommand(), p.previewSyncCommand())
	return cmd
}

func (p *program) cancelSyncCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "cancel ID", Short: "Stop the sync that is queued or running", Args: one("ID"),
		Long:              "Ends a queued sync at once, and asks a running one to stop; what it has stored is kept. With none under way it does nothing.",
		ValidArgsFunction: p.completeSubscription,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		service, err := p.service()
		if err != nil {
			return err
		}
		run, err := service.CancelSync(cmd.Context(), args[0])
		if err != nil || run == "" {
			return err
		}
		object, err := service.Object(cmd.Context(), nil, subscriptionSet, args[0], runSet, run)
		if err != nil {
			return err
		}
		return show(p, object, describeRun)
	}
	return cmd
}

// follow shows the progress of a run until it ends. Its error tells why the
// run failed, or that watching was interrupted.
func (p *program) follow(ctx context.Context, service *graph.Client, subscription, id string) error {
	progress := p.progress()
	defer progress.close()
	tick := time.NewTicker(p.poll)
	defer tick.Stop()
	for {
		run, err := service.Run(ctx, subscription, id)
		switch {
		case ctx.Err() != nil:
			return stoppedWatching(subscription)
		case err != nil:
			return err
		}
		progress.show(run, p.now())
		if run.IsOver() {
			return failureOf(run, p.now())
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return stoppedWatching(subscription)
		}
	}
}

func stoppedWatching(subscription string) error {
	return &failure{
		exit: exitInterrupted, msg: "stopped watching; the sync goes on",
		hint: "cloudpki sync " + subscription + " --watch joins it again, cloudpki run list " + subscription + " tells how it ended",
	}
}

// failureOf says why a run did not succeed, nil where it did.
func failureOf(r graph.Run, now time.Time) error {
	if r.Status == runSucceeded {
		return nil
	}
	what := "sync " + r.Status
	if r.DryRun {
		what = "a sync would end as " + r.Status
	}
	f := &failure{exit: exitFailed, msg: what + ": " + runError(r)}
	if r.RequestID != nil {
		f.msg += " (the CA's request id: " + *r.RequestID + ")"
	}
	switch {
	case r.DryRun:
		f.hint = "nothing was changed"
	case r.Retry != nil && *r.Retry == "afterCredentialChange":
		f.hint = "the service does not try these credentials again; give new ones with cloudpki subscription update, or prove them with cloudpki subscription test"
	case r.NextTry != nil:
		f.hint = "the service tries again at " + when(r.NextTry, now)
	default:
		f.hint = "the service does not try again by itself; mend the cause, then run cloudpki sync"
	}
	if r.HelpURL != nil {
		f.hint += "\n" + *r.HelpURL + " tells what the code means and who must act"
	}
	return f
}
