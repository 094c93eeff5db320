package dev

import (
	"fmt"
	"io"
)

// A printer writes for an engineer who looks on.
type printer struct {
	w     io.Writer
	color bool
}

// step says what is being done.
func (p printer) step(format string, args ...any) {
	p.print("36", "→ ", fmt.Sprintf(format, args...))
}

// good and bad say how it went.
func (p printer) good(format string, args ...any) {
	p.print("32", "✓ ", fmt.Sprintf(format, args...))
}

func (p printer) bad(format string, args ...any) {
	p.print("31", "✗ ", fmt.Sprintf(format, args...))
}

func (p printer) heading(text string) {
	p.line("")
	p.print("1", "", text)
}

func (p printer) line(format string, args ...any) {
	p.print("", "", fmt.Sprintf(format, args...))
}

func (p printer) field(name, format string, args ...any) {
	p.line("  %-14s %s", name, fmt.Sprintf(format, args...))
}

// print writes one line. A terminal that has gone away is no fault of the
// service, so errors are let go.
func (p printer) print(color, mark, text string) {
	if p.color && color != "" {
		_, _ = fmt.Fprintf(p.w, "\x1b[%sm%s%s\x1b[0m\n", color, mark, text)
		return
	}
	_, _ = fmt.Fprintf(p.w, "%s%s\n", mark, text)
}
