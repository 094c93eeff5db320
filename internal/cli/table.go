package cli

import (
	"fmt"
	"io"
	"strings"
)

// A column of a table.
type column struct {
	title string
	least int  // columns that it may shrink to on a narrow terminal; 0 for never
	when  bool // its texts are those of when; on a narrow terminal they lose the distance
	state bool // its texts are states and coloured as such
}

// A table lays rows out in columns. It can be written in parts, for a list
// that comes in pages; widths grow with the parts and never shrink.
type table struct {
	columns []column
	width   int // of the terminal; 0 for no bound
	paint   func(colour, string) string

	widths []int // of the columns, so far
}

// newTable returns a table for the results.
func (p *program) newTable(columns []column) *table {
	t := &table{columns: columns, paint: func(c colour, text string) string { return p.paint(c, text, p.terminal.out) }}
	if p.terminal.out {
		t.width = p.terminal.width
	}
	return t
}

// write appends rows, and the titles before the first ones.
func (t *table) write(w io.Writer, rows [][]string) error {
	var b strings.Builder
	first := t.widths == nil
	if first {
		t.widths = make([]int, len(t.columns))
		for i, c := range t.columns {
			t.widths[i] = columnsOf(c.title)
		}
	}
	for _, row := range rows {
		for i := range row {
			row[i] = printable(row[i])
			t.widths[i] = max(t.widths[i], columnsOf(row[i]))
		}
	}
	widths := t.fit()
	if first {
		titles := make([]string, len(t.columns))
		for i, c := range t.columns {
			titles[i] = c.title
		}
		t.line(&b, titles, widths, func(int, string) colour { return bold })
	}
	for _, row := range rows {
		t.line(&b, row, widths, func(i int, text string) colour {
			if !t.columns[i].state {
				return ""
			}
			return stateColour(text)
		})
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// gap separates columns.
const gap = "  "

// fit returns the widths that the terminal has room for. First the distances
// of times give way, then the widest of the columns that may shrink.
func (t *table) fit() []int {
	widths := append([]int(nil), t.widths...)
	if t.width == 0 {
		return widths
	}
	total := (len(widths) - 1) * len(gap)
	for _, w := range widths {
		total += w
	}
	for i, c := range t.columns {
		if c.when && widths[i] > len(dateLayout) && total > t.width {
			total -= widths[i] - len(dateLayout)
			widths[i] = len(dateLayout)
		}
	}
	for ; total > t.width; total-- {
		widest := -1
		for i, c := range t.columns {
			if c.least > 0 && widths[i] > c.least && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return widths
		}
		widths[widest]--
	}
	return widths
}

// line writes one row.
func (t *table) line(b *strings.Builder, cells []string, widths []int, colourOf func(int, string) colour) {
	for i, cell := range cells {
		if t.columns[i].when && len(cell) > widths[i] {
			cell = cell[:len(dateLayout)]
		}
		text := shorten(cell, widths[i])
		pad := ""
		if i < len(cells)-1 {
			pad = strings.Repeat(" ", widths[i]-columnsOf(text)) + gap
		}
		fmt.Fprint(b, t.paint(colourOf(i, cell), text), pad)
	}
	b.WriteByte('\n')
}

// stateColour returns the colour of a state of a sync, a certificate or an authority.
func stateColour(state string) colour {
	switch state {
	case "succeeded", "valid", "trusted":
		return green
	case "failed", "revoked", "expired", "removed":
		return red
	case "running", "notStarted", "suspended", "quarantined", "retiring", "cancelled":
		return yellow
	}
	return ""
}

// A field is one line of the description of a single object.
type field struct {
	name, value string
	state       bool
}

// describe writes the fields of one object below each other.
func (p *program) describe(fields []field) error {
	var b strings.Builder
	widest := 0
	for _, f := range fields {
		widest = max(widest, columnsOf(f.name))
	}
	for _, f := range fields {
		value := printable(f.value)
		if f.state {
			value = p.paint(stateColour(value), value, p.terminal.out)
		}
		name := p.paint(bold, f.name, p.terminal.out)
		fmt.Fprintf(&b, "%s%s%s%s\n", name, strings.Repeat(" ", widest-columnsOf(f.name)), gap, value)
	}
	_, err := io.WriteString(p.out, b.String())
	return err
}
