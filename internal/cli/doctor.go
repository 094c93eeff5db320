package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"cloudpki/internal/app"
	"cloudpki/internal/config"
)

func (p *program) doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "doctor", Short: "Check whether the service can work here, and say what to do", Args: cobra.NoArgs,
		Long: "Reads the configuration as cloudpki serve does with the same flags, and checks it and what it leads to: files, the\n" +
			"database, keys, the server's certificate, outside issuers, the servers of the CAs, the clock. It changes nothing,\n" +
			"sends no credentials, and may run beside the service; run it as the same user. It exits 1 where something fails.\n\n" +
			"  ✓ works   ! works, and needs somebody   ✗ does not work   - could not be looked at",
		Example: "  cloudpki doctor --config /etc/cloudpki.yaml",
	}
	flags := addConfiguration(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := flags.load(p)
		findings, usable := judgeConfiguration(err)
		if usable {
			findings = append(findings, app.Doctor(cmd.Context(), cfg, p.now)...)
		}
		if err := p.tellFindings(findings); err != nil {
			return err
		}
		failed := 0
		for _, f := range findings {
			if f.Status == app.Failed {
				failed++
			}
		}
		if failed > 0 {
			return &failure{exit: exitFailed, msg: fmt.Sprintf("%d of %d checks failed", failed, len(findings))}
		}
		return nil
	}
	return cmd
}

// judgeConfiguration makes a finding of each fault. A configuration with faults
// is usable as far as it goes; one that cannot be read is not.
func judgeConfiguration(err error) (findings []app.Finding, usable bool) {
	const check = "configuration"
	var faults config.Faults
	switch {
	case err == nil:
		return []app.Finding{{Check: check, Status: app.Healthy, Message: "understood"}}, true
	case !errors.As(err, &faults):
		return []app.Finding{{Check: check, Status: app.Failed, Message: err.Error(), Action: "name a YAML file that can be read with --config"}}, false
	}
	for _, f := range faults {
		findings = append(findings, app.Finding{
			Check: check, Status: app.Failed, Message: f.Setting + ": " + f.Msg, Action: "docs/configuration.md describes the setting",
		})
	}
	return findings, true
}

// tellFindings writes a line for each.
func (p *program) tellFindings(findings []app.Finding) error {
	if p.output == outputJSON {
		return p.writeJSON(findings)
	}
	for _, f := range findings {
		mark, c := markOf(f.Status)
		text := f.Check + ": " + f.Message
		if f.Action != "" {
			text += " - " + f.Action
		}
		if _, err := fmt.Fprintf(p.out, "%s %s\n", p.paint(c, mark, p.terminal.out), printable(text)); err != nil {
			return err
		}
	}
	return nil
}

// markOf returns the sign of an outcome.
func markOf(h app.Health) (string, colour) {
	switch h {
	case app.Healthy:
		return "✓", green
	case app.Warned:
		return "!", yellow
	case app.Skipped:
		return "-", cyan
	case app.Failed:
	}
	return "✗", red
}
