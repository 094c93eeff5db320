package cli

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
)

func (p *program) certificateCommand() *cobra.Command {
	c := parent("certificate", "Look through the inventory of a subscription; issue and revoke",
		p.certificateListCommand(), p.certificateShowCommand(), p.certificateExportCommand(),
		p.certificateIssueCommand(), p.certificateRevokeCommand())
	c.Aliases = []string{"cert", "certificates"}
	return c
}

// certificateFlags are the conditions on certificates that have a flag.
type certificateFlags struct {
	status string
	within time.Duration
}

func (f *certificateFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.status, "status", "", "only those in this state: valid, expired, revoked, suspended or unknown")
	cmd.Flags().DurationVar(&f.within, "expiring-within", 0, "only those that end within this time from now: 720h")
}

// conditions returns them as parts of a filter.
func (f *certificateFlags) conditions(now time.Time) ([]string, error) {
	var conditions []string
	if f.status != "" {
		conditions = append(conditions, "status eq "+quoted(f.status))
	}
	switch {
	case f.within < 0:
		return nil, misuse("give a time that lies ahead: 720h", "--expiring-within is %v", f.within)
	case f.within > 0:
		now = now.UTC().Truncate(time.Second)
		conditions = append(conditions, "notAfter ge "+now.Format(time.RFC3339)+" and notAfter lt "+now.Add(f.within).Format(time.RFC3339))
	}
	return conditions, nil
}

func (p *program) certificateListCommand() *cobra.Command {
	var flags listFlags
	var only certificateFlags
	cmd := &cobra.Command{
		Use: "list SUBSCRIPTION", Short: "List the certificates that a CA has issued", Args: one("SUBSCRIPTION"), Aliases: []string{"ls"},
		ValidArgsFunction: p.completeSubscription, Annotations: map[string]string{givesCSV: ""},
		Example: "  cloudpki certificate list $ID --status valid --expiring-within 720h --order notAfter\n" +
			"  cloudpki certificate list $ID --filter \"notAfter lt 2027-01-01T00:00:00Z\" --order notAfter --all -o json",
	}
	flags.add(cmd)
	flags.addSearch(cmd)
	only.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		conditions, err := only.conditions(p.now())
		if err != nil {
			return err
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
		none:   "no certificates",
		titles: certificateTitles(), record: certificateRecord,
	}
}

// quoted writes a string literal of OData (OData 4.01 ABNF, string).
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
