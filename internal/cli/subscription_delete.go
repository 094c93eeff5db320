package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
)

func (p *program) subscriptionDeleteCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "delete ID", Short: "Delete a subscription", Args: one("ID"), Aliases: []string{"rm"},
		Long:              "Deletes a subscription with its credentials, its inventory and its history, for good.",
		ValidArgsFunction: p.completeSubscription,
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask; needed where standard input is no terminal")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !yes && !p.terminal.in {
			return misuse("give --yes to delete without being asked", "there is no terminal to confirm the deletion on")
		}
		service, err := p.service()
		if err != nil {
			return err
		}
		if !yes {
			if err := p.confirmDelete(cmd.Context(), service, args[0]); err != nil {
				return err
			}
		}
		if err := service.DeleteSubscription(cmd.Context(), args[0], ""); err != nil {
			return err
		}
		p.note("deleted subscription %s", args[0])
		return nil
	}
	return cmd
}

// confirmDelete shows what is about to go and asks.
func (p *program) confirmDelete(ctx context.Context, service *graph.Client, id string) error {
	s, err := service.Subscription(ctx, id, "id", "displayName", "cloudPkiProvider")
	if err != nil {
		return err
	}
	return p.confirm(fmt.Sprintf("Delete subscription %s (%s, %s) with its credentials, inventory and history?", s.ID, orDash(s.DisplayName), s.Provider), "nothing was deleted")
}
