package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
	"cloudpki/internal/provider/all"
)

// Bounds of a completion: what a person at the prompt waits for and looks at.
const (
	completionTime  = time.Second
	completionCount = 100
)

// completeSubscription offers the ids that begin with what is typed, with the
// names beside them. Whatever goes wrong, it offers what it has.
func (p *program) completeSubscription(cmd *cobra.Command, args []string, typed string) (offers []string, _ cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp
	if len(args) > 0 {
		return nil, directive
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	service, err := p.service()
	if err != nil {
		return nil, directive
	}
	options := graph.ListOptions{Select: []string{"id", "displayName"}, Top: completionCount}
	if typed != "" {
		options.Filter = "startswith(id," + quoted(typed) + ")"
	}
	for s, err := range service.Subscriptions(ctx, options) {
		if err != nil || len(offers) == completionCount {
			break
		}
		offers = append(offers, cobra.CompletionWithDesc(printable(s.ID), printable(orDash(s.DisplayName))))
	}
	return offers, directive
}

// completeProvider offers the kinds of CA for the first argument or a flag.
func completeProvider(_ *cobra.Command, args []string, _ string) (offers []string, _ cobra.ShellCompDirective) {
	if len(args) == 0 {
		for _, k := range all.Kinds() {
			offers = append(offers, cobra.CompletionWithDesc(k.Name, k.Title))
		}
	}
	return offers, cobra.ShellCompDirectiveNoFileComp
}

// completeSimulated offers the kinds that the simulated CA speaks.
func completeSimulated(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return simulatedKinds(), cobra.ShellCompDirectiveNoFileComp
}

// completeProviderFlag does so for --provider.
func completeProviderFlag(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	return completeProvider(cmd, nil, typed)
}

// completeBundle offers the names of trust bundles, with those for people beside
// them.
func (p *program) completeBundle(cmd *cobra.Command, args []string, typed string) (offers []string, _ cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp
	if len(args) > 0 {
		return nil, directive
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	service, err := p.service()
	if err != nil {
		return nil, directive
	}
	options := graph.ListOptions{Select: []string{"name", "displayName"}, OrderBy: "name", Top: completionCount}
	if typed != "" {
		options.Filter = "startswith(name," + quoted(typed) + ")"
	}
	for b, err := range service.TrustBundles(ctx, options) {
		if err != nil || len(offers) == completionCount {
			break
		}
		offers = append(offers, cobra.CompletionWithDesc(printable(b.Name), printable(orDash(b.DisplayName))))
	}
	return offers, directive
}

// completeDecision offers subscriptions, and behind one its roots that wait for
// a decision, with their names.
func (p *program) completeDecision(cmd *cobra.Command, args []string, typed string) (offers []string, _ cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp
	if len(args) != 1 {
		return p.completeSubscription(cmd, args, typed)
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	service, err := p.service()
	if err != nil {
		return nil, directive
	}
	options := graph.ListOptions{Filter: "state eq 'quarantined' or state eq 'retiring'", Top: completionCount}
	for a, err := range service.Authorities(ctx, args[0], options) {
		if err != nil || len(offers) == completionCount {
			break
		}
		offers = append(offers, cobra.CompletionWithDesc(printable(a.ID), printable(a.State+": "+a.Subject)))
	}
	return offers, directive
}
