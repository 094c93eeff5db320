package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"cloudpki/internal/graph"
)

// A progress shows how a run gets on: on a terminal one line that is written
// over, elsewhere a line whenever the stage changes or much time has passed.
type progress struct {
	w        io.Writer
	terminal bool
	width    int

	shown int // columns of the line that stands on the terminal
	stage string
	last  time.Time // when a line was written to a pipe
}

// quiet is how long a pipe sees nothing while a stage lasts.
const quiet = 10 * time.Second

func (p *program) progress() *progress {
	return &progress{w: p.err, terminal: p.terminal.err, width: p.terminal.width}
}

// show tells where the run stands.
func (g *progress) show(r graph.Run, now time.Time) {
	stage := stageOf(r)
	if r.IsOver() {
		stage = r.Status
	}
	line := printable(fmt.Sprintf("%-11s  %s  %s", stage, took(r, now).Round(time.Second/10), counts(r)))
	if g.terminal {
		g.overwrite(line)
		return
	}
	if stage == g.stage && now.Sub(g.last) < quiet {
		return
	}
	g.stage, g.last = stage, now
	fmt.Fprintln(g.w, line)
}

// overwrite puts line in the place of the one before, with blanks over what
// that one had more: a carriage return is all that it asks of a terminal.
func (g *progress) overwrite(line string) {
	if g.width > 0 {
		line = shorten(line, g.width-1) // in the last column some terminals wrap
	}
	columns := columnsOf(line)
	fmt.Fprint(g.w, "\r", line, strings.Repeat(" ", max(0, g.shown-columns)))
	g.shown = columns
}

// close leaves the last line standing.
func (g *progress) close() {
	if g.terminal && g.shown > 0 {
		fmt.Fprintln(g.w)
	}
}
