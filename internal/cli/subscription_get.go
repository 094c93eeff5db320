package cli

import (
	"context"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
)

func (p *program) subscriptionGetCommand() *cobra.Command {
	return &cobra.Command{
		Use: "get ID", Short: "Show a subscription", Args: one("ID"), Aliases: []string{"show"},
		ValidArgsFunction: p.completeSubscription,
		RunE: func(cmd *cobra.Command, args []string) error {
			service, err := p.service()
			if err != nil {
				return err
			}
			return p.showSubscription(cmd.Context(), service, args[0])
		},
	}
}

// showSubscription reads a subscription and writes it.
func (p *program) showSubscription(ctx context.Context, service *graph.Client, id string) error {
	var fields []string
	if p.output == outputTable {
		fields = subscriptionFields()
	}
	object, err := service.Object(ctx, fields, subscriptionSet, id)
	if err != nil {
		return err
	}
	return show(p, object, describeSubscription)
}
