package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
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
