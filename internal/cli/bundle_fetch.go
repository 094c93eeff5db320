package cli

import (
	"context"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
	"cloudpki/internal/trust"
)

func (p *program) bundleVersionsCommand() *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use: "versions BUNDLE", Short: "List what a trust bundle held, and who still fetches it", Args: one("BUNDLE, its name or id,"),
		ValidArgsFunction: p.completeBundle,
	}
	flags.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		service, err := p.service()
		if err != nil {
			return err
		}
		b, err := findBundle(cmd.Context(), service, args[0])
		if err != nil {
			return err
		}
		return list(cmd.Context(), p, p.bundleVersions(b.ID), &flags)
	}
	return cmd
}

func (p *program) bundleVersions(id string) listing[graph.TrustBundleVersion] {
	return listing[graph.TrustBundleVersion]{
		segments: []string{bundleSet, id, versionSet},
		columns: []column{
			{title: "VERSION"},
			{title: "PUBLISHED", when: true},
			{title: "EXPIRES", when: true},
			{title: "ROOTS"},
			{title: "FETCHED"},
			{title: "LAST FETCHED", when: true},
			{title: "SHA-256", least: 12},
		},
		row: func(v graph.TrustBundleVersion) []string {
			return []string{
				strconv.FormatInt(v.Version, 10), when(&v.Published, p.now()), when(&v.Expires, p.now()), strconv.Itoa(len(v.Roots)),
				strconv.FormatInt(v.Fetches, 10), when(v.LastFetched, p.now()), v.Hash,
			}
		},
		none: "nothing was published yet",
	}
}

func (p *program) bundleFetchCommand() *cobra.Command {
	var x bundleFetch
	cmd := &cobra.Command{
		Use: "fetch BUNDLE", Short: "Write what devices fetch", Args: one("BUNDLE, its name or id,"), ValidArgsFunction: p.completeBundle,
		Long:    "Writes the file that devices fetch at /trust/TENANT/NAME.EXT, as the service publishes it. The formats:\n\n" + describeFormats(),
		Example: "  cloudpki bundle fetch devices --format pem --out roots.pem",
	}
	cmd.Flags().StringVar(&x.format, "format", "pem", "extension of the format: "+strings.Join(formatNames(), ", "))
	cmd.Flags().StringVar(&x.file, "out", "", "`file` to write (default: standard output)")
	cmd.Flags().Int64Var(&x.version, "version", 0, "this version (default: the last one)")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(formatNames(), cobra.ShellCompDirectiveNoFileComp)) // fails for flags alone that are not there
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return x.run(cmd.Context(), p, args[0]) }
	return cmd
}

// A bundleFetch is what the flags of bundle fetch say.
type bundleFetch struct {
	format, file string
	version      int64
}

func (x bundleFetch) run(ctx context.Context, p *program, named string) error {
	if _, ok := trust.Lookup(x.format); !ok {
		return misuse("cloudpki bundle fetch --help lists the formats", "--format is %q, which is none", x.format)
	}
	if x.version < 0 {
		return misuse("cloudpki bundle versions lists them", "--version is %d; the first one is 1", x.version)
	}
	tenant, err := p.tenant()
	if err != nil {
		return err
	}
	service, err := p.service()
	if err != nil {
		return err
	}
	b, err := findBundle(ctx, service, named)
	if err != nil {
		return err
	}
	if b.Version == 0 {
		return &failure{exit: exitFailed, msg: "nothing was published yet: " + orDash(b.Message), hint: "cloudpki trust list shows what the subscriptions trust"}
	}
	text, err := service.Published(ctx, tenant, b.Name, x.version, x.format)
	if err != nil {
		return withConflictHint(err, "choose another --format")
	}
	return p.toFile(x.file, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// tenant returns the tenant of the connection, which the addresses of what is
// published begin with.
func (p *program) tenant() (string, error) {
	c, err := p.loadConnection(asStored)
	switch {
	case err != nil:
		return "", err
	case c.login != nil:
		return c.login.Tenant, nil
	case c.tenant == "":
		return "", misuse("give --tenant or set CLOUDPKI_TENANT: it is part of the address", "with a ready token the tenant is not known")
	}
	return c.tenant, nil
}
