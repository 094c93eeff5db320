package cli

import (
	"context"
	"iter"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
)

func (p *program) subscriptionCreateCommand() *cobra.Command {
	var draft draftFlags
	var id string
	var wait bool
	cmd := &cobra.Command{
		Use: "create", Short: "Register a certification authority", Args: cobra.NoArgs,
		Long: "Registers a certification authority; the service starts its first sync at once. Passwords are asked for on the\n" +
			"terminal or read from files, and never taken from the arguments, where every process could see them.",
		Example: "  cloudpki subscription create --provider symantec --name \"MPKI 8\" --pfx ra.p12 --wait\n" +
			"  vault read -field=pw ra | cloudpki subscription create --provider symantec --name MPKI --pfx ra.p12 --pfx-password-file -",
	}
	draft.add(cmd)
	cmd.Flags().StringVar(&id, "id", "", "id of the new subscription (default: one that the service makes)")
	cmd.Flags().BoolVar(&wait, "wait", false, "follow the first sync; exit 0 only if it succeeds")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx := cmd.Context()
		body, err := draft.body(ctx, p)
		if err != nil {
			return err
		}
		service, err := p.service()
		if err != nil {
			return err
		}
		created, err := service.CreateSubscription(ctx, id, body)
		if err != nil {
			return err
		}
		if !wait {
			return p.showSubscription(ctx, service, created.ID)
		}
		p.note("created subscription %s", created.ID)
		return p.awaitFirstSync(ctx, service, created.ID)
	}
	return cmd
}

// awaitFirstSync follows the sync that a create has started, then shows what
// came of it.
func (p *program) awaitFirstSync(ctx context.Context, service *graph.Client, id string) error {
	next, stop := iter.Pull2(service.Runs(ctx, id, graph.ListOptions{Top: 1})) // the newest comes first
	run, err, found := next()
	stop()
	switch {
	case !found:
		p.note("no sync was started: the subscription is paused, or its provider is unKnown")
	case err != nil:
		return err
	default:
		if err := p.follow(ctx, service, id, run.ID); err != nil {
			return err
		}
	}
	return p.showSubscription(ctx, service, id)
}
