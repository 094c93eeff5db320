package odata

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds of the query options other than $filter.
const (
	maxOptionBytes = 8 << 10
	maxSearchBytes = 1 << 10
	maxOrderKeys   = 5
)

// ParseQuery reads the raw query string of a URL against the type t. The $ of
// an option may be left out, option names and property names match without
// regard to case, and both + and %20 are blanks. An unknown option, an option
// given twice and anything the schema does not allow is an *Error that names
// the option.
func ParseQuery(raw string, t *EntityType) (Query, error) {
	q := Query{Top: DefaultTop, Select: Selection{All: true}}
	var seen []string
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, err := splitOption(part)
		if err != nil {
			return Query{}, err
		}
		if slices.Contains(seen, name) {
			return Query{}, optionError(name, 0, "The query option '"+name+"' is given twice.")
		}
		seen = append(seen, name)
		if err := q.set(t, name, value); err != nil {
			return Query{}, err
		}
	}
	return q, nil
}

// splitOption returns the option's name in lower case with its $, and its
// value.
func splitOption(part string) (name, value string, err error) {
	rawName, rawValue, _ := strings.Cut(part, "=")
	name, ok := unescape(rawName, true)
	if !ok || !shown(name) {
		return "", "", optionError("", 0, "The query string has an option whose name is not valid.")
	}
	name = optionName(name)
	value, ok = unescape(rawValue, true)
	switch {
	case !ok:
		return "", "", optionError(name, 0, "The value of '"+name+"' has an invalid percent escape.")
	case !utf8.ValidString(value) || strings.IndexByte(value, 0) >= 0:
		return "", "", optionError(name, 0, "The value of '"+name+"' has characters that are not allowed.")
	case len(value) > longest(name):
		return "", "", optionError(name, 0, "The value of '"+name+"' is too long.")
	}
	return name, value, nil
}

// optionName is the name of an option in lower case with the $ that may be left
// out. Parameter aliases and api-version have none.
func optionName(name string) string {
	name = strings.ToLower(name)
	if name == "" || name[0] == '$' || name[0] == '@' || name == "api-version" {
		return name
	}
	return "$" + name
}

// longest is how many bytes the value of an option may have.
func longest(option string) int {
	switch option {
	case "$filter":
		return MaxFilterBytes
	case "$skiptoken":
		return maxTokenBytes
	}
	return maxOptionBytes
}

// set puts the option called name into q.
func (q *Query) set(t *EntityType, name, value string) (err error) {
	switch name {
	case "$filter":
		q.Filter, err = parseFilter(value, t)
	case "$orderby":
		q.OrderBy, err = parseOrder(value, t)
	case "$select":
		q.Select, err = parseSelect(value, t)
	case "$search":
		q.Search, err = parseSearch(value, t)
	case "$expand":
		q.Expand, err = parseExpand(value, t)
	case "$top":
		q.Top, err = parseNumber(name, value, 1, MaxTop)
		q.HasTop = true
	case "$skip":
		q.Skip, err = parseNumber(name, value, 0, math.MaxInt32)
	case "$count":
		q.Count = value == "true"
		if value != "true" && value != "false" {
			err = optionError(name, 0, "Invalid value for $count: it must be true or false.")
		}
	case "$skiptoken":
		q.SkipToken = value
		if value == "" {
			err = errToken(skipTokenOption)
		}
	case "$format":
		q.Format = value
	case "api-version":
	default:
		err = optionError(name, 0, "The query option '"+name+"' is not supported.")
	}
	return err
}

func optionError(option string, pos int, msg string) *Error {
	return &Error{Code: CodeBadRequest, Option: option, Pos: pos, Msg: msg}
}

func parseNumber(option, value string, least, most int) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most || !isDigit(value[0]) {
		return 0, optionError(option, 0, "Invalid value for "+option+": it must be a whole number from "+strconv.Itoa(least)+" to "+strconv.Itoa(most)+".")
	}
	return n, nil
}

