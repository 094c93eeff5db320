package cli

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// A version is what the build knows of itself.
type version struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// versionOf reads what the go command recorded when it built the program.
func versionOf() version {
	v := version{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Revision = s.Value
		}
	}
	return v
}

func (v version) String() string {
	return fmt.Sprintf("cloudpki %s (%s, %s)", v.Version, v.Go, v.Platform)
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if p.output == outputJSON {
				encoded, err := json.MarshalIndent(versionOf(), "", "  ")
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(p.out, "%s\n", encoded)
				return err
			}
			_, err := fmt.Fprintln(p.out, versionOf())
			return err
		},
	}
}
