package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// The forms of output.
const (
	outputTable = "table"
	outputJSON  = "json"
	outputCSV   = "csv" // of the commands with the annotation givesCSV
)

// givesCSV is the annotation of a command whose results may be CSV.
const givesCSV = "csv"

// The groups of the commands, as help lists them.
const (
	groupClient  = "client"
	groupService = "service"
)

func (p *program) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "cloudpki",
		Short: "Keep subscriptions to third-party certification authorities",
		Long: "cloudpki keeps subscriptions to third-party certification authorities: it logs in to each with the\n" +
			"credentials an admin gave, fetches roots, chains and the inventory of certificates, and reports how it went.\n\n" +
			"cloudpki dev shows all of it on this machine.",
		Version:       versionOf().String(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          onlyCommands,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			forms := []string{outputTable, outputJSON}
			if _, ok := cmd.Annotations[givesCSV]; ok {
				forms = append(forms, outputCSV)
			}
			if !slices.Contains(forms, p.output) {
				return misuse("", "--output is %q; it must be %s", p.output, strings.Join(forms, " or "))
			}
			p.parsed = true
			return nil
		},
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.PersistentFlags().StringVarP(&p.output, "output", "o", outputTable, "form of the results: table for people, json for programs")
	root.PersistentFlags().BoolVar(&p.noColor, "no-color", false, "never colour (NO_COLOR does the same)")
	root.AddGroup(
		&cobra.Group{ID: groupService, Title: "Run the service:"},
		&cobra.Group{ID: groupClient, Title: "Use a service:"},
	)
	p.addGroup(root, groupService, p.devCommand(), p.serveCommand(), p.doctorCommand(), p.configCommand(), p.hashPasswordCommand(), p.keysCommand(), p.providerCommand(), p.casimCommand())
	p.addGroup(root, groupClient, append(p.clientCommands(), p.logoutCommand())...)
	root.AddCommand(p.versionCommand(), &cobra.Command{Use: "exit-codes", Short: "How commands end", Long: exitCodes})
	return root
}

// clientCommands are those that call the service.
func (p *program) clientCommands() []*cobra.Command {
	commands := []*cobra.Command{p.subscriptionCommand(), p.syncCommand(), p.certificateCommand(), p.trustCommand(), p.bundleCommand(), p.estCommand(), p.migrationCommand(), p.runCommand(), p.tokenCommand(), p.loginCommand()}
	for _, c := range commands {
		p.connection.add(c)
	}
	return commands
}

func (p *program) addGroup(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = group
		root.AddCommand(c)
	}
}

// parent returns a command that only holds others.
func parent(use, short string, children ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Args: onlyCommands,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(children...)
	return c
}

// one takes a single argument of that name.
func one(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 && args[0] != "" {
			return nil
		}
		return misuse(cmd.UseLine(), "one %s is needed, %d arguments are given", name, len(args))
	}
}

// onlyCommands refuses what is no command of cmd, and offers what was meant.
func onlyCommands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	const typos = 2
	cmd.SuggestionsMinimumDistance = typos
	hint := cmd.CommandPath() + " --help lists the commands"
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return misuse(hint, "%q is no command of %s", args[0], cmd.CommandPath())
}
