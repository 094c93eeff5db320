package cli

import (
	"bytes"
	"fmt"

	"github.com/spf13/cobra"

	"cloudpki/internal/app"
	"cloudpki/internal/secret"
)

func (p *program) hashPasswordCommand() *cobra.Command {
	return &cobra.Command{
		Use: "hash-password", Short: "Print the hash of a person's password, for issuer.users", Args: cobra.NoArgs,
		Long: "Asks for a password on the terminal, twice and without echo, or reads one line of standard input, and prints\n" +
			"the hash that password_hash in issuer.users takes.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			password, err := p.newPassword(cmd)
			if err != nil {
				return err
			}
			switch {
			case password.IsEmpty():
				return misuse("", "the password is empty")
			case len(password.Reveal()) > secret.MaxPassword:
				return misuse("", "the password is longer than %d bytes", secret.MaxPassword)
			}
			hash, err := secret.HashPassword(password)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(p.out, hash)
			return err
		},
	}
}

// newPassword reads a password that somebody has just chosen.
func (p *program) newPassword(cmd *cobra.Command) (secret.Text, error) {
	if !p.terminal.in {
		return p.readSecretFile(stdinName)
	}
	first, err := p.ask(cmd.Context(), "Password")
	if err != nil {
		return secret.Text{}, err
	}
	second, err := p.ask(cmd.Context(), "Again")
	if err != nil {
		return secret.Text{}, err
	}
	if !bytes.Equal(first.Reveal(), second.Reveal()) {
		return secret.Text{}, misuse("", "the two passwords differ")
	}
	return first, nil
}

func (p *program) keysCommand() *cobra.Command {
	rotate := &cobra.Command{
		Use: "rotate", Short: "Make the embedded issuer's next signing key now", Args: cobra.NoArgs,
		Long: "Makes a key beside issuer.key_file. It signs from ten minutes later, when every process lists it; the present\n" +
			"key stays listed until its last token has expired. Keys are replaced by themselves as well: issuer.key_lifetime.",
	}
	flags := addConfiguration(rotate)
	rotate.RunE = func(*cobra.Command, []string) error {
		cfg, err := flags.load(p)
		if err != nil {
			return err
		}
		from, err := app.RotateKey(cfg, p.now())
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.out, "The new key signs from %s.\n", from.Local().Format("2006-01-02 15:04:05 MST"))
		return err
	}
	return parent("keys", "Look after the embedded issuer's signing keys", rotate)
}
