package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
)

func (p *program) authorityCommand() *cobra.Command {
	c := parent("authority", "See the roots and issuers of a subscription, and decide on them",
		p.authorityListCommand(), p.authorityApproveCommand(), p.authorityRejectCommand())
	c.Aliases = []string{"ca", "authorities"}
	return c
}

func (p *program) authorityListCommand() *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use: "list SUBSCRIPTION", Short: "List the roots and issuers that a CA has", Args: one("SUBSCRIPTION"), Aliases: []string{"ls"},
		ValidArgsFunction: p.completeSubscription,
	}
	flags.add(cmd)
	flags.addSearch(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return list(cmd.Context(), p, p.authorities(args[0]), &flags)
	}
	return cmd
}

func (p *program) authorities(subscription string) listing[graph.Authority] {
	return listing[graph.Authority]{
		segments: []string{subscriptionSet, subscription, authoritySet},
		columns: []column{
			{title: "KIND"},
			{title: "STATE", state: true},
			{title: "SUBJECT", least: 16},
			{title: "NOT AFTER", when: true},
			{title: "LAST SEEN", when: true},
			{title: "PROFILES", least: 8},
			{title: "REASON", least: 8},
			{title: "SHA-256", least: 12},
		},
		row: func(a graph.Authority) []string {
			profiles := strings.Join(a.Profiles, " ")
			return []string{a.Kind, a.State, a.Subject, when(&a.NotAfter, p.now()), when(&a.LastSeen, p.now()), orDash(&profiles), orDash(a.StateReason), a.ID}
		},
		none: "no authorities; a sync finds them",
	}
}
