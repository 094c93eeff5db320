package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
	"cloudpki/internal/provider"
)

func (p *program) certificateRevokeCommand() *cobra.Command {
	var reason string
	var yes bool
	cmd := &cobra.Command{
		Use: "revoke SUBSCRIPTION ID|SERIAL|SHA256", Short: "Have the CA revoke a certificate, for good",
		Long: "Shows the certificate with this id, serial number or SHA-256 thumbprint, asks, and has the CA revoke it for good.\n" +
			"Give --yes to revoke without being asked; it is needed where standard input is no terminal.",
		Args: subscriptionAnd("the ID, SERIAL or SHA256 of a certificate"), ValidArgsFunction: p.completeSubscription,
		Example: "  cloudpki certificate revoke $ID 4f1e09 --reason keyCompromise",
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why: "+strings.Join(revocationReasons(), ", "))
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask; needed where standard input is no terminal")
	_ = cmd.RegisterFlagCompletionFunc("reason", cobra.FixedCompletions(revocationReasons(), cobra.ShellCompDirectiveNoFileComp)) // fails for flags alone that are not there
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !slices.Contains(revocationReasons(), reason) {
			return misuse("say why: "+strings.Join(revocationReasons(), ", "), "--reason is %q", reason)
		}
		if !yes && !p.terminal.in {
			return misuse("give --yes to revoke without being asked", "there is no terminal to confirm the revocation on")
		}
		service, err := p.service()
		if err != nil {
			return err
		}
		object, err := findCertificate(cmd.Context(), service, args[0], args[1])
		if err != nil {
			return err
		}
		var c graph.Certificate
		if err := json.Unmarshal(object, &c); err != nil {
			return notUnderstood(err)
		}
		if c.Status == "revoked" {
			p.note("certificate %s is revoked already", c.ID)
			return nil
		}
		if !yes {
			if err := p.confirm(revocationQuestion(c, reason), "nothing was revoked"); err != nil {
				return err
			}
		}
		if err := service.RevokeCertificate(cmd.Context(), args[0], c.ID, reason); err != nil {
			return err
		}
		p.note("revoked certificate %s, serial number %s, for %s", c.ID, orDash(c.Serial), reason)
		return nil
	}
	return cmd
}

// revocationQuestion names the certificate that is about to go.
func revocationQuestion(c graph.Certificate, reason string) string {
	return fmt.Sprintf("Revoke certificate %s (%s, issued by %s) for %s? It cannot be taken back.", orDash(c.Serial), orDash(c.Subject), orDash(c.Issuer), reason)
}

// revocationReasons are the reasons in the order of their numbers.
func revocationReasons() []string {
	reasons := provider.RevocationReasons()
	return slices.SortedFunc(maps.Keys(reasons), func(a, b string) int { return cmp.Compare(reasons[a], reasons[b]) })
}
