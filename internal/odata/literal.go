package odata

import (
	"strconv"
	"strings"
)

// lexeme is the sort of a token in $filter.
type lexeme uint8

const (
	lexEnd    lexeme = iota
	lexWord          // a name, a number, a date, a GUID
	lexString        // '…', perhaps with a type name in front
	lexOpen
	lexClose
	lexComma
)

// A token is one piece of a $filter.
type token struct {
	kind   lexeme
	text   string // of a string: without its quotes
	prefix string // of a string: the type name in front
	pos    int
}

// A lexer cuts a $filter into tokens.
type lexer struct {
	text string
	pos  int
}

// next returns the next token and false where a string does not end.
func (l *lexer) next() (token, bool) {
	for l.pos < len(l.text) && isBlank(l.text[l.pos]) {
		l.pos++
	}
	start := l.pos
	if start == len(l.text) {
		return token{pos: start}, true
	}
	switch l.text[start] {
	case '(':
		l.pos++
		return token{kind: lexOpen, pos: start}, true
	case ')':
		l.pos++
		return token{kind: lexClose, pos: start}, true
	case ',':
		l.pos++
		return token{kind: lexComma, pos: start}, true
	}
	for l.pos < len(l.text) && !isBlank(l.text[l.pos]) && strings.IndexByte("(),'", l.text[l.pos]) < 0 {
		l.pos++
	}
	word := l.text[start:l.pos]
	if l.pos == len(l.text) || l.text[l.pos] != '\'' {
		return token{kind: lexWord, text: word, pos: start}, true
	}
	text, ok := l.quoted()
	return token{kind: lexString, text: text, prefix: word, pos: start}, ok
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// quoted reads a string in single quotes, in which a quote is doubled.
func (l *lexer) quoted() (string, bool) {
	l.pos++
	start, doubled := l.pos, false
	for l.pos < len(l.text) {
		if l.text[l.pos] != '\'' {
			l.pos++
			continue
		}
		if l.pos+1 == len(l.text) || l.text[l.pos+1] != '\'' {
			text := l.text[start:l.pos]
			l.pos++
			if doubled {
				text = strings.ReplaceAll(text, "''", "'")
			}
			return text, true
		}
		doubled = true
		l.pos += 2
	}
	return "", false
}

// isLiteral reports whether a word is a value and not a name.
func isLiteral(word string) bool {
	switch c := word[0]; {
	case isDigit(c), c == '-', c == '+':
		return true
	}
	switch strings.ToLower(word) {
	case "null", "true", "false":
		return true
	}
	return isGUID(word)
}

func (t token) isNull() bool { return t.kind == lexWord && equalFoldASCII(t.text, "null") }
func (t token) isTrue() bool { return t.kind == lexWord && equalFoldASCII(t.text, "true") }
func (t token) isBool() bool {
	return t.isTrue() || t.kind == lexWord && equalFoldASCII(t.text, "false")
}

// literal turns a token into a value of p's kind, or says what is wrong.
func literal(p *Property, t token) (Value, string) {
	if t.isNull() {
		return NullValue(), ""
	}
	quoted := t.kind == lexString
	plain := quoted && t.prefix == ""
	switch p.Kind {
	case KindString:
		if plain || !quoted && isGUID(t.text) { // keys are strings that often hold GUIDs
			return String(t.text), ""
		}
	case KindBoolean:
		if t.isBool() {
			return Bool(t.isTrue()), ""
		}
	case KindInt32, KindInt64:
		if n, ok := parseInt(p, t.text); ok && !quoted {
			return Int(n), ""
		}
	case KindDateTimeOffset:
		if at, ok := parseInstant(t.text); ok && !quoted {
			return Date(at), ""
		}
	case KindDuration:
		if d, err := ParseDuration(t.text); err == nil && (plain || quoted && equalFoldASCII(t.prefix, "duration")) {
			return Duration(d), ""
		}
	case KindGUID:
		if isGUID(t.text) && (!quoted || plain || equalFoldASCII(t.prefix, "guid")) {
			return String(strings.ToLower(t.text)), ""
		}
	case KindEnum:
		if n, ok := p.Enum.ValueOf(t.text); ok && (plain || quoted && equalFoldASCII(t.prefix, Namespace+"."+p.Enum.Name)) {
			return Int(n), ""
		}
	default: // binary and complex values have no literal
	}
	return Value{}, "the property '" + p.Name + "' must be compared with " + literalForm(p)
}

// parseInstant reads a date and time, or a date alone.
func parseInstant(s string) (DateTimeOffset, bool) {
	at, err := ParseDateTimeOffset(s)
	if err != nil {
		at, err = parseDate(s)
	}
	return at, err == nil
}

// literalForm says how a value of p's kind is written in $filter.
func literalForm(p *Property) string {
	switch p.Kind {
	case KindString:
		return "a string in single quotes"
	case KindBoolean:
		return "true or false"
	case KindInt32, KindInt64:
		return "a whole number in the range of its type"
	case KindDateTimeOffset:
		return "a date without quotes, such as 2017-01-01T00:00:35Z or 2017-01-01"
	case KindDuration:
		return "a duration such as duration'PT1H30M'"
	case KindGUID:
		return "a GUID"
	case KindEnum:
		return "one of these names in single quotes: " + memberNames(p.Enum)
	default:
		return "null"
	}
}

// appendLiteral writes v as literal reads it.
func appendLiteral(dst []byte, p *Property, v Value) []byte {
	if v.state != Present {
		return append(dst, "null"...)
	}
	switch p.Kind {
	case KindBoolean:
		return strconv.AppendBool(dst, v.num != 0)
	case KindInt32, KindInt64:
		return strconv.AppendInt(dst, v.num, 10)
	case KindDateTimeOffset:
		return DateTimeOffset{Ticks: v.time.Ticks}.Append(dst)
	case KindDuration:
		return append(AppendDuration(append(dst, "duration'"...), v.Span()), '\'')
	case KindGUID:
		return append(dst, v.str...)
	case KindEnum:
		return appendQuoted(dst, p.Enum.NameOf(v.num))
	default:
		return appendQuoted(dst, v.str)
	}
}

// appendQuoted writes s in single quotes, with quotes in it doubled.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '\'')
	for i := range len(s) {
		if s[i] == '\'' {
			dst = append(dst, '\'')
		}
		dst = append(dst, s[i])
	}
	return append(dst, '\'')
}
