package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
)

// The segments of the addresses of trust bundles.
const (
	bundleSet  = "trustBundles"
	versionSet = "versions"
	fetchSet   = "fetches"
)

func (p *program) bundleCommand() *cobra.Command {
	return parent("bundle", "Publish trusted roots under a name, in versions, and fetch them",
		p.bundleListCommand(), p.bundleShowCommand(), p.bundleCreateCommand(), p.bundleUpdateCommand(), p.bundleDeleteCommand(),
		p.bundleVersionsCommand(), p.bundleFetchesCommand(), p.bundleFetchCommand())
}

func (p *program) bundleListCommand() *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List the trust bundles", Args: cobra.NoArgs, Aliases: []string{"ls"},
		Example: "  cloudpki bundle list --filter \"publishStatus ne 'published'\"",
	}
	flags.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return list(cmd.Context(), p, p.bundles(), &flags) }
	return cmd
}

func (p *program) bundles() listing[graph.TrustBundle] {
	return listing[graph.TrustBundle]{
		segments: []string{bundleSet},
		columns: []column{
			{title: "NAME"},
			{title: "STATUS", state: true},
			{title: "ACCESS"},
			{title: "VERSION"},
			{title: "ROOTS"},
			{title: "PUBLISHED", when: true},
			{title: "EXPIRES", when: true},
			{title: "ID"},
		},
		row: func(b graph.TrustBundle) []string {
			return []string{
				b.Name, b.Status, b.Access, strconv.FormatInt(b.Version, 10), strconv.Itoa(b.Roots),
				when(b.Published, p.now()), when(b.Expires, p.now()), b.ID,
			}
		},
		none: "no trust bundles; cloudpki bundle create makes one",
	}
}

func (p *program) bundleShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show BUNDLE", Short: "Show a trust bundle", Args: one("BUNDLE, its name or id,"), Aliases: []string{"get"},
		ValidArgsFunction: p.completeBundle,
		RunE: func(cmd *cobra.Command, args []string) error {
			service, err := p.service()
			if err != nil {
				return err
			}
			b, err := findBundle(cmd.Context(), service, args[0])
			if err != nil {
				return err
			}
			return p.showBundle(cmd.Context(), service, b.ID)
		},
	}
}

// showBundle reads a bundle and writes it.
func (p *program) showBundle(ctx context.Context, service *graph.Client, id string) error {
	object, err := service.Object(ctx, nil, bundleSet, id)
	if err != nil {
		return err
	}
	return show(p, object, describeBundle)
}

// describeBundle tells what a person wants to know of a bundle.
func describeBundle(b graph.TrustBundle, now time.Time) []field {
	sources := "all of the tenant"
	if len(b.Subscriptions) > 0 {
		sources = strings.Join(b.Subscriptions, " ")
	}
	return []field{
		{name: "id", value: b.ID},
		{name: "name", value: b.Name},
		{name: "display name", value: orDash(b.DisplayName)},
		{name: "description", value: orDash(b.Description)},
		{name: "subscriptions", value: sources},
		{name: "intermediates", value: strconv.FormatBool(b.Intermediates)},
		{name: "access", value: b.Access},
		{name: "status", value: b.Status, state: true},
		{name: "message", value: orDash(b.Message)},
		{name: "version", value: strconv.FormatInt(b.Version, 10)},
		{name: "published", value: when(b.Published, now)},
		{name: "roots", value: strconv.Itoa(b.Roots)},
		{name: "expires", value: when(b.Expires, now)},
		{name: "SHA-256", value: orDash(b.Hash)},
		{name: "fetchers", value: fmt.Sprintf("%d have this version, %d only an older one", b.Current, b.Outdated)},
		{name: "created", value: when(&b.Created, now)},
		{name: "modified", value: when(&b.LastModified, now)},
	}
}

// findBundle returns the bundle with the name or id.
func findBundle(ctx context.Context, service *graph.Client, named string) (graph.TrustBundle, error) {
	options := graph.ListOptions{Filter: "name eq " + quoted(named) + " or id eq " + quoted(named), Top: 1}
	for b, err := range service.TrustBundles(ctx, options) {
		return b, err
	}
	return graph.TrustBundle{}, &failure{exit: exitNotFound, msg: "there is no trust bundle " + named, hint: "cloudpki bundle list shows the names"}
}
