package odata

import (
	"strings"
	"unicode/utf8"
)

// Bounds of a resource path.
const (
	maxPathBytes = 4 << 10
	maxSegments  = 32
)

// A Segment is one step of a resource path. Names are matched without regard
// to case on Name, keys exactly on Text.
type Segment struct {
	Text string // as written, percent escapes decoded
	Name string // Text without a leading microsoft.graph.
	Key  bool   // was written as a key in parentheses; Text is the key, Name is empty
	Call bool   // was written with empty parentheses, as in delta()
}

// ResourcePath splits an escaped URL path, relative to the version root, into
// segments: set('key') yields two. A key in parentheses is a quoted string,
// with quotes in it doubled, or a bare GUID; its name, id=, may stand in front.
// One slash may lead and one may trail. Empty segments, "." and ".." are
// refused.
func ResourcePath(p string) ([]Segment, error) {
	if len(p) > maxPathBytes {
		return nil, pathError("The path is too long.")
	}
	rest := strings.TrimPrefix(p, "/")
	rest = strings.TrimSuffix(rest, "/")
	if rest == "" {
		if len(p) > 1 {
			return nil, pathError("The path has an empty segment.")
		}
		return nil, nil
	}
	var segments []Segment
	for part := range strings.SplitSeq(rest, "/") {
		if len(segments) >= maxSegments {
			return nil, pathError("The path has too many segments.")
		}
		text, err := unescapeSegment(part)
		if err != nil {
			return nil, err
		}
		if segments, err = appendSegments(segments, text); err != nil {
			return nil, err
		}
	}
	return segments, nil
}

// appendSegments appends the one or two segments that text holds.
func appendSegments(segments []Segment, text string) ([]Segment, error) {
	open := strings.IndexByte(text, '(')
	if open < 0 {
		return append(segments, Segment{Text: text, Name: shortName(text)}), nil
	}
	if open == 0 || text[len(text)-1] != ')' {
		return nil, noSegment(text)
	}
	name, argument := text[:open], text[open+1:len(text)-1]
	if name == "." || name == ".." {
		return nil, noSegment(text)
	}
	s := Segment{Text: name, Name: shortName(name)}
	if argument == "" {
		s.Call = true
		return append(segments, s), nil
	}
	key, ok := parenthesisKey(argument)
	if !ok {
		return nil, pathError("The key in parentheses must be a string in single quotes, with quotes in it doubled.")
	}
	return append(segments, s, Segment{Text: key, Key: true}), nil
}

// parenthesisKey reads a quoted string or a bare GUID, with or without the name
// of the key.
func parenthesisKey(s string) (string, bool) {
	s = strings.TrimPrefix(s, keyName+"=")
	if isGUID(s) {
		return s, true
	}
	if len(s) < 3 || s[0] != '\'' || s[len(s)-1] != '\'' {
		return "", false
	}
	inner := s[1 : len(s)-1]
	bare := strings.ReplaceAll(inner, "''", "")
	if strings.Contains(bare, "'") {
		return "", false
	}
	return strings.ReplaceAll(inner, "''", "'"), true
}

// unescapeSegment decodes percent escapes, once.
func unescapeSegment(s string) (string, error) {
	text, ok := unescape(s, false)
	switch {
	case !ok:
		return "", pathError("The path has an invalid percent escape.")
	case text == "":
		return "", pathError("The path has an empty segment.")
	case text == "." || text == "..":
		return "", pathError("The path must not contain '.' or '..'.")
	case !utf8.ValidString(text) || hasControl(text):
		return "", pathError("The path has characters that are not allowed.")
	}
	return text, nil
}

// shortName takes the schema namespace off a qualified name.
func shortName(name string) string {
	const prefix = Namespace + "."
	if len(name) > len(prefix) && equalFoldASCII(name[:len(prefix)], prefix) {
		return name[len(prefix):]
	}
	return name
}

// noSegment is Microsoft Graph's answer to a segment it does not know.
func noSegment(text string) *Error {
	if !shown(text) {
		return pathError("Resource not found for the segment.")
	}
	return pathError("Resource not found for the segment '" + text + "'.")
}

func pathError(msg string) *Error {
	return &Error{Code: CodeBadRequest, Msg: msg}
}

func hasControl(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return true
		}
	}
	return false
}

// unescape decodes percent escapes and, in a query, "+" as a blank.
func unescape(s string, query bool) (string, bool) {
	if !strings.ContainsAny(s, "%+") {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+' && query:
			b = append(b, ' ')
		case s[i] == '%':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return "", false
			}
			b = append(b, hexValue(s[i+1])<<4|hexValue(s[i+2]))
			i += 2
		default:
			b = append(b, s[i])
		}
	}
	return string(b), true
}

func isHex(c byte) bool { return isDigit(c) || lower(c) >= 'a' && lower(c) <= 'f' }

func hexValue(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return lower(c) - 'a' + 10
}

// isGUID reports whether s is a GUID in its customary form of 36 characters.
func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return false
			}
		default:
			if !isHex(s[i]) {
				return false
			}
		}
	}
	return true
}
