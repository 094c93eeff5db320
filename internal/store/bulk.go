package store

import (
	"context"
	"strconv"
	"strings"
)

// A bulk inserts many rows with few statements. Their texts are few as well, so
// that they stay prepared.
type bulk []bulkText

type bulkText struct {
	rows int
	text string
}

// newBulk returns the bulk of INSERT INTO head VALUES … tail, with so many
// columns a row.
func newBulk(head string, columns int, tail string) bulk {
	var b bulk
	for _, rows := range []int{50, 10, 1} {
		var text strings.Builder
		text.WriteString("INSERT INTO " + head + " VALUES ")
		for i := range rows {
			if i > 0 {
				text.WriteByte(',')
			}
			text.WriteString("(" + placeholders(1+i*columns, columns) + ")")
		}
		b = append(b, bulkText{rows, text.String() + tail})
	}
	return b
}

// exec inserts rows, each of which has all columns.
func (b bulk) exec(ctx context.Context, c conn, rows [][]any) error {
	for _, t := range b {
		for len(rows) >= t.rows {
			args := make([]any, 0, t.rows*len(rows[0]))
			for _, row := range rows[:t.rows] {
				args = append(args, row...)
			}
			if _, err := c.exec(ctx, t.text, args...); err != nil {
				return err
			}
			rows = rows[t.rows:]
		}
	}
	return nil
}

// placeholders returns n parameters from ?from on, with commas between.
func placeholders(from, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("?" + strconv.Itoa(from+i))
	}
	return b.String()
}
