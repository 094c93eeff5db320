package cli

import (
	"context"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
)

// decide is the call that decides on a root.
type decide func(ctx context.Context, subscription, thumbprint, comment string) (graph.Subscription, error)

func (p *program) authorityApproveCommand() *cobra.Command {
	return p.authorityDecision("approve", "Trust a quarantined root", "Puts a quarantined root in force; the one before it is distributed beside it for a while.\n"+
		"Compare its SHA-256 with the CA's publication first. SHA256 may be left out where one root is quarantined.",
		func(c *graph.Client) decide { return c.ApproveTrustChange })
}

func (p *program) authorityRejectCommand() *cobra.Command {
	return p.authorityDecision("reject", "Reject a quarantined root, or remove a retiring one", "Rejects a quarantined root, or removes a retiring one at once.\n"+
		"While the CA offers nothing but what was rejected, its syncs fail. SHA256 may be left out where one root is quarantined.",
		func(c *graph.Client) decide { return c.RejectTrustChange })
}

// authorityDecision is a command that decides on a root and shows the
// subscription after that.
func (p *program) authorityDecision(verb, short, long string, call func(*graph.Client) decide) *cobra.Command {
	var comment string
	cmd := &cobra.Command{
		Use: verb + " SUBSCRIPTION [SHA256]", Short: short, Long: long,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 || len(args) == 2 {
				return nil
			}
			return misuse(cmd.UseLine(), "a SUBSCRIPTION is needed, and the SHA256 of a root may follow; %d arguments are given", len(args))
		},
		ValidArgsFunction: p.completeDecision,
	}
	cmd.Flags().StringVar(&comment, "comment", "", "why; kept in the audit trail")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		service, err := p.service()
		if err != nil {
			return err
		}
		thumbprint := ""
		if len(args) == 2 {
			thumbprint = args[1]
		}
		if _, err := call(service)(cmd.Context(), args[0], thumbprint, comment); err != nil {
			return err
		}
		return p.showSubscription(cmd.Context(), service, args[0])
	}
	return cmd
}
