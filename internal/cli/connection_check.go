package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
)

func (p *program) subscriptionTestCommand() *cobra.Command {
	var draft draftFlags
	var staged bool
	cmd := &cobra.Command{
		Use: "test [ID]", Short: "Test the way to a certification authority, step by step", Args: cobra.MaximumNArgs(1),
		Long: "Tests, step by step, whether the CA can be worked with: its name, a connection, TLS, the client certificate, the\n" +
			"account, its authorities and its inventory. Flags stand for what is stored, for this test alone; without an ID they\n" +
			"are all there is. Nothing is changed, but that a test of what is stored which succeeds lets syncs go on that a\n" +
			"refusal of the credentials has stopped. With another --provider and credentials for it, the stored ones are left out.\n" +
			"The exit code is 0 only if no step failed.",
		Example: "  cloudpki subscription test $ID\n  cloudpki subscription test $ID --pfx renewed.p12\n  cloudpki subscription test --provider symantec --pfx ra.p12\n" +
			"  cloudpki subscription test $ID --provider digicertOne --uri https://one.digicert.com --admin-password-file token.txt --clear providerSettings",
		ValidArgsFunction: p.completeSubscription,
	}
	draft.add(cmd)
	draft.addClear(cmd)
	cmd.Flags().BoolVar(&staged, "staged", false, "test the staged credentials")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		body := any(map[string]any{})
		if draft.isGiven() {
			var err error
			if body, err = draft.body(cmd.Context(), p); err != nil {
				return err
			}
		}
		id := ""
		if len(args) > 0 {
			id = args[0]
		}
		members, plain := body.(map[string]any)
		switch {
		case id == "" && !draft.isGiven():
			return misuse("cloudpki subscription list shows the ids", "neither a subscription nor a flag says what to test")
		case staged && !plain:
			return misuse(`put "slot": "staged" into the JSON`, "--staged contradicts --from-json")
		case staged:
			members["slot"] = "staged"
		}
		service, err := p.service()
		if err != nil {
			return err
		}
		test, err := service.TestConnection(cmd.Context(), id, body)
		if err != nil {
			return err
		}
		return p.showTest(test)
	}
	return cmd
}

func (p *program) subscriptionStageCommand() *cobra.Command {
	var draft draftFlags
	cmd := &cobra.Command{
		Use: "stage ID", Short: "Put new credentials beside the current ones and test them", Args: one("ID"),
		Long: "Seals credentials beside those in use and tests them at the CA at once. What is not given is taken from the current\n" +
			"ones. cloudpki subscription promote puts them to use.",
		Example:           "  cloudpki subscription stage $ID --pfx renewed.p12 && cloudpki subscription promote $ID",
		ValidArgsFunction: p.completeSubscription,
	}
	draft.addCredentials(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := draft.check(); err != nil {
			return err
		}
		credentials, err := draft.credentials(cmd.Context(), p)
		if err != nil {
			return err
		}
		if len(credentials) == 0 {
			return misuse("--help tells the flags", "no credentials are given")
		}
		service, err := p.service()
		if err != nil {
			return err
		}
		test, err := service.StageCredentials(cmd.Context(), args[0], credentials)
		if err != nil {
			return err
		}
		return p.showTest(test)
	}
	return cmd
}

func (p *program) subscriptionPromoteCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use: "promote ID", Short: "Put the staged credentials to use", Args: one("ID"),
		Long:              "Makes the staged credentials the current ones and starts a sync. What was current is kept for a while for rollback.",
		ValidArgsFunction: p.completeSubscription,
	}
	cmd.Flags().BoolVar(&force, "force", false, "also where the CA has not accepted them")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		service, err := p.service()
		if err != nil {
			return err
		}
		if err := service.PromoteCredentials(cmd.Context(), args[0], force); err != nil {
			return withConflictHint(err, "cloudpki subscription stage puts credentials beside the current ones, and test --staged proves them; --force promotes unproved ones")
		}
		return p.showSubscription(cmd.Context(), service, args[0])
	}
	return cmd
}

func (p *program) subscriptionRollbackCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "rollback ID", Short: "Go back to the previous credentials", Args: one("ID"),
		Long: "Makes the credentials that promote replaced the current ones again and starts a sync.\n" +
			"Those in use become the previous ones: a second rollback brings them back.",
		ValidArgsFunction: p.completeSubscription,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		service, err := p.service()
		if err != nil {
			return err
		}
		if err := service.RollbackCredentials(cmd.Context(), args[0]); err != nil {
			return withConflictHint(err, "cloudpki subscription get tells whether previous credentials are kept, and until when")
		}
		return p.showSubscription(cmd.Context(), service, args[0])
	}
	return cmd
}

// showTest writes the steps of a test. Its error is that of the failed one.
func (p *program) showTest(answer json.RawMessage) error {
	var test graph.ConnectionTest
	if err := json.Unmarshal(answer, &test); err != nil {
		return notUnderstood(err)
	}
	if p.output == outputJSON {
		text, err := indented(answer, "")
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(p.out, text); err != nil {
			return err
		}
	} else if err := p.writeSteps(test.Steps); err != nil {
		return err
	}
	for _, s := range test.Steps {
		if s.Status != "failed" {
			continue
		}
		f := &failure{exit: exitFailed, msg: s.Name + ": " + orDash(s.Code) + ": " + orDash(s.Message)}
		if s.HelpURL != nil {
			f.hint = *s.HelpURL + " tells what the code means and who must act"
		}
		return f
	}
	return nil
}

func (p *program) writeSteps(steps []graph.Step) error {
	words := map[string]string{"succeeded": "ok", "failed": "FAILED", "skipped": "skipped", "notApplicable": "not needed"}
	var b strings.Builder
	for _, s := range steps {
		word, ok := words[s.Status]
		if !ok {
			word = s.Status
		}
		line := printable(s.Name)
		if s.Status == "succeeded" || s.Status == "failed" {
			line = fmt.Sprintf("%-17s  %d ms", line, s.Took)
		}
		fmt.Fprintf(&b, "%s  %s\n", p.paint(stateColour(s.Status), fmt.Sprintf("%-10s", printable(word)), p.terminal.out), line)
		for _, d := range s.Details {
			fmt.Fprintf(&b, "            %s: %s\n", printable(d.Name), printable(d.Value))
		}
	}
	_, err := io.WriteString(p.out, b.String())
	return err
}
