package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
)

func (p *program) previewSyncCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "preview ID", Short: "Tell what a sync would do, without doing it", Args: one("ID"),
		Long: "Asks the certification authority as a sync does and compares the answer with what is known; nothing is stored.\n" +
			"Exits 0 only if a sync would succeed. Ctrl-C stops watching and leaves the dry run running.",
		ValidArgsFunction: p.completeSubscription,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, id := cmd.Context(), args[0]
		service, err := p.service()
		if err != nil {
			return err
		}
		run, err := service.PreviewSync(ctx, id)
		if err != nil {
			return err
		}
		failed := p.follow(ctx, service, id, run)
		if ctx.Err() != nil {
			return failed
		}
		object, err := service.Object(ctx, nil, subscriptionSet, id, runSet, run)
		if err != nil {
			return errors.Join(failed, err)
		}
		return errors.Join(show(p, object, describeRun), failed)
	}
	return cmd
}

// wouldDo says in words what a dry run has found.
func wouldDo(r graph.Run) []field {
	var told []string
	for _, change := range []struct {
		verb  string
		count int
	}{
		{"add %d certificates", r.New},
		{"change %d", r.Changed},
		{"of these note %d as revoked", r.Revoked},
		{"leave %d as they are", r.Unchanged},
		{"mark %d as missing", r.Missing},
		{"skip %d that cannot be read", r.Skipped},
	} {
		if change.count > 0 {
			told = append(told, fmt.Sprintf(change.verb, change.count))
		}
	}
	if told == nil {
		told = []string{"find nothing new"}
	}
	trust := "leave the trusted roots as they are"
	if r.Trust != nil {
		trust = "of the roots: " + *r.Trust
	}
	return []field{{name: "a sync would", value: strings.Join(told, ", ")}, {name: "and", value: trust}}
}
