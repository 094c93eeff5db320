package odata

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Bounds of the control information in a body, which is read and ignored.
const (
	maxAnnotations     = 64       // of one object
	maxAnnotationBytes = 16 << 10 // of one annotation
)

// Decode reads a request body that must be one JSON object of the type t.
// Members must be spelled as in the schema and have values of their type;
// control information (@odata.context and the like) is ignored but for a wrong
// @odata.type. The error is an *Error with all faults found, and never holds
// a value out of the body. The caller bounds the length of body.
func (t *EntityType) Decode(body []byte) (Object, error) {
	d := newDecoder(body)
	d.navigations = t.Navigations
	return d.decode(structure{name: t.Name, properties: t.Properties})
}

// DecodeChange is Decode for the body of an update: members that the service
// owns, and the key, are skipped whatever they hold, because clients send back
// what they have read.
func (t *EntityType) DecodeChange(body []byte) (Object, error) {
	d := newDecoder(body)
	d.navigations, d.isChange = t.Navigations, true
	return d.decode(structure{name: t.Name, properties: t.Properties})
}

// Decode reads the parameters of an action as EntityType.Decode reads a body.
// An empty body is an empty object.
func (a *Action) Decode(body []byte) (Object, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	return newDecoder(body).decode(structure{action: a.Name, properties: a.Parameters})
}

// A structure is what an object in the body must look like.
type structure struct {
	name       string // of the type, or "" where there is none
	action     string // whose parameters these are, or ""
	properties []Property
}

// A decoder reads one body. Broken JSON ends the reading with an error; what
// is valid JSON of the wrong content is noted, and the reading goes on.
type decoder struct {
	body        []byte
	in          *jsontext.Decoder
	navigations []Navigation
	isChange    bool // what the service owns is skipped
	faults      []Error
	name        []byte // of the member at hand, unquoted
}

func newDecoder(body []byte) *decoder {
	return &decoder{body: body, in: jsontext.NewDecoder(bytes.NewBuffer(body))}
}

func (d *decoder) decode(s structure) (Object, error) {
	if bytes.HasPrefix(d.body, []byte("\xEF\xBB\xBF")) {
		return Object{}, bodyError(0, "The body must not begin with a byte order mark.")
	}
	if kind := d.in.PeekKind(); kind != '{' {
		if _, err := d.in.ReadToken(); err != nil {
			return Object{}, d.syntax(err)
		}
		return Object{}, bodyError(0, "The body must be a JSON object.")
	}
	values, err := d.object(s, "")
	if err != nil {
		return Object{}, err
	}
	end := int(d.in.InputOffset())
	if _, err := d.in.ReadToken(); !errors.Is(err, io.EOF) {
		return Object{}, bodyError(end, "The body must end after one JSON object.")
	}
	if len(d.faults) > 0 {
		return Object{}, joinFaults(d.faults)
	}
	return Object{properties: s.properties, values: values}, nil
}

// object reads a JSON object whose opening brace is next.
func (d *decoder) object(s structure, parent string) ([]Value, error) {
	if _, err := d.in.ReadToken(); err != nil {
		return nil, d.syntax(err)
	}
	values := make([]Value, len(s.properties))
	annotations := 0
	for d.in.PeekKind() != '}' {
		raw, err := d.in.ReadValue()
		if err != nil {
			return nil, d.syntax(err)
		}
		pos := int(d.in.InputOffset()) - len(raw)
		if d.name, err = jsontext.AppendUnquote(d.name[:0], raw); err != nil {
			return nil, d.syntax(err)
		}
		switch i := indexOf(s.properties, d.name); {
		case i >= 0:
			values[i], err = d.member(&s.properties[i], join(parent, s.properties[i].Name), pos)
		case isAnnotation(d.name):
			if annotations++; annotations > maxAnnotations {
				return nil, bodyError(pos, "The body has too many annotations.")
			}
			err = d.annotation(s, parent, pos)
		default:
			d.unknown(s, parent, string(d.name), pos)
			err = d.skip()
		}
		if err != nil {
			return nil, err
		}
	}
	_, err := d.in.ReadToken()
	return values, d.syntax(err)
}

