package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cloudpki/internal/config"
)

// configurationFlags are --config and a flag for each setting that one value
// can hold: --sync-minimum-interval for sync.minimum_interval.
type configurationFlags struct {
	file  string
	flags *pflag.FlagSet
}

func addConfiguration(cmd *cobra.Command) *configurationFlags {
	c := &configurationFlags{flags: cmd.Flags()}
	c.flags.SortFlags = false
	c.flags.StringVar(&c.file, "config", "", "configuration file, YAML; docs/configuration.md describes the settings")
	for _, s := range config.Settings() {
		if s.Env == "" {
			continue
		}
		name := flagOf(s.Key)
		c.flags.String(name, "", "setting "+s.Key+", "+s.Type+" ("+s.Env+")")
		if s.Type == "true or false" {
			c.flags.Lookup(name).NoOptDefVal = "true"
		}
	}
	return c
}

// flagOf returns the flag of a setting.
func flagOf(key string) string { return strings.NewReplacer(".", "-", "_", "-").Replace(key) }

// load returns the effective configuration.
func (c *configurationFlags) load(p *program) (config.Config, error) {
	values := map[string]string{}
	for _, s := range config.Settings() {
		if f := c.flags.Lookup(flagOf(s.Key)); f != nil && f.Changed {
			values[s.Key] = f.Value.String()
		}
	}
	cfg, err := config.Load(config.Sources{File: c.file, Environ: p.environ, Flags: values, Ignore: connectionVariables()})
	var faults config.Faults
	if errors.As(err, &faults) {
		return cfg, &failure{exit: exitUsage, msg: "the configuration cannot be used", err: faults, hint: "docs/configuration.md describes every setting"}
	}
	return cfg, err
}

func (p *program) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "config", Short: "Print the effective configuration and where each value comes from", Args: cobra.NoArgs,
		Long: "Prints the configuration that `cloudpki serve` would use with the same flags, as YAML. Passwords are masked.\n" +
			"Where something is wrong, it lists every fault and exits 2.",
	}
	flags := addConfiguration(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		cfg, err := flags.load(p)
		if err != nil {
			return err
		}
		return cfg.Print(p.out)
	}
	return cmd
}
