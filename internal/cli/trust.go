package cli

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
)

func (p *program) trustCommand() *cobra.Command {
	return parent("trust", "See what devices are to trust, decide on changes, and write it for them",
		p.trustListCommand(), p.trustShowCommand(), p.trustDiffCommand(), p.trustApproveCommand(), p.trustRejectCommand(), p.trustExportCommand())
}

func (p *program) trustListCommand() *cobra.Command {
	var flags listFlags
	var state string
	cmd := &cobra.Command{
		Use: "list [SUBSCRIPTION]", Short: "List roots and issuers with their state", Args: atMostOne("SUBSCRIPTION"), Aliases: []string{"ls"},
		Long:              "Lists the roots and issuers of one subscription, or of all.",
		Example:           "  cloudpki trust list --state quarantined",
		ValidArgsFunction: p.completeSubscription,
	}
	cmd.Flags().StringVar(&state, "state", "", "only those in this state: discovered, quarantined, trusted, retiring or removed")
	flags.addConditions(cmd)
	flags.addSearch(cmd)
	flags.all = true
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		service, err := p.service()
		if err != nil {
			return err
		}
		l := p.trusted()
		var conditions []string
		if state != "" {
			conditions = append(conditions, "state eq "+quoted(state))
		}
		options := flags.options(conditions...)
		if options.Filter != "" || options.Search != "" {
			l.none = "nothing matches"
		}
		out := newObjectWriter(p, l)
		count, err := eachAuthority(cmd.Context(), service, options, args, out.add)
		if err != nil {
			return errors.Join(err, out.flush())
		}
		if count == 0 && p.output == outputTable {
			p.note("%s", l.none)
		}
		return out.close()
	}
	return cmd
}

// atMostOne takes no argument, or one of that name.
func atMostOne(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 || len(args) == 1 && args[0] != "" {
			return nil
		}
		return misuse(cmd.UseLine(), "at most one %s is taken, %d arguments are given", name, len(args))
	}
}

// An owned authority says of which subscription it is.
type owned struct {
	Subscription string `json:"subscription"`
	graph.Authority
}

func (p *program) trusted() listing[owned] {
	return listing[owned]{
		columns: []column{
			{title: "SUBSCRIPTION", least: 8},
			{title: "STATE", state: true},
			{title: "KIND"},
			{title: "SUBJECT", least: 16},
			{title: "NOT AFTER", when: true},
			{title: "LAST SEEN", when: true},
			{title: "PROFILES", least: 8},
			{title: "REASON", least: 8},
			{title: "SHA-256"},
		},
		row: func(a owned) []string {
			profiles := strings.Join(a.Profiles, " ")
			return []string{
				a.Subscription, a.State, a.Kind, a.Subject, when(&a.NotAfter, p.now()), when(&a.LastSeen, p.now()),
				orDash(&profiles), orDash(a.StateReason), a.ID,
			}
		},
		none: "no authorities; a sync finds them",
	}
}

// eachAuthority calls add with the authorities of the subscriptions, of all
// where none is named, each with the member "subscription" before the others.
func eachAuthority(ctx context.Context, service *graph.Client, o graph.ListOptions, subscriptions []string, add func(json.RawMessage) error) (count int, err error) {
	if len(subscriptions) == 0 {
		for s, err := range service.Subscriptions(ctx, graph.ListOptions{Select: []string{"id"}, Top: maxPage}) {
			if err != nil {
				return 0, err
			}
			subscriptions = append(subscriptions, s.ID)
		}
	}
	for _, id := range subscriptions {
		for object, err := range service.Objects(ctx, o, subscriptionSet, id, authoritySet) {
			if err != nil {
				return count, err
			}
			if object, err = withSubscription(id, object); err != nil {
				return count, err
			}
			if err := add(object); err != nil {
				return count, err
			}
			count++
		}
	}
	return count, nil
}

// withSubscription puts a member before those of an object.
func withSubscription(id string, object json.RawMessage) (json.RawMessage, error) {
	name, err := json.Marshal(id)
	if err != nil {
		return nil, err
	}
	members, ok := strings.CutPrefix(strings.TrimSpace(string(object)), "{")
	if !ok {
		return nil, notUnderstood(errors.New("an authority is no object"))
	}
	return json.RawMessage(`{"subscription":` + string(name) + "," + members), nil
}

func (p *program) trustShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "show SUBSCRIPTION SHA256", Short: "Show a root or issuer with its key",
		Args: subscriptionAnd("the SHA256 of a root or issuer"), Aliases: []string{"get"}, ValidArgsFunction: p.completeSubscription,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		service, err := p.service()
		if err != nil {
			return err
		}
		object, err := service.Object(cmd.Context(), nil, subscriptionSet, args[0], authoritySet, thumbprintOf(args[1]))
		if err != nil {
			return err
		}
		return show(p, object, describeAuthority)
	}
	return cmd
}

// thumbprintOf writes a SHA-256 as the service does: CAs publish them in either
// case, with colons or blanks.
func thumbprintOf(typed string) string {
	return strings.ToLower(strings.NewReplacer(":", "", " ", "").Replace(typed))
}

// describeAuthority tells what a person wants to know of a root or issuer.
func describeAuthority(a graph.Authority, now time.Time) []field {
	fields := []field{
		{name: "state", value: a.State, state: true},
		{name: "reason", value: orDash(a.StateReason)},
		{name: "decided by", value: orDash(a.DecidedBy)},
		{name: "kind", value: a.Kind},
	}
	fields = append(fields, identity(a, now)...)
	if a.Retire != nil {
		fields = append(fields, field{name: "may be removed", value: when(a.Retire, now)})
	}
	profiles := strings.Join(a.Profiles, " ")
	return append(fields,
		field{name: "profiles", value: orDash(&profiles)},
		field{name: "first seen", value: when(&a.FirstSeen, now)},
		field{name: "last seen", value: when(&a.LastSeen, now)},
	)
}
