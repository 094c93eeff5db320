package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"
)

// A terminal says which streams a person sits at.
type terminal struct {
	in, out, err bool
	width        int // in columns; 0 where out and err are no terminal

	// readSecret reads a line without showing it.
	readSecret func(ctx context.Context) ([]byte, error)
}

// terminalOf looks at the streams of the process.
func terminalOf(in, out, err *os.File) terminal {
	is := func(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
	t := terminal{in: is(in), out: is(out), err: is(err)}
	for _, f := range []*os.File{out, err} {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && t.width == 0 {
			t.width = width
		}
	}
	t.readSecret = func(ctx context.Context) ([]byte, error) { return readSecret(ctx, int(in.Fd())) }
	return t
}

// readSecret reads a line from the terminal fd without echo. When ctx ends
// first the echo is switched on again; the read itself ends with the process,
// because nothing else can wake it.
func readSecret(ctx context.Context, fd int) ([]byte, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("read from the terminal: %w", err)
	}
	type line struct {
		text []byte
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		read <- line{text, err}
	}()
	select {
	case l := <-read:
		return l.text, l.err
	case <-ctx.Done():
		if err := term.Restore(fd, before); err != nil {
			return nil, fmt.Errorf("restore the terminal: %w", err)
		}
		return nil, ctx.Err()
	}
}

// A colour is the parameter of an SGR escape sequence (ECMA-48, 8.3.117).
type colour string

// The colours in use.
const (
	bold   colour = "1"
	red    colour = "31"
	green  colour = "32"
	yellow colour = "33"
	cyan   colour = "36"
)

// paint colours text that goes to a terminal, unless the user wants none
// (https://no-color.org).
func (p *program) paint(c colour, text string, toTerminal bool) string {
	if c == "" || !toTerminal || p.noColor || p.env("NO_COLOR") != "" || p.env("TERM") == "dumb" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// env returns a variable's value, "" where it is not set.
func (p *program) env(name string) string {
	for _, entry := range slices.Backward(p.environ) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}
