package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
)

func (p *program) certificateCommand() *cobra.Command {
	c := parent("certificate", "Look through the inventory of a subscription", p.certificateListCommand())
	c.Aliases = []string{"cert", "certificates"}
	return c
}

func (p *program) certificateListCommand() *cobra.Command {
	var flags listFlags
	var status string
	cmd := &cobra.Command{
		Use: "list SUBSCRIPTION", Short: "List the certificates that a CA has issued", Args: one("SUBSCRIPTION"), Aliases: []string{"ls"},
		ValidArgsFunction: p.completeSubscription,
		Example:           "  cloudpki certificate list $ID --status revoked\n  cloudpki certificate list $ID --filter \"notAfter lt 2027-01-01T00:00:00Z\" --order notAfter --all -o json",
	}
	flags.add(cmd)
	flags.addSearch(cmd)
	cmd.Flags().StringVar(&status, "status", "", "only those in this state: valid, expired, revoked, suspended or unknown")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var conditions []string
		if status != "" {
			conditions = append(conditions, "status eq "+quoted(status))
		}
		return list(cmd.Context(), p, p.certificates(args[0]), &flags, conditions...)
	}
	return cmd
}

func (p *program) certificates(subscription string) listing[graph.Certificate] {
	return listing[graph.Certificate]{
		segments: []string{subscriptionSet, subscription, certificateSet},
		columns: []column{
			{title: "SERIAL", least: 12},
			{title: "NAME", least: 16},
			{title: "STATUS", state: true},
			{title: "NOT AFTER", when: true},
			{title: "REVOKED", when: true},
			{title: "PROFILE", least: 8},
			{title: "HOLDER", least: 8},
		},
		row: func(c graph.Certificate) []string {
			name := c.CommonName
			if name == nil {
				name = c.Subject
			}
			return []string{
				orDash(c.Serial), orDash(name), c.Status, when(c.NotAfter, p.now()),
				when(c.Revoked, p.now()), orDash(c.Profile), orDash(c.Holder),
			}
		},
		none: "no certificates",
	}
}

// quoted writes a string literal of OData (OData 4.01 ABNF, string).
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
