package cli

import (
	"errors"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"cloudpki/internal/config"
	"cloudpki/internal/dev"
)

func (p *program) devCommand() *cobra.Command {
	var o dev.Options
	var verbose bool
	cmd := &cobra.Command{
		Use: "dev", Short: "Show the whole service on this machine", Args: cobra.NoArgs,
		Long: "Starts the service with a simulated certification authority in one directory, creates a subscription through\n" +
			"the public API, waits for its first sync and prints what an engineer wants to see. It stays until Ctrl-C and\n" +
			"writes DATA/dev.json, which the other commands use, and DATA/cloudpki.yaml: `cloudpki serve` runs on the same\n" +
			"directory with it, and with CLOUDPKI_* variables, which are not read here.",
		Example: "  cloudpki dev\n  cloudpki dev --once --data /tmp/try",
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&o.Data, "data", "./data", "directory of everything; made where missing")
	flags.StringVar(&o.Listen, "listen", "", "address of the API (default: that of the last start, else 127.0.0.1:8443, else a free port)")
	flags.StringVar(&o.Database, "database", "", "postgres://... (default: SQLite in the data directory)")
	flags.BoolVar(&o.Once, "once", false, "stop after the first sync; exit 0 only if it succeeded")
	flags.StringSliceVar(&o.With, "with", nil, "further CA to start and subscribe to: step-ca")
	flags.BoolVar(&verbose, "verbose", false, "show the service's log")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		level := slog.LevelWarn
		if verbose {
			level = slog.LevelInfo
		}
		o.Program = os.Args[0]
		o.Out, o.Log = p.out, newLog(p.err, config.Log{Level: level})
		o.Color = p.paint(bold, "", p.terminal.out) != ""
		err := p.dev(cmd.Context(), o)
		if errors.Is(err, dev.ErrSyncFailed) {
			return &failure{exit: exitFailed, err: err, hint: "the report above says why; --verbose shows the service's log"}
		}
		return err
	}
	return cmd
}
