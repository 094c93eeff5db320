package cli

import (
	"context"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
)

func (p *program) trustApproveCommand() *cobra.Command {
	return p.trustDecision(trustVerb{
		name: "approve", short: "Trust a quarantined root, after a look at what it changes",
		question: "Is this SHA-256 the one that the CA publishes, and shall devices trust it?", declined: "nothing was approved",
		call: func(c *graph.Client) decide { return c.ApproveTrustChange },
	})
}

func (p *program) trustRejectCommand() *cobra.Command {
	return p.trustDecision(trustVerb{
		name: "reject", short: "Reject a quarantined root, or remove a retiring one",
		question: "Shall devices not trust this root?", declined: "nothing was rejected",
		call: func(c *graph.Client) decide { return c.RejectTrustChange },
	})
}

// decide is the call that decides on a root.
type decide func(ctx context.Context, subscription, thumbprint, comment string) (graph.Subscription, error)

// A trustVerb is a decision on a root and how it is talked about.
type trustVerb struct {
	name, short, question, declined string
	call                            func(*graph.Client) decide
}

// trustDecision is a command that shows a root beside the trusted one, asks,
// and decides on it.
func (p *program) trustDecision(verb trustVerb) *cobra.Command {
	var comment string
	var yes bool
	cmd := &cobra.Command{
		Use: verb.name + " SUBSCRIPTION [SHA256]", Short: verb.short,
		Long: "Shows what the root changes, asks, and decides. SHA256 may be left out where one root is quarantined.\n" +
			"Give --yes to decide without being asked; it is needed where standard input is no terminal.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 || len(args) == 2 {
				return nil
			}
			return misuse(cmd.UseLine(), "a SUBSCRIPTION is needed, and the SHA256 of a root may follow; %d arguments are given", len(args))
		},
		ValidArgsFunction: p.completeDecision,
	}
	cmd.Flags().StringVar(&comment, "comment", "", "why; kept in the audit trail")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask; needed where standard input is no terminal")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !yes && !p.terminal.in {
			return misuse("give --yes to decide without being asked", "there is no terminal to confirm the decision on")
		}
		service, err := p.service()
		if err != nil {
			return err
		}
		thumbprint := ""
		if len(args) == 2 {
			thumbprint = thumbprintOf(args[1])
		}
		if !yes {
			if thumbprint, err = p.confirmDecision(cmd.Context(), service, args[0], thumbprint, verb); err != nil {
				return err
			}
		}
		if _, err := verb.call(service)(cmd.Context(), args[0], thumbprint, comment); err != nil {
			return err
		}
		return p.showSubscription(cmd.Context(), service, args[0])
	}
	return cmd
}

// confirmDecision shows the root and asks. It returns the thumbprint of what
// was shown, so that nothing else is decided on.
func (p *program) confirmDecision(ctx context.Context, service *graph.Client, subscription, thumbprint string, verb trustVerb) (string, error) {
	set, err := readTrust(ctx, service, subscription)
	if err != nil {
		return "", err
	}
	root, err := set.toDecide(thumbprint)
	if err != nil {
		return "", err
	}
	if err := p.writeDiff(p.err, p.terminal.err, set.trusted, root); err != nil {
		return "", err
	}
	return root.ID, p.confirm(verb.question, verb.declined)
}

// toDecide returns the root with the thumbprint, or for "" the only one that is
// quarantined.
func (s trustSet) toDecide(thumbprint string) (graph.Authority, error) {
	list := "cloudpki trust list " + s.subscription.ID
	if thumbprint != "" {
		for _, a := range s.authorities {
			if a.ID == thumbprint {
				return a, nil
			}
		}
		return graph.Authority{}, &failure{exit: exitNotFound, msg: "the CA has shown no root with the SHA-256 " + thumbprint, hint: list + " shows them"}
	}
	waiting := s.in("quarantined")
	if len(waiting) == 1 {
		return waiting[0], nil
	}
	if len(waiting) == 0 {
		return graph.Authority{}, &failure{exit: exitConflict, msg: "no root is quarantined", hint: list + " shows what there is; name a root by its SHA256"}
	}
	return graph.Authority{}, misuse(list+" --state quarantined shows them", "%d roots are quarantined: name one by its SHA256", len(waiting))
}
