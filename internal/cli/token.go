package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (p *program) tokenCommand() *cobra.Command {
	var header bool
	cmd := &cobra.Command{
		Use: "token", Short: "Print an access token", Args: cobra.NoArgs,
		Long:    "Logs in with the connection's client and prints the access token, for programs such as curl.",
		Example: "  curl --cacert data/tls-ca.pem -H \"$(cloudpki token --header)\" https://127.0.0.1:8443/beta/cloudPkiSubscriptions",
	}
	cmd.Flags().BoolVar(&header, "header", false, "print the whole header: Authorization: Bearer ...")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		service, err := p.service()
		if err != nil {
			return err
		}
		token, err := service.Token(cmd.Context())
		if err != nil {
			return err
		}
		switch {
		case header:
			_, err = fmt.Fprintf(p.out, "Authorization: Bearer %s\n", token)
		case p.output == outputJSON:
			_, err = fmt.Fprintf(p.out, "{\"access_token\": %q}\n", token)
		default:
			_, err = fmt.Fprintln(p.out, token)
		}
		return err
	}
	return cmd
}
