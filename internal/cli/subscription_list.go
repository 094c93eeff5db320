package cli

import (
	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
)

func (p *program) subscriptionListCommand() *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List the subscriptions", Args: cobra.NoArgs, Aliases: []string{"ls"},
		Example: "  cloudpki subscription list\n  cloudpki subscription list --filter \"syncStatus eq 'failed'\" -o json",
	}
	flags.add(cmd)
	flags.addSearch(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return list(cmd.Context(), p, p.subscriptions(), &flags) }
	return cmd
}

func (p *program) subscriptions() listing[graph.Subscription] {
	return listing[graph.Subscription]{
		segments: []string{subscriptionSet},
		fields: []string{
			"id", "displayName", "cloudPkiProvider", "syncStatus", "lastSyncDateTime", "nextSyncDateTime", "paused", "lastSyncError",
		},
		columns: []column{
			{title: "ID"},
			{title: "NAME", least: 12},
			{title: "PROVIDER"},
			{title: "STATUS", state: true},
			{title: "LAST SYNC", when: true},
			{title: "NEXT SYNC", when: true},
			{title: "ERROR", least: 12},
		},
		row: func(s graph.Subscription) []string {
			now := p.now()
			return []string{s.ID, orDash(s.DisplayName), s.Provider, s.SyncStatus, when(&s.LastSync, now), nextSync(s, now), orDash(s.LastError)}
		},
		none: "no subscriptions; cloudpki subscription create makes one",
	}
}