// annotation checks @odata.type and skips everything else.
func (d *decoder) annotation(s structure, parent string, pos int) error {
	name := string(d.name)
	if name != "@odata.type" && name != "@type" || s.name == "" {
		start := d.in.InputOffset()
		if err := d.skip(); err != nil {
			return err
		}
		if d.in.InputOffset()-start > maxAnnotationBytes {
			return bodyError(pos, "The body has an annotation that is too long.")
		}
		return nil
	}
	want := Namespace + "." + s.name
	if d.in.PeekKind() == '"' {
		token, err := d.in.ReadToken()
		if err != nil {
			return d.syntax(err)
		}
		if strings.TrimPrefix(token.String(), "#") == want {
			return nil
		}
	} else if err := d.skip(); err != nil {
		return err
	}
	d.fault(Error{Code: CodeModelValidation, Target: join(parent, name), Pos: pos, Msg: "The '" + name + "' must be '#" + want + "'."})
	return nil
}

// unknown notes a member that the type does not have.
func (d *decoder) unknown(s structure, parent, name string, pos int) {
	target, quoted := parent, "The name of a member"
	if shown(name) {
		target, quoted = join(parent, name), "The property '"+name+"'"
	}
	msg := quoted + " does not exist"
	if p := find(s.properties, name); p != nil {
		msg = quoted + " must be spelled '" + p.Name + "'"
	} else if s.name != "" {
		msg += " on type '" + Namespace + "." + s.name + "'"
	} else if s.action != "" {
		msg += " among the parameters of '" + s.action + "'"
	}
	for _, n := range d.navigations {
		if parent == "" && n.Name == name {
			msg = quoted + " is a navigation property and cannot be set here"
		}
	}
	d.fault(Error{Target: target, Pos: pos, Msg: msg + "."})
}

// skip reads the next value and forgets it.
func (d *decoder) skip() error {
	floor := d.in.StackDepth()
	for {
		if _, err := d.in.ReadToken(); err != nil {
			return d.syntax(err)
		}
		depth := d.in.StackDepth()
		if depth > MaxDepth {
			return bodyError(int(d.in.InputOffset()), "The body is nested too deeply.")
		}
		if depth == floor {
			return nil
		}
	}
}

// fault notes something wrong in valid JSON.
func (d *decoder) fault(e Error) {
	if e.Code == "" {
		e.Code = CodeBadRequest
	}
	if len(d.faults) < maxDetails {
		d.faults = append(d.faults, e)
	}
}

// joinFaults returns the first fault, with all of them as its details where
// there are several.
func joinFaults(faults []Error) *Error {
	e := faults[0]
	if len(faults) > 1 {
		e.Details = faults
	}
	return &e
}

// syntax turns an error of the JSON reader into one that quotes no input.
func (d *decoder) syntax(err error) error {
	if err == nil {
		return nil
	}
	pos := int(d.in.InputOffset())
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		pos = int(syntactic.ByteOffset)
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return duplicate(syntactic.JSONPointer, pos)
		}
	}
	switch {
	case len(d.body) == 0:
		return bodyError(0, "The body is empty; it must be a JSON object.")
	case !utf8.Valid(d.body):
		return bodyError(pos, "The body is not valid UTF-8.")
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return bodyError(len(d.body), "The body ends in the middle of the JSON.")
	}
	return bodyError(pos, "The body is not valid JSON at byte "+strconv.Itoa(pos)+".")
}

// duplicate names the member that is there twice. Its path leaves out the
// indices of arrays, as every Target does.
func duplicate(pointer jsontext.Pointer, pos int) *Error {
	target := ""
	for name := range pointer.Tokens() {
		if !shown(name) {
			return bodyError(pos, "The body has a member twice.")
		}
		if !isDigit(name[0]) {
			target = join(target, name)
		}
	}
	e := bodyError(pos, "The member '"+target+"' is there twice.")
	e.Target = target
	return e
}

func bodyError(pos int, msg string) *Error {
	return &Error{Code: CodeBadRequest, Pos: pos, Msg: msg}
}

// isAnnotation reports whether a member is control information: with an @ in
// its name, or # in front, which advertises an action.
func isAnnotation(name []byte) bool {
	return len(name) > 0 && name[0] == '#' || bytes.IndexByte(name, '@') >= 0
}

func indexOf(properties []Property, name []byte) int {
	for i := range properties {
		if properties[i].Name == string(name) {
			return i
		}
	}
	return -1
}

// join writes the path of a member as clients write it.
func join(parent, name string) string {
	if parent == "" {
		return name
	}
	return parent + "/" + name
}
