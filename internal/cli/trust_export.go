package cli

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cloudpki/internal/trust"
)

func (p *program) trustExportCommand() *cobra.Command {
	var x trustExport
	cmd := &cobra.Command{
		Use: "export SUBSCRIPTION", Short: "Write the trusted roots for devices", Args: one("SUBSCRIPTION"), ValidArgsFunction: p.completeSubscription,
		Long: "Writes the roots that devices are to trust: the one in force, and those that retire beside it. A subscription\n" +
			"that trusts nothing yet writes nothing. The formats:\n\n" + describeFormats(),
		Example: "  cloudpki trust export $ID --format pem --file roots.pem",
	}
	cmd.Flags().StringVar(&x.format, "format", "pem", "one of "+strings.Join(formatNames(), ", "))
	cmd.Flags().StringVar(&x.file, "file", "", "file to write (default: standard output)")
	cmd.Flags().BoolVar(&x.intermediates, "intermediates", false, "the intermediates too, in formats that keep them apart from roots")
	cmd.Flags().StringVar(&x.passwordFile, "password-file", "", "file with the password of a truststore, - reads standard input (default: the format's own)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return x.run(cmd.Context(), p, args[0]) }
	return cmd
}

// A trustExport is what the flags of trust export say.
type trustExport struct {
	format, file, passwordFile string
	intermediates              bool
}

// run writes the trusted roots of a subscription.
func (x trustExport) run(ctx context.Context, p *program, subscription string) error {
	format, ok := trust.Lookup(x.format)
	if !ok {
		return misuse("cloudpki trust export --help lists the formats", "--format is %q, which is none", x.format)
	}
	var options trust.Options
	if x.passwordFile != "" {
		password, err := p.readSecretFile(x.passwordFile)
		if err != nil {
			return err
		}
		options.Password = string(password.Reveal())
	}
	service, err := p.service()
	if err != nil {
		return err
	}
	set, err := readTrust(ctx, service, subscription)
	if err != nil {
		return err
	}
	bundle, err := set.bundle(x.intermediates)
	if err != nil {
		return err
	}
	if c, err := p.loadConnection(asStored); err == nil {
		bundle.Tenant = c.tenant // "" with a ready token
	}
	out, err := format.Write(bundle, options)
	if errors.Is(err, trust.ErrEmpty) {
		return &failure{exit: exitFailed, msg: "nothing is trusted yet", hint: "a sync takes the CA's root over, or quarantines it: cloudpki trust diff " + subscription}
	}
	if err != nil {
		return err
	}
	return p.toFile(x.file, func(w io.Writer) error {
		_, err := w.Write(out)
		return err
	})
}

// formats returns those that need no signer: there is none here.
func formats() []trust.Format {
	return slices.DeleteFunc(trust.Formats(), func(f trust.Format) bool { return f.Signed })
}

func formatNames() (names []string) {
	for _, f := range formats() {
		names = append(names, f.Ext)
	}
	return names
}

// describeFormats lists the formats for help.
func describeFormats() string {
	var b strings.Builder
	for _, f := range formats() {
		fmt.Fprintf(&b, "  %-14s %s\n", f.Ext, f.Doc)
	}
	return b.String()
}

// bundle returns the roots that devices are to trust, as the service publishes
// them: the one in force, and those that retire.
func (s trustSet) bundle(intermediates bool) (trust.Bundle, error) {
	b := trust.Bundle{Name: s.subscription.ID, Version: int64(s.subscription.Version), Changed: s.subscription.LastModified.UTC()}
	if s.trusted != nil {
		root, err := x509.ParseCertificate(s.trusted.DER)
		if err != nil {
			return b, notUnderstood(err)
		}
		b.Roots = append(b.Roots, root)
	}
	for _, a := range s.authorities {
		retiring := a.Kind == "root" && a.State == "retiring"
		between := a.Kind == "intermediate" || a.Kind == "issuing"
		if !retiring && (!between || !intermediates || a.State == "removed") {
			continue
		}
		c, err := x509.ParseCertificate(a.DER)
		if err != nil {
			return b, notUnderstood(err)
		}
		if retiring {
			b.Roots = append(b.Roots, c)
		} else {
			b.Intermediates = append(b.Intermediates, c)
		}
	}
	return b, nil
}
