package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
)

const estEndpointSet = "estEndpoints"

func (p *program) estCommand() *cobra.Command {
	return parent("est", "Have devices enrol by EST", p.estListCommand(), p.estCreateCommand(), p.estDeleteCommand())
}

func (p *program) estListCommand() *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List the addresses at which devices enrol", Args: cobra.NoArgs, Aliases: []string{"ls"},
		Example: "  cloudpki est list --filter \"enabled eq true\"",
	}
	flags.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return list(cmd.Context(), p, estEndpoints(), &flags) }
	return cmd
}

func estEndpoints() listing[graph.ESTEndpoint] {
	return listing[graph.ESTEndpoint]{
		segments: []string{estEndpointSet},
		fields:   []string{"id", "displayName", "subscriptionId", "profile", "enabled", "userName", "subjectPatterns", "allowReenrol"},
		columns: []column{
			{title: "ID"},
			{title: "NAME", least: 12},
			{title: "SUBSCRIPTION", least: 8},
			{title: "PROFILE", least: 8},
			{title: "USER", least: 8},
			{title: "ANSWERS"},
			{title: "NAMES ALLOWED", least: 12},
		},
		row: func(e graph.ESTEndpoint) []string {
			return []string{e.ID, orDash(e.DisplayName), e.Subscription, orDash(e.Profile), e.UserName, answersOf(e), allowedNames(e)}
		},
		none: "no EST endpoints; cloudpki est create makes one",
	}
}

// answersOf says what devices may do at an endpoint.
func answersOf(e graph.ESTEndpoint) string {
	switch {
	case !e.Enabled:
		return "nothing"
	case e.Reenrol:
		return "enrol, renew"
	}
	return "enrol"
}

// allowedNames says which names requests may carry.
func allowedNames(e graph.ESTEndpoint) string {
	if len(e.Patterns) == 0 {
		return "as the CA decides"
	}
	return strings.Join(e.Patterns, " ")
}

func (p *program) estDeleteCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "delete ID", Short: "Delete an address at which devices enrol", Args: one("ID"), Aliases: []string{"rm"},
		Long: "Deletes an EST endpoint: devices enrol and renew there no longer. What was issued stays valid.",
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask; needed where standard input is no terminal")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !yes && !p.terminal.in {
			return misuse("give --yes to delete without being asked", "there is no terminal to confirm the deletion on")
		}
		service, err := p.service()
		if err != nil {
			return err
		}
		if err := p.deleteESTEndpoint(cmd.Context(), service, args[0], yes); err != nil {
			return withESTHint(err)
		}
		p.note("deleted EST endpoint %s", args[0])
		return nil
	}
	return cmd
}

// deleteESTEndpoint removes an endpoint as it was shown to the one who agreed.
func (p *program) deleteESTEndpoint(ctx context.Context, service *graph.Client, id string, yes bool) error {
	etag := ""
	if !yes {
		e, err := service.ESTEndpoint(ctx, id)
		if err != nil {
			return err
		}
		if err := p.confirm(fmt.Sprintf("Delete EST endpoint %s (%s) of subscription %s?", e.ID, orDash(e.DisplayName), e.Subscription), "nothing was deleted"); err != nil {
			return err
		}
		etag = e.ETag
	}
	return service.DeleteESTEndpoint(ctx, id, etag)
}

// withESTHint says where the ids of endpoints are found.
func withESTHint(err error) error {
	var refused *graph.ResponseError
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.Status {
	case http.StatusNotFound:
		return &failure{exit: exitNotFound, err: err, hint: "cloudpki est list shows the ids"}
	case http.StatusPreconditionFailed:
		return &failure{exit: exitConflict, err: err, hint: "cloudpki est list shows what is there"}
	}
	return err
}
