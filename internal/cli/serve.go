package cli

import (
	"io"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"cloudpki/internal/app"
	"cloudpki/internal/config"
)

func (p *program) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "serve", Short: "Run the service", Args: cobra.NoArgs,
		Long: "Runs the service until SIGINT or SIGTERM. Each setting is taken from its flag, else its variable, else the\n" +
			"file, else its default; cloudpki config prints the outcome.",
		Example: "  cloudpki serve --config /etc/cloudpki.yaml --listen-address 0.0.0.0:8443",
	}
	flags := addConfiguration(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := flags.load(p)
		if err != nil {
			return err
		}
		easeGC()
		return p.serve(cmd.Context(), cfg, app.Options{Log: newLog(p.err, cfg.Log), Now: p.now})
	}
	return cmd
}

// easeGC lets the heap, which is small, triple before it is collected: a fifth
// of a request's CPU would go into collections otherwise. GOGC overrides it.
func easeGC() {
	const percent = 200
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// newLog returns the log of the service.
func newLog(w io.Writer, c config.Log) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.Level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
