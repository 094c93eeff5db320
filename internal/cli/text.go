package cli

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// printable replaces what a terminal would obey instead of showing: control
// characters, escape sequences, marks that turn the direction of writing.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return unicode.ReplacementChar
	}, s)
}

// columnsOf returns how many columns of a terminal s takes.
func columnsOf(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	default:
		return 1
	}
}

// shorten cuts s to at most most columns and says so by an ellipsis.
func shorten(s string, most int) string {
	if columnsOf(s) <= most {
		return s
	}
	used := 0
	for i, r := range s {
		if used += runeColumns(r); used >= most {
			return s[:i] + "…"
		}
	}
	return s
}
