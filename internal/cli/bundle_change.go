package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cloudpki/internal/graph"
)

// bundleFlags are what bundle create and update send: a member for each flag
// that is given, and nothing else.
type bundleFlags struct {
	flags *pflag.FlagSet

	displayName, description, access string
	subscriptions, clear             []string
	intermediates                    bool
}

func (f *bundleFlags) add(cmd *cobra.Command) {
	f.flags = cmd.Flags()
	f.flags.SortFlags = false
	f.flags.StringVar(&f.displayName, "display-name", "", "name for people")
	f.flags.StringVar(&f.description, "description", "", "what it is for")
	f.flags.StringArrayVar(&f.subscriptions, "subscription", nil, "`ID` of a subscription whose roots it gathers; repeat for more (default: all of the tenant)")
	f.flags.BoolVar(&f.intermediates, "intermediates", false, "hold the CA certificates that chain to the roots as well, for formats that keep them apart")
	f.flags.StringVar(&f.access, "access", "", "who may fetch it: token (who may read the tenant, the default) or public (everybody)")
	_ = cmd.RegisterFlagCompletionFunc("access", cobra.FixedCompletions([]string{"token", "public"}, cobra.ShellCompDirectiveNoFileComp)) // fails for flags alone that are not there
}

// addClear adds the flag that only a change has.
func (f *bundleFlags) addClear() {
	f.flags.StringSliceVar(&f.clear, "clear", nil, "`member` to empty: displayName, description, or subscriptionIds to gather from all of the tenant")
}

// members returns what to send.
func (f *bundleFlags) members() (map[string]any, error) {
	members := map[string]any{}
	for flag, member := range map[string]struct {
		name  string
		value any
	}{
		"display-name": {"displayName", f.displayName}, "description": {"description", f.description}, "subscription": {"subscriptionIds", f.subscriptions},
		"intermediates": {"includeIntermediates", f.intermediates}, "access": {"access", f.access},
	} {
		if f.flags.Changed(flag) {
			members[member.name] = member.value
		}
	}
	for _, member := range f.clear {
		if _, given := members[member]; given {
			return nil, misuse("", "--clear %s contradicts the flag that sets it", member)
		}
		members[member] = nil
		if member == "subscriptionIds" {
			members[member] = []string{}
		}
	}
	return members, nil
}

func (p *program) bundleCreateCommand() *cobra.Command {
	var flags bundleFlags
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make a trust bundle and publish it", Args: one("NAME"),
		Long:    "Makes a trust bundle and publishes it at /trust/TENANT/NAME. The name stays as it is: devices fetch by it.",
		Example: "  cloudpki bundle create devices --access public",
	}
	flags.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		members, err := flags.members()
		if err != nil {
			return err
		}
		members["name"] = args[0]
		service, err := p.service()
		if err != nil {
			return err
		}
		b, err := service.CreateTrustBundle(cmd.Context(), members)
		if err != nil {
			return err
		}
		return p.showBundle(cmd.Context(), service, b.ID)
	}
	return cmd
}

func (p *program) bundleUpdateCommand() *cobra.Command {
	var flags bundleFlags
	cmd := &cobra.Command{
		Use: "update BUNDLE", Short: "Change a trust bundle", Args: one("BUNDLE, its name or id,"),
		Long:              "Changes what the flags name and leaves the rest as it is. --subscription replaces the whole list.",
		ValidArgsFunction: p.completeBundle,
	}
	flags.add(cmd)
	flags.addClear()
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		members, err := flags.members()
		if err != nil {
			return err
		}
		if len(members) == 0 {
			return misuse("--help tells the flags", "nothing is given to send")
		}
		service, err := p.service()
		if err != nil {
			return err
		}
		b, err := findBundle(cmd.Context(), service, args[0])
		if err != nil {
			return err
		}
		if _, err := service.UpdateTrustBundle(cmd.Context(), b.ID, "", members); err != nil {
			return err
		}
		return p.showBundle(cmd.Context(), service, b.ID)
	}
	return cmd
}

func (p *program) bundleDeleteCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "delete BUNDLE", Short: "Stop publishing a trust bundle", Args: one("BUNDLE, its name or id,"), Aliases: []string{"rm"},
		Long:              "Deletes a trust bundle with its versions; devices get it no longer. A bundle made anew under its name counts on.",
		ValidArgsFunction: p.completeBundle,
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
		return p.deleteBundle(cmd.Context(), service, args[0], yes)
	}
	return cmd
}

func (p *program) deleteBundle(ctx context.Context, service *graph.Client, named string, yes bool) error {
	b, err := findBundle(ctx, service, named)
	if err != nil {
		return err
	}
	if !yes {
		question := fmt.Sprintf("Delete trust bundle %s (%s, version %d) with its versions, so that no device gets it?", b.Name, b.Access, b.Version)
		if err := p.confirm(question, "nothing was deleted"); err != nil {
			return err
		}
	}
	if err := service.DeleteTrustBundle(ctx, b.ID, ""); err != nil {
		return err
	}
	p.note("deleted trust bundle %s", b.Name)
	return nil
}
