package odata

import "fmt"

// A Shape writes the entities of one type as OData JSON. It is made once and
// is safe for concurrent use.
type Shape[T any] struct {
	open        string // "@odata.type":"#microsoft.graph.cloudPkiSubscription"
	members     []member
	get         []func(*T) Value
	navigations []string
}

// A member is a property with what is written in front of its value.
type member struct {
	*Property
	prefix   string   // "name":
	typed    string   // "name@odata.type":"#DateTimeOffset", or ""
	open     string   // of a complex type, as in Shape
	children []member // of a complex type
}

// NewShape makes the Shape of t, whose members are read by the functions in
// get, by property name. A property without a function or a function without
// a property is an error.
func NewShape[T any](t *EntityType, get map[string]func(*T) Value) (*Shape[T], error) {
	s := &Shape[T]{open: `"@odata.type":"#` + Namespace + "." + t.Name + `"`, members: newMembers(t.Properties)}
	for _, p := range t.Properties {
		g := get[p.Name]
		if g == nil {
			return nil, fmt.Errorf("shape of %s: no getter for property %s", t.Name, p.Name)
		}
		s.get = append(s.get, g)
	}
	for name := range get {
		if findExact(t.Properties, name) < 0 {
			return nil, fmt.Errorf("shape of %s: getter for unknown property %s", t.Name, name)
		}
	}
	for _, n := range t.Navigations {
		s.navigations = append(s.navigations, n.Name)
	}
	return s, nil
}

func newMembers(properties []Property) []member {
	members := make([]member, len(properties))
	for i := range properties {
		p := &properties[i]
		m := member{Property: p, prefix: `"` + p.Name + `":`}
		if control := p.controlType(); control != "" {
			m.typed = `"` + p.Name + `@odata.type":"` + control + `"`
		}
		if p.Kind == KindComplex {
			m.open = `"@odata.type":"` + Namespace + "." + p.Complex.Name + `"`
			m.children = newMembers(p.Complex.Properties)
		}
		members[i] = m
	}
	return members
}

// Append writes item as a JSON object: the annotations, then the selected
// members in schema order.
func (s *Shape[T]) Append(dst []byte, item *T, sel Selection, f Format, a Annotations) []byte {
	return append(s.AppendOpen(dst, item, sel, f, a), '}')
}

// AppendOpen is Append without the closing brace, for a caller who has more
// members to add, such as those of $expand.
func (s *Shape[T]) AppendOpen(dst []byte, item *T, sel Selection, f Format, a Annotations) []byte {
	o := objectWriter{dst: append(dst, '{'), format: f}
	s.annotate(&o, a)
	everything := sel.All || len(sel.Names) == 0
	names := sel.Names
	for i := range s.members {
		m := &s.members[i]
		selected := len(names) > 0 && names[0] == m.Name
		if selected {
			names = names[1:]
		}
		if !everything && !selected {
			continue
		}
		v := s.get[i](item)
		switch {
		case v.state == Present:
			o.member(m, &v)
		case selected || !m.Optional:
			o.null(m)
		}
	}
	return o.dst
}

// annotate writes the control information of an entity.
func (s *Shape[T]) annotate(o *objectWriter, a Annotations) {
	if o.format.Metadata == MetadataNone {
		return
	}
	o.text(`"@odata.context":`, a.Context)
	o.text(`"@odata.etag":`, a.ETag)
	o.raw(s.open)
	if o.format.Metadata != MetadataFull {
		return
	}
	o.text(`"@odata.id":`, a.ID)
	o.text(`"@odata.editLink":`, a.EditLink)
	if a.EditLink == "" {
		return
	}
	for _, name := range s.navigations {
		o.raw(`"`)
		o.dst = append(append(o.dst, name...), `@odata.navigationLink":`...)
		o.dst = AppendString(o.dst, a.EditLink)
		o.dst = append(o.dst[:len(o.dst)-1], '/')
		o.dst = append(append(o.dst, name...), '"')
	}
}

// An objectWriter writes the members of one JSON object.
type objectWriter struct {
	dst    []byte
	format Format
	more   bool // a member was written
}

// raw writes text as the next member, or the beginning of one.
func (o *objectWriter) raw(text string) {
	if o.more {
		o.dst = append(o.dst, ',')
	}
	o.more = true
	o.dst = append(o.dst, text...)
}

// text writes a member of text unless it is empty.
func (o *objectWriter) text(prefix, value string) {
	if value != "" {
		o.raw(prefix)
		o.dst = AppendString(o.dst, value)
	}
}

// null writes a property that has no value. OData has no null collections.
func (o *objectWriter) null(m *member) {
	o.raw(m.prefix)
	if m.Collection {
		o.dst = append(o.dst, "[]"...)
		return
	}
	o.dst = append(o.dst, "null"...)
}

// member writes a property that has a value.
func (o *objectWriter) member(m *member, v *Value) {
	if o.format.Metadata == MetadataFull && m.typed != "" {
		o.raw(m.typed)
	}
	o.raw(m.prefix)
	if !m.Collection {
		o.dst = m.appendItem(o.dst, v, o.format)
		return
	}
	o.dst = append(o.dst, '[')
	for i := range v.list {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.dst = m.appendItem(o.dst, &v.list[i], o.format)
	}
	o.dst = append(o.dst, ']')
}

// appendItem writes one value that is not a collection.
func (m *member) appendItem(dst []byte, v *Value, f Format) []byte {
	if v.state != Present {
		return append(dst, "null"...)
	}
	if m.Kind != KindComplex {
		return appendPrimitive(dst, m.Property, v, f)
	}
	o := objectWriter{dst: append(dst, '{'), format: f}
	if f.Metadata != MetadataNone {
		o.raw(m.open)
	}
	for i := range m.children {
		switch child := &m.children[i]; {
		case i < len(v.list) && v.list[i].state == Present:
			o.member(child, &v.list[i])
		case !child.Optional:
			o.null(child)
		}
	}
	return append(o.dst, '}')
}
