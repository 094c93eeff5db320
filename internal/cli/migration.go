package cli

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
)

func (p *program) migrationCommand() *cobra.Command {
	return parent("migration", "Move a subscription to another provider", p.migrationShowCommand(), p.migrationCompleteCommand())
}

func (p *program) migrationShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show SUBSCRIPTION", Short: "Tell how far the move is", Args: one("SUBSCRIPTION"), Aliases: []string{"report"},
		Long: "Tells how far a subscription is that was moved to another provider. The move begins with\n" +
			"cloudpki subscription update SUBSCRIPTION --provider, and ends with cloudpki migration complete.",
		ValidArgsFunction: p.completeSubscription,
		RunE: func(cmd *cobra.Command, args []string) error {
			service, err := p.service()
			if err != nil {
				return err
			}
			object, err := service.Object(cmd.Context(), nil, subscriptionSet, args[0], "migrationReport")
			if err != nil {
				return err
			}
			return show(p, object, describeMigration)
		},
	}
}

func (p *program) migrationCompleteCommand() *cobra.Command {
	return &cobra.Command{
		Use: "complete SUBSCRIPTION", Short: "End the move: what the new provider lacks is missing from now on", Args: one("SUBSCRIPTION"),
		ValidArgsFunction: p.completeSubscription,
		RunE: func(cmd *cobra.Command, args []string) error {
			service, err := p.service()
			if err != nil {
				return err
			}
			if _, err := service.CompleteMigration(cmd.Context(), args[0]); err != nil {
				return withConflictHint(err, "cloudpki migration show tells of the last move")
			}
			return p.showSubscription(cmd.Context(), service, args[0])
		},
	}
}

// describeMigration tells what a person wants to know of a move.
func describeMigration(r graph.MigrationReport, now time.Time) []field {
	fields := []field{
		{name: "from", value: orDash(r.From)},
		{name: "to", value: orDash(r.To)},
		{name: "started", value: when(r.Started, now)},
		{name: "completed", value: when(r.Completed, now)},
		{name: "in both", value: strconv.Itoa(r.Both)},
		{name: "only before", value: strconv.Itoa(r.Before)},
		{name: "only after", value: strconv.Itoa(r.After)},
	}
	for _, root := range r.Roots {
		fields = append(fields, field{name: "root", value: root.State + ", " + root.Subject + ", SHA-256 " + root.Thumbprint})
	}
	return fields
}
