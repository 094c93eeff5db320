package cli

import (
	"time"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
)

func (p *program) estCreateCommand() *cobra.Command {
	var name, profile, user, passwordFile string
	var patterns []string
	var noRenewal bool
	cmd := &cobra.Command{
		Use: "create SUBSCRIPTION", Short: "Make an address at which devices enrol", Args: one("SUBSCRIPTION"),
		Long: "Makes an EST endpoint: an address at which devices get certificates of the subscription's CA, with an account that\n" +
			"they share. The password has 16 to 64 characters; it is asked for on the terminal or read from a file.",
		Example: "  cloudpki est create $ID --name Printers --profile printers --user printer --allow '*.printers.example.com'\n" +
			"  vault read -field=pw printers | cloudpki est create $ID --user printer --password-file -",
		ValidArgsFunction: p.completeSubscription,
	}
	flags := cmd.Flags()
	flags.StringVar(&name, "name", "", "name for people")
	flags.StringVar(&profile, "profile", "", "what the CA calls the sort of certificate (default: as the subscription's settings say)")
	flags.StringVar(&user, "user", "", "name of the account")
	flags.StringVar(&passwordFile, "password-file", "", "file with the password of the account, - for standard input")
	flags.StringArrayVar(&patterns, "allow", nil, "a pattern of the names that requests may carry, * for any text; may be repeated (default: as the CA decides)")
	flags.BoolVar(&noRenewal, "no-renewal", false, "devices may not renew with their certificate")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		if user == "" {
			return misuse("devices log in with it", "--user is missing")
		}
		password, err := p.password(ctx, passwordFile, "Password of the account")
		if err != nil {
			return err
		}
		if password == nil {
			return misuse("give --password-file", "there is no terminal to ask for the password on")
		}
		body := map[string]any{
			"subscriptionId": args[0], "userName": user, "password": string(password.Reveal()), "subjectPatterns": append([]string{}, patterns...), "allowReenrol": !noRenewal,
		}
		if name != "" {
			body["displayName"] = name
		}
		if profile != "" {
			body["profile"] = profile
		}
		service, err := p.service()
		if err != nil {
			return err
		}
		made, err := service.CreateESTEndpoint(ctx, body)
		if err != nil {
			return err
		}
		object, err := service.Object(ctx, nil, estEndpointSet, made.ID)
		if err != nil {
			return err
		}
		return show(p, object, func(e graph.ESTEndpoint, _ time.Time) []field { return describeESTEndpoint(e, service.Origin) })
	}
	return cmd
}

// describeESTEndpoint tells what a person wants to know of an endpoint.
func describeESTEndpoint(e graph.ESTEndpoint, origin string) []field {
	return []field{
		{name: "id", value: e.ID},
		{name: "address", value: origin + "/.well-known/est/" + e.ID},
		{name: "name", value: orDash(e.DisplayName)},
		{name: "subscription", value: e.Subscription},
		{name: "profile", value: orDash(e.Profile)},
		{name: "user", value: e.UserName},
		{name: "answers", value: answersOf(e)},
		{name: "names allowed", value: allowedNames(e)},
	}
}
