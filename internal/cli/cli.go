// Package cli is the command line of cloudpki, a file for each command. The
// commands that run the service start package app; the others are clients of
// its public API, as any program could be.
package cli

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"cloudpki/internal/app"
	"cloudpki/internal/config"
	"cloudpki/internal/dev"
)

// A program is one run of the command line: its streams, and what it knows of
// its surroundings. Main takes them from the process, tests make their own.
type program struct {
	in       io.Reader
	out      io.Writer // results
	err      io.Writer // messages, prompts and progress
	terminal terminal
	environ  []string // NAME=value
	now      func() time.Time
	poll     time.Duration // between two looks at a sync under way

	serve func(context.Context, config.Config, app.Options) error
	dev   func(context.Context, dev.Options) error

	output     string // of the flag --output
	noColor    bool
	connection connectionFlags
	parsed     bool // the arguments fit the command; what fails from here on is no misuse
}

// Main runs the command line and returns its exit code, one of those that
// `cloudpki help exit-codes` lists. The first SIGINT or SIGTERM asks the
// command to stop, the second ends the process at once.
func Main(ctx context.Context, args []string, stdin, stdout, stderr *os.File) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)() // the next signal finds its default action

	p := &program{
		in: stdin, out: stdout, err: stderr, terminal: terminalOf(stdin, stdout, stderr),
		environ: os.Environ(), now: time.Now, poll: 300 * time.Millisecond,
		serve: app.Run, dev: dev.Run,
	}
	return p.run(ctx, args)
}

// run executes the command that args name and reports how it ended.
func (p *program) run(ctx context.Context, args []string) int {
	root := p.rootCommand()
	root.SetArgs(args)
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	if err := root.ExecuteContext(ctx); err != nil {
		return p.report(err)
	}
	return exitOK
}
