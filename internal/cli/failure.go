package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// A failure is an error with what a person can do about it.
type failure struct {
	exit int
	msg  string // without a secret; "" shows err
	hint string // how to go on; "" for none
	err  error
}

func (f *failure) Error() string {
	switch {
	case f.msg == "":
		return f.err.Error()
	case f.err == nil:
		return f.msg
	}
	return f.msg + ": " + f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// misuse is the failure of a command that was not called as it should be.
func misuse(hint, format string, args ...any) *failure {
	return &failure{exit: exitUsage, msg: fmt.Sprintf(format, args...), hint: hint}
}

// report writes an error for a person and returns the exit code.
func (p *program) report(err error) int {
	f := p.explain(err)
	errorWord, hintWord := p.paint(red, "error:", p.terminal.err), p.paint(cyan, "hint:", p.terminal.err)
	fmt.Fprintf(p.err, "%s %s\n", errorWord, indent(f.Error()))
	if f.hint != "" {
		fmt.Fprintf(p.err, "%s %s\n", hintWord, indent(f.hint))
	}
	return f.exit
}

// explain finds what to say about an error and how to exit.
func (p *program) explain(err error) *failure {
	var f *failure
	switch {
	case errors.As(err, &f):
		return f
	case !p.parsed:
		return explainFlags(err)
	case errors.Is(err, context.Canceled):
		return &failure{exit: exitInterrupted, msg: "interrupted"}
	}
	return explainService(err)
}

// explainFlags is about arguments that do not fit the command.
func explainFlags(err error) *failure {
	f := &failure{exit: exitUsage, err: err, hint: "cloudpki help lists the commands; cloudpki COMMAND --help tells the flags of one"}
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && namesSecret(unknown.GetSpecifiedName()) {
		f.hint = "a password among the arguments can be read by every process of this machine and stays in the shell's history;\n" +
			"leave the flag out to be asked on the terminal, or name a file: --pfx-password-file, --admin-password-file (- reads standard input), --client-secret-file"
	}
	return f
}

// namesSecret reports whether somebody would give a secret to a flag of that name.
func namesSecret(flag string) bool {
	for _, word := range []string{"password", "passwd", "secret", "passphrase"} {
		if strings.Contains(flag, word) {
			return true
		}
	}
	return false
}

// note writes a message that is no result.
func (p *program) note(format string, args ...any) {
	fmt.Fprintf(p.err, "%s %s\n", p.paint(cyan, "note:", p.terminal.err), printable(fmt.Sprintf(format, args...)))
}

// indent makes text safe to show and sets its further lines off.
func indent(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return strings.Join(lines, "\n  ")
}
