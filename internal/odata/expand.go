package odata

import (
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Bounds of $expand: how many children of each parent are shown at first. A
// client that wants more follows the link behind them.
const (
	DefaultExpandTop = 20
	MaxExpandTop     = 100
)

// An Expansion is one navigation of $expand with the options that stand in
// parentheses behind its name (OData 4.01 URL conventions, section 5.1.3).
type Expansion struct {
	Navigation string // as the schema spells it
	Target     *EntityType
	Query      Query // of the children; its Top is DefaultExpandTop where none was asked

	// Options are those options as the query string of the navigation's own
	// address has them, without $skip: what a link to further children needs.
	Options string
}

// parseExpand reads $expand: names of navigation properties, each perhaps with
// options, or * for all of them. The answer is in the order of the schema.
func parseExpand(value string, t *EntityType) ([]Expansion, error) {
	var named []Expansion
	all := false
	for item, pos := range outside(value, ',') {
		name, rest, opened := strings.Cut(item, "(")
		name = strings.TrimSpace(name)
		if name == "*" {
			if all || name != strings.TrimSpace(item) {
				return nil, expandError(pos, "'*' may be there once and takes no options")
			}
			all = true
			continue
		}
		found := navigation(t, name)
		if found == nil {
			return nil, expandError(pos, unexpandable(t, name))
		}
		if slices.ContainsFunc(named, func(e Expansion) bool { return e.Navigation == found.Name }) {
			return nil, expandError(pos, "the property '"+found.Name+"' is there twice")
		}
		e, err := newExpansion(found, rest, opened, pos)
		if err != nil {
			return nil, err
		}
		named = append(named, e)
	}
	return inOrder(t, named, all)
}

// inOrder sorts what is to be expanded as the schema does, and adds what * is
// for: what was not named with options of its own.
func inOrder(t *EntityType, named []Expansion, all bool) ([]Expansion, error) {
	var list []Expansion
	for i := range t.Navigations {
		n := &t.Navigations[i]
		at := slices.IndexFunc(named, func(e Expansion) bool { return e.Navigation == n.Name })
		switch {
		case at >= 0:
			list = append(list, named[at])
		case all:
			e, err := newExpansion(n, "", false, 0)
			if err != nil {
				return nil, err
			}
			list = append(list, e)
		}
	}
	if len(list) == 0 {
		return nil, expandError(0, "'"+Namespace+"."+t.Name+"' has no navigation property")
	}
	return list, nil
}

// unexpandable says why name cannot be expanded.
func unexpandable(t *EntityType, name string) string {
	first, rest, path := strings.Cut(name, "/")
	switch {
	case path && (equalFoldASCII(rest, "$ref") || equalFoldASCII(rest, "$count")):
		return "'/" + strings.ToLower(rest) + "' is not supported here; for the number of items expand with ($count=true)"
	case path && navigation(t, first) != nil:
		return "nothing can be expanded below '" + navigation(t, first).Name + "'"
	case t.Property(first) != nil:
		return "the property '" + t.Property(first).Name + "' is not a navigation property"
	}
	return missing(name, t.Name)
}

// newExpansion reads what stands behind the opening parenthesis, where there
// is one.
func newExpansion(n *Navigation, rest string, opened bool, pos int) (Expansion, error) {
	e := Expansion{Navigation: n.Name, Target: n.Target, Query: Query{Top: DefaultExpandTop, Select: Selection{All: true}}}
	if !opened {
		return e, nil
	}
	end := span("("+rest, 0) - len("(")
	switch {
	case end < 0:
		return e, expandError(pos, "the parentheses or quotes behind '"+n.Name+"' do not end")
	case strings.TrimSpace(rest[end:]) != "":
		return e, expandError(pos, "nothing may stand behind the parentheses of '"+n.Name+"'")
	}
	var seen []string
	for part := range outside(rest[:end-len(")")], ';') {
		if strings.TrimSpace(part) == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name = optionName(strings.TrimSpace(name))
		problem := e.set(name, value)
		if slices.Contains(seen, name) {
			problem = "The query option '" + name + "' is given twice."
		}
		if problem != "" {
			return e, optionError("$expand", pos, "In the $expand of '"+n.Name+"': "+problem)
		}
		seen = append(seen, name)
	}
	return e, nil
}

// set puts an option in parentheses into e, or says what is wrong with it.
func (e *Expansion) set(name, value string) (problem string) {
	switch {
	case !shown(name):
		return "An option such as $top=5 is expected, and semicolons between options."
	case len(value) > longest(name):
		return "The value of '" + name + "' is too long."
	}
	var err error
	switch name {
	case "$select", "$filter", "$orderby", "$search", "$count", "$skip":
		err = e.Query.set(e.Target, name, value)
	case "$top":
		e.Query.HasTop = true
		e.Query.Top, err = parseNumber(name, value, 1, MaxExpandTop)
	case "$expand", "$levels":
		return "The query option '" + name + "' is not supported here: nothing can be expanded below '" + e.Navigation + "'."
	default:
		return "The query option '" + name + "' is not supported inside $expand."
	}
	if err != nil {
		return err.Error()
	}
	if name != "$skip" {
		if e.Options != "" {
			e.Options += "&"
		}
		e.Options += name + "=" + strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
	}
	return ""
}

// expandError is as selectError: Microsoft Graph tells of both in one way.
func expandError(pos int, problem string) *Error {
	e := selectError(pos, problem)
	e.Option = "$expand"
	return e
}

// outside yields the parts of text between separators that stand neither in
// quotes nor in parentheses, and where each begins.
func outside(text string, separator byte) iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		start, i := 0, 0
		for i < len(text) {
			switch c := text[i]; {
			case c == separator:
				if !yield(text[start:i], start) {
					return
				}
				i++
				start = i
			case c == '(' || c == '\'' || c == '"':
				if i = span(text, i); i < 0 {
					i = len(text)
				}
			default:
				i++
			}
		}
		yield(text[start:], start)
	}
}

// span returns where the quoted text or the parentheses that begin at i end,
// or -1 where they do not.
func span(text string, i int) int {
	for depth := 0; i < len(text); i++ {
		switch text[i] {
		case '(':
			depth++
		case ')':
			depth--
		case '\'', '"':
			length := quotedLength(text[i:])
			if length < 0 {
				return -1
			}
			i += length - 1
		}
		if depth <= 0 {
			return i + 1
		}
	}
	return -1
}

// quotedLength measures the quoted text at the beginning of s, or is -1 where
// it does not end. A quote inside is doubled in single quotes, which then are
// two texts side by side, and has a backslash before it in double quotes.
func quotedLength(s string) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == s[0]:
			return i + 1
		case s[i] == '\\' && s[0] == '"':
			i++
		}
	}
	return -1
}

// appendExpansions writes what of $expand a position in the answer is bound to.
func appendExpansions(dst []byte, list []Expansion) []byte {
	for _, e := range list {
		dst = append(append(append(dst, "&expand="...), e.Navigation...), '?')
		dst = append(dst, e.Query.Canonical()...)
		dst = strconv.AppendInt(append(dst, "&skip="...), int64(e.Query.Skip), 10)
	}
	return dst
}
