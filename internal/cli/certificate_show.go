package cli

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
	"cloudpki/internal/provider"
)

func (p *program) certificateShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "show SUBSCRIPTION ID|SERIAL|SHA256", Short: "Show one certificate",
		Long: "Shows the certificate with this id, serial number (hex, with or without colons) or SHA-256 thumbprint. -o json\n" +
			"gives all the members, the certificate itself among them.",
		Args: subscriptionAnd("the ID, SERIAL or SHA256 of a certificate"), Aliases: []string{"get"}, ValidArgsFunction: p.completeSubscription,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		service, err := p.service()
		if err != nil {
			return err
		}
		object, err := findCertificate(cmd.Context(), service, args[0], args[1])
		if err != nil {
			return err
		}
		return show(p, object, describeCertificate)
	}
	return cmd
}

// subscriptionAnd takes a SUBSCRIPTION and one argument more.
func subscriptionAnd(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 2 && args[0] != "" && args[1] != "" {
			return nil
		}
		return misuse(cmd.UseLine(), "a SUBSCRIPTION and %s are needed, %d arguments are given", what, len(args))
	}
}

// findCertificate returns the certificate that name stands for: an id, else a
// serial number or thumbprint, which are asked for as the service keeps them.
func findCertificate(ctx context.Context, service *graph.Client, subscription, name string) (json.RawMessage, error) {
	object, err := service.Object(ctx, nil, subscriptionSet, subscription, certificateSet, name)
	var refused *graph.ResponseError
	if !errors.As(err, &refused) || refused.Status != http.StatusNotFound {
		return object, err
	}
	serial, noHex := provider.ParseSerial(name)
	if noHex != nil {
		return nil, err
	}
	thumbprint := strings.ToLower(strings.ReplaceAll(name, ":", ""))
	options := graph.ListOptions{Filter: "serialNumber eq " + quoted(serial) + " or thumbprint eq " + quoted(thumbprint), Select: []string{"id"}, Top: 10}
	var ids []string
	for c, err := range service.Certificates(ctx, subscription, options) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, c.ID)
		if len(ids) == options.Top {
			break
		}
	}
	switch len(ids) {
	case 0:
		return nil, &failure{exit: exitNotFound, msg: "no certificate has the id, serial number or SHA-256 " + name, hint: "cloudpki certificate list " + subscription + " --search TEXT finds them by name"}
	case 1:
		return service.Object(ctx, nil, subscriptionSet, subscription, certificateSet, ids[0])
	}
	return nil, misuse("name one by its id: "+strings.Join(ids, ", "), "several certificates have the serial number %s", serial)
}

// describeCertificate tells what a person wants to know of a certificate.
func describeCertificate(c graph.Certificate, now time.Time) []field {
	fields := []field{
		{name: "id", value: c.ID},
		{name: "serial", value: orDash(c.Serial)},
		{name: "status", value: c.Status, state: true},
		{name: "subject", value: orDash(c.Subject)},
		{name: "alternative names", value: orDash(c.AltNames)},
		{name: "issuer", value: orDash(c.Issuer)},
		{name: "not before", value: when(c.NotBefore, now)},
		{name: "not after", value: when(c.NotAfter, now)},
	}
	if c.Revoked != nil {
		revoked := when(c.Revoked, now)
		if c.Reason != nil {
			revoked += ", reason " + reasonCode(c.Reason)
		}
		fields = append(fields, field{name: "revoked", value: revoked})
	}
	if c.Missing != nil {
		fields = append(fields, field{name: "missing since", value: when(c.Missing, now)})
	}
	return append(fields,
		field{name: "profile", value: orDash(c.Profile)},
		field{name: "holder", value: orDash(c.Holder)},
		field{name: "SHA-256", value: orDash(c.Thumbprint)},
		field{name: "first seen", value: when(c.FirstSeen, now)},
		field{name: "changed", value: when(c.Changed, now)},
	)
}
