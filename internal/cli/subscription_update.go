package cli

import (
	"github.com/spf13/cobra"
)

func (p *program) subscriptionUpdateCommand() *cobra.Command {
	var draft draftFlags
	cmd := &cobra.Command{
		Use: "update ID", Short: "Change a subscription", Args: one("ID"),
		Long: "Changes what the flags name and leaves the rest as it is. --setting replaces all settings of the provider.\n" +
			"New credentials start a sync.",
		Example:           "  cloudpki subscription update $ID --pfx renewed.p12\n  cloudpki subscription update $ID --schedule 2h --clear description",
		ValidArgsFunction: p.completeSubscription,
	}
	draft.add(cmd)
	draft.addClear(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		body, err := draft.body(cmd.Context(), p)
		if err != nil {
			return err
		}
		service, err := p.service()
		if err != nil {
			return err
		}
		if _, err := service.UpdateSubscription(cmd.Context(), args[0], "", body); err != nil {
			return err
		}
		return p.showSubscription(cmd.Context(), service, args[0])
	}
	return cmd
}
