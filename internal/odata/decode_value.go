package odata

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// member reads the value of p, which may be null or a collection.
func (d *decoder) member(p *Property, target string, pos int) (Value, error) {
	if d.isChange && (p.Computed || target == keyName) {
		return Value{}, d.skip()
	}
	switch kind := d.in.PeekKind(); {
	case kind == 'n':
		return d.null(p, target, pos)
	case p.Collection && kind == '[':
		return d.collection(p, target)
	case p.Collection:
		return d.wrong(p, target, pos, "must be an array")
	}
	return d.value(p, target, pos)
}

func (d *decoder) null(p *Property, target string, pos int) (Value, error) {
	if _, err := d.in.ReadToken(); err != nil {
		return Value{}, d.syntax(err)
	}
	if !p.Nullable {
		d.fault(Error{Target: target, Pos: pos, Msg: "null is not a valid value for the property '" + p.Name + "'; '" + p.Name + "' is not a nullable property."})
	}
	return NullValue(), nil
}

func (d *decoder) collection(p *Property, target string) (Value, error) {
	if _, err := d.in.ReadToken(); err != nil {
		return Value{}, d.syntax(err)
	}
	items := []Value{}
	for d.in.PeekKind() != ']' {
		item, err := d.value(p, target, int(d.in.InputOffset()))
		if err != nil {
			return Value{}, err
		}
		items = append(items, item)
	}
	_, err := d.in.ReadToken()
	return List(items...), d.syntax(err)
}

// value reads one value of p's kind: p's own, or an item of it.
func (d *decoder) value(p *Property, target string, pos int) (Value, error) {
	item := ""
	if p.Collection {
		item = "must be an array in which each item "
	}
	kind := d.in.PeekKind()
	if p.Kind == KindComplex {
		if kind != '{' {
			return d.wrong(p, target, pos, item+wanted(p))
		}
		members, err := d.object(structure{name: p.Complex.Name, properties: p.Complex.Properties}, target)
		return List(members...), err
	}
	if kind == '{' || kind == '[' {
		return d.wrong(p, target, pos, item+wanted(p))
	}
	token, err := d.in.ReadToken()
	if err != nil {
		return Value{}, d.syntax(err)
	}
	v, problem := primitive(p, token)
	if problem != "" {
		d.fault(Error{Target: target, Pos: pos, Msg: "The property '" + p.Name + "' " + item + problem + "."})
	}
	return v, nil
}

// wrong skips a value of the wrong sort and notes it.
func (d *decoder) wrong(p *Property, target string, pos int, problem string) (Value, error) {
	d.fault(Error{Target: target, Pos: pos, Msg: "The property '" + p.Name + "' " + problem + "."})
	return Value{}, d.skip()
}

// wanted says what a value of p's kind looks like in JSON.
func wanted(p *Property) string {
	switch p.Kind {
	case KindComplex:
		return "must be an object"
	case KindBoolean:
		return "must be true or false"
	case KindInt32:
		return "must be a whole number from -2147483648 to 2147483647"
	case KindInt64:
		return "must be a whole number from -9223372036854775808 to 9223372036854775807"
	case KindDateTimeOffset:
		return "must be a date and time such as \"2017-01-01T00:00:35.1329464-08:00\""
	case KindDuration:
		return "must be a duration such as \"PT1H30M\" or \"P1D\""
	case KindGUID:
		return "must be a GUID such as \"ed4ad7e9-d7e9-ed4a-e9d7-4aede9d74aed\""
	case KindBinary:
		return "must be a string of padded standard base64"
	case KindEnum:
		return "must be one of: " + memberNames(p.Enum)
	default:
		return "must be a string"
	}
}

// memberNames lists the names of an enumeration.
func memberNames(e *EnumType) string {
	names := make([]string, len(e.Members))
	for i, m := range e.Members {
		names[i] = m.Name
	}
	return strings.Join(names, ", ")
}

// primitive turns a JSON token into a value of p's kind, or says what is
// wrong with it.
func primitive(p *Property, token jsontext.Token) (Value, string) {
	kind := token.Kind()
	switch p.Kind {
	case KindBoolean:
		if kind == 't' || kind == 'f' {
			return Bool(kind == 't'), ""
		}
		return Value{}, wanted(p)
	case KindInt32, KindInt64:
		// Int64 may come as a string: the format parameter IEEE754Compatible.
		if kind == '0' || kind == '"' && p.Kind == KindInt64 {
			if n, ok := parseInt(p, token.String()); ok {
				return Int(n), ""
			}
		}
		return Value{}, wanted(p)
	default:
	}
	if kind != '"' {
		return Value{}, wanted(p)
	}
	return fromText(p, token.String())
}

// fromText turns the text of a JSON string into a value of p's kind.
func fromText(p *Property, s string) (Value, string) {
	switch p.Kind {
	case KindDateTimeOffset:
		if t, err := ParseDateTimeOffset(s); err == nil {
			return Date(t), ""
		}
	case KindDuration:
		if t, err := ParseDuration(s); err == nil {
			return Duration(t), ""
		}
	case KindGUID:
		if isGUID(s) {
			return String(strings.ToLower(s)), ""
		}
	case KindBinary:
		if b, ok := parseBinary(s); ok {
			return Binary(b), ""
		}
	case KindEnum:
		if n, ok := p.Enum.ValueOf(s); ok {
			return Int(n), ""
		}
	default:
		return text(p, s)
	}
	return Value{}, wanted(p)
}

func text(p *Property, s string) (Value, string) {
	if strings.IndexByte(s, 0) >= 0 {
		return Value{}, "must not contain U+0000"
	}
	if p.MaxLength > 0 && len(s) > p.MaxLength && utf8.RuneCountInString(s) > p.MaxLength {
		return Value{}, "must not be longer than " + strconv.Itoa(p.MaxLength) + " characters"
	}
	return String(s), ""
}

// parseInt reads a whole number in the range of p's kind, without fraction or
// exponent.
func parseInt(p *Property, s string) (int64, bool) {
	if len(s) > 0 && s[0] == '+' {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || p.Kind == KindInt32 && (n < math.MinInt32 || n > math.MaxInt32) {
		return 0, false
	}
	return n, true
}

// parseBinary reads padded standard base64 in its one canonical form, so that
// encoding the bytes gives the same text again.
func parseBinary(s string) ([]byte, bool) {
	if strings.ContainsAny(s, "\r\n") { // which package base64 skips
		return nil, false
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	return b, err == nil
}