// parseOrder reads $orderby. What follows the key cannot change the order any
// more and is checked, but left out.
func parseOrder(value string, t *EntityType) ([]Order, error) {
	var keys []Order
	count, total := 0, false
	for item, pos := range items(value) {
		fields := strings.Fields(item)
		if len(fields) == 0 || len(fields) > 2 {
			return nil, orderError(pos, "a property, with asc or desc behind it, is expected")
		}
		desc, ok := direction(fields[1:])
		if !ok {
			return nil, orderError(pos, "only asc or desc may stand behind a property")
		}
		path, problem := resolve(t, fields[0])
		if problem == "" && !path.Property.Sort {
			problem = "the property '" + path.String() + "' is not sortable"
		}
		if problem != "" {
			return nil, orderError(pos, problem)
		}
		if count++; count > maxOrderKeys {
			return nil, orderError(pos, "there are more than "+strconv.Itoa(maxOrderKeys)+" keys")
		}
		if slices.ContainsFunc(keys, func(o Order) bool { return o.Path == path }) {
			return nil, orderError(pos, "the property '"+path.String()+"' is there twice")
		}
		if !total {
			keys = append(keys, Order{Path: path, Desc: desc})
		}
		total = total || path.Parent == nil && path.Property.Name == keyName
	}
	return keys, nil
}

// direction reads what stands behind a property in $orderby.
func direction(fields []string) (desc, ok bool) {
	switch {
	case len(fields) == 0 || equalFoldASCII(fields[0], "asc"):
		return false, true
	case equalFoldASCII(fields[0], "desc"):
		return true, true
	}
	return false, false
}

func orderError(pos int, problem string) *Error {
	return optionError("$orderby", pos, "Invalid orderby clause: "+problem+" at position "+strconv.Itoa(pos)+".")
}

// parseSelect reads $select. The key is always selected. Names of navigation
// properties and of control information are allowed and select nothing more.
func parseSelect(value string, t *EntityType) (Selection, error) {
	chosen := make([]bool, len(t.Properties))
	for item, pos := range items(value) {
		name := strings.TrimSpace(item)
		i := slices.IndexFunc(t.Properties, func(p Property) bool { return equalFoldASCII(p.Name, name) })
		switch {
		case name == "*":
			for i := range chosen {
				chosen[i] = true
			}
		case i >= 0:
			chosen[i] = true
		case navigation(t, name) == nil && !strings.HasPrefix(name, "@odata."):
			return Selection{}, selectError(pos, unselectable(t, name))
		}
	}
	var s Selection
	for i, p := range t.Properties {
		if chosen[i] || p.Name == keyName {
			s.Names = append(s.Names, p.Name)
		}
	}
	return s, nil
}

func unselectable(t *EntityType, name string) string {
	if parent, _, ok := strings.Cut(name, "/"); ok && t.Property(parent) != nil {
		return "a member of '" + t.Property(parent).Name + "' cannot be selected alone; select '" + t.Property(parent).Name + "'"
	}
	return missing(name, t.Name)
}

func selectError(pos int, problem string) *Error {
	return optionError("$select", pos, "Parsing OData Select and Expand failed: "+problem+" at position "+strconv.Itoa(pos)+".")
}

// navigation returns the navigation property called name, or nil.
func navigation(t *EntityType, name string) *Navigation {
	for i := range t.Navigations {
		if equalFoldASCII(t.Navigations[i].Name, name) {
			return &t.Navigations[i]
		}
	}
	return nil
}

// parseSearch reads a plain text, or one in double quotes with \" and \\ for
// themselves, and folds its case.
func parseSearch(value string, t *EntityType) (string, error) {
	if !slices.ContainsFunc(t.Properties, searchable) {
		return "", optionError("$search", 0, "The query option '$search' is not supported on '"+Namespace+"."+t.Name+"'.")
	}
	text := strings.TrimSpace(value)
	if strings.HasPrefix(text, `"`) {
		inner, ok := unquote(text)
		if !ok {
			return "", optionError("$search", 0, "Invalid value for $search: it must be one text, which may be in double quotes.")
		}
		text = inner
	}
	if strings.TrimSpace(text) == "" || len(text) > maxSearchBytes {
		return "", optionError("$search", 0, "Invalid value for $search: it must have from 1 to "+strconv.Itoa(maxSearchBytes)+" bytes.")
	}
	return Fold(text), nil
}

// searchable reports whether $search looks at p or into it.
func searchable(p Property) bool {
	return p.Search || p.Kind == KindComplex && !p.Collection && slices.ContainsFunc(p.Complex.Properties, searchable)
}

// unquote takes the double quotes off a text that begins with one.
func unquote(s string) (string, bool) {
	b := make([]byte, 0, len(s))
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return string(b), i == len(s)-1
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
		}
		b = append(b, s[i])
	}
	return "", false
}
