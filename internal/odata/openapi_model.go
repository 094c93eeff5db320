package odata

import (
	"math"
	"slices"
	"strings"
)

// The suffixes of the schemas that follow from an entity type. The schema of
// what is read bears the type's own name.
const (
	CollectionSuffix = "CollectionResponse" // a page of a list
	DeltaSuffix      = "DeltaResponse"      // a page of changes
	CreateSuffix     = "Create"             // body of a create
	CreatedSuffix    = "Created"            // answer to a create, which repeats the secrets that were sent
	UpdateSuffix     = "Update"             // body of an update

	writeSuffix = "Write" // a complex type in the body of a request
	removed     = Namespace + ".removed"
)

// A view is one way in which a type shows itself.
type view uint8

const (
	viewRead    view = iota // answers: secrets are null
	viewCreated             // the answer to a create
	viewCreate
	viewUpdate
)

// isWrite reports whether the view is of a request.
func (v view) isWrite() bool { return v == viewCreate || v == viewUpdate }

// Schemas returns the schemas of all types of the model as an OpenAPI document
// has them among its components: "microsoft.graph.cloudPkiSubscription". The
// same model gives the same schemas in the same order.
func (m *Model) Schemas() Properties {
	var list Properties
	add := func(name string, s *Schema) { list = append(list, NamedSchema{Namespace + "." + name, s}) }
	for _, e := range m.enums() {
		add(e.Name, e.schema())
	}
	written, answered := m.written(), m.answered()
	for _, c := range m.complexes() {
		read := structured(viewRead, c.Name, c.Doc, c.Properties)
		if slices.Contains(answered, c.Name) {
			read.Properties = slices.Insert(read.Properties, 0, contextSchema())
		}
		add(c.Name, read)
		if hasSecret(c.Properties) {
			add(c.Name+CreatedSuffix, structured(viewCreated, c.Name, c.Doc, c.Properties))
		}
		if slices.Contains(written, c.Name) {
			add(c.Name+writeSuffix, structured(viewUpdate, c.Name, c.Doc, c.Properties))
		}
	}
	for _, t := range m.Types {
		list = append(list, t.schemas()...)
	}
	for _, s := range m.Singletons {
		add(s.Name, (&EntityType{Name: s.Name, Doc: s.Doc}).read(viewRead))
	}
	if slices.ContainsFunc(m.Types, func(t *EntityType) bool { return t.Delta }) {
		list = append(list, NamedSchema{removed, removedSchema()})
	}
	return list
}

// written returns the names of the complex types that clients send.
func (m *Model) written() (names []string) {
	var walk func(properties []Property)
	walk = func(properties []Property) {
		for _, p := range properties {
			if p.Kind == KindComplex && !p.Computed {
				names = append(names, p.Complex.Name)
				walk(p.Complex.Properties)
			}
		}
	}
	for _, t := range m.Types {
		walk(t.Properties)
		for _, a := range t.Actions {
			walk(a.Parameters)
		}
	}
	return names
}

// answered returns the names of the complex types that are whole answers.
func (m *Model) answered() (names []string) {
	for _, t := range m.Types {
		for _, a := range t.Actions {
			if a.Result != nil && a.Result.Kind == KindComplex {
				names = append(names, a.Result.Complex.Name)
			}
		}
	}
	return names
}

func hasSecret(properties []Property) bool {
	return slices.ContainsFunc(properties, func(p Property) bool {
		return p.Secret || p.Kind == KindComplex && hasSecret(p.Complex.Properties)
	})
}

// schemas returns the schemas of an entity type: those of requests only where
// clients have something to send.
func (t *EntityType) schemas() Properties {
	name := Namespace + "." + t.Name
	list := Properties{{name, t.read(viewRead)}, {name + CollectionSuffix, page(RefTo(name))}}
	if t.Delta {
		items := &Schema{AnyOf: []*Schema{RefTo(name), RefTo(removed)}}
		delta := page(items)
		delta.Properties = slices.Insert(delta.Properties, 1, NamedSchema{"@odata.deltaLink", &Schema{Type: Types{"string"}, Format: "uri", Description: "Where to ask for later changes; on the last page."}})
		list = append(list, NamedSchema{name + DeltaSuffix, delta})
	}
	if t.writable() {
		list = append(list,
			NamedSchema{name + CreateSuffix, structured(viewCreate, t.Name, "What a create takes. Nothing is required.", t.Properties)},
			NamedSchema{name + CreatedSuffix, t.read(viewCreated)},
			NamedSchema{name + UpdateSuffix, structured(viewUpdate, t.Name, "What an update takes: it changes the members that it has.", t.Properties)})
	}
	for _, a := range t.Actions {
		if len(a.Parameters) > 0 && !a.Function {
			list = append(list, NamedSchema{name + "." + a.Name, structured(viewUpdate, t.Name, "What the action "+a.Name+" takes.", a.Parameters)})
		}
	}
	return list
}

// read is the schema of an entity in answers: with its annotations, its key
// and what may be expanded. Nothing is required, since $select leaves out
// members and odata.metadata=none annotations.
func (t *EntityType) read(v view) *Schema {
	s := structured(v, t.Name, t.Doc, t.Properties)
	annotations := Properties{
		contextSchema(),
		{"@odata.etag", &Schema{Type: Types{"string"}, Description: "The entity tag, as in the header field ETag."}},
	}
	s.Properties = append(annotations, s.Properties...)
	if find(t.Properties, keyName) == nil {
		s.Properties = append(s.Properties, NamedSchema{keyName, &Schema{Type: Types{"string"}, ReadOnly: true, Description: "Key of the entity."}})
	}
	for _, n := range t.Navigations {
		if n.Apart {
			continue
		}
		list := ArrayOf(RefTo(Namespace + "." + n.Target.Name))
		list.Description = strings.TrimSpace(n.Doc + " Only where it was expanded.")
		s.Properties = append(append(s.Properties, pageControl(n.Name)...), NamedSchema{n.Name, list})
	}
	return s
}

func contextSchema() NamedSchema {
	return NamedSchema{"@odata.context", &Schema{Type: Types{"string"}, Format: "uri", Description: "What the answer is, as an address in $metadata."}}
}

// page is the schema of one page of a list.
func page(items *Schema) *Schema {
	return &Schema{Type: Types{"object"}, Properties: append(pageControl(""), NamedSchema{"value", ArrayOf(items)}), Required: []string{"value"}}
}

// pageControl is the control information of a page: of a list, or of the
// navigation that was expanded.
func pageControl(of string) Properties {
	zero := 0
	return Properties{
		{of + "@odata.context", &Schema{Type: Types{"string"}, Format: "uri"}},
		{of + "@odata.count", &Schema{Type: Types{"integer"}, Minimum: &zero, Description: "How many match, on all pages; where $count=true."}},
		{of + "@odata.nextLink", &Schema{Type: Types{"string"}, Format: "uri", Description: "Address of the next page; absent on the last."}},
	}
}

func removedSchema() *Schema {
	return &Schema{
		Type: Types{"object"}, Description: "An entity that is no longer in the set.",
		Properties: Properties{
			{keyName, &Schema{Type: Types{"string"}}},
			{"@removed", &Schema{Type: Types{"object"}, Properties: Properties{
				{"reason", &Schema{Type: Types{"string"}, Enum: []any{"changed", "deleted"}}},
			}, Required: []string{"reason"}}},
		},
		Required: []string{keyName, "@removed"},
	}
}

// structured is the schema of a structured type. Requests may have no other
// members than those described, but annotations; answers may have more one day.
func structured(v view, name, doc string, properties []Property) *Schema {
	s := &Schema{Type: Types{"object"}, Description: doc}
	s.Properties = Properties{{"@odata.type", &Schema{Type: Types{"string"}, Pattern: "^#?" + strings.ReplaceAll(Namespace, ".", `\.`) + `\.` + name + "$"}}}
	for i := range properties {
		s.Properties = append(s.Properties, NamedSchema{properties[i].Name, properties[i].schema(v)})
	}
	if v.isWrite() {
		others := false
		s.Patterns, s.Additional = Properties{{"@", &Schema{Description: "Annotations are read and ignored."}}}, &others
	}
	return s
}

// schema describes a property as a view shows it.
func (p *Property) schema(v view) *Schema {
	if p.Secret && v == viewRead {
		return &Schema{Type: Types{"null"}, Description: "A secret: null in every answer but the one to its create."}
	}
	s := p.item(v)
	if p.Collection {
		s = ArrayOf(s)
	}
	if p.Nullable && (!p.Collection || v.isWrite()) { // a collection without items is read as empty
		s = s.OrNull()
	}
	s.Description = p.Doc
	switch {
	case p.Secret && v.isWrite():
		s.WriteOnly = true
		s.Description += " Null and **** leave it as it is in an update."
	case p.Computed && v == viewUpdate:
		s.Description += " The service owns it: what is sent is ignored."
	case p.Computed && v == viewCreate:
		s.Description += " The service owns it: what is sent is no more than where it begins."
	case p.Computed:
		s.ReadOnly = true
	}
	return s
}

// item describes one value of the property's kind.
func (p *Property) item(v view) *Schema {
	integer := func(format string) *Schema { return &Schema{Type: Types{"integer"}, Format: format} }
	text := func(format string) *Schema { return &Schema{Type: Types{"string"}, Format: format} }
	switch p.Kind {
	case KindString:
		return &Schema{Type: Types{"string"}, MaxLength: p.MaxLength}
	case KindBoolean:
		return &Schema{Type: Types{"boolean"}}
	case KindInt32:
		least, most := math.MinInt32, math.MaxInt32
		s := integer("int32")
		s.Minimum, s.Maximum = &least, &most
		return s
	case KindInt64:
		return integer("int64")
	case KindDateTimeOffset:
		s := text("date-time")
		s.Pattern = `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,7})?(Z|[+-][0-9]{2}:[0-9]{2})$`
		return s
	case KindDuration:
		return text("duration")
	case KindGUID:
		return text("uuid")
	case KindBinary:
		s := text("byte")
		s.Encoding = "base64"
		return s
	case KindEnum:
		return RefTo(Namespace + "." + p.Enum.Name)
	case KindComplex:
		return RefTo(Namespace + "." + p.Complex.Name + complexSuffix(p, v))
	}
	return &Schema{}
}

// complexSuffix tells the schemas of one complex type apart.
func complexSuffix(p *Property, v view) string {
	switch {
	case v.isWrite() && !p.Computed:
		return writeSuffix
	case v == viewCreated && hasSecret(p.Complex.Properties):
		return CreatedSuffix
	}
	return ""
}

// schema describes an enumeration: its names.
func (e *EnumType) schema() *Schema {
	s := &Schema{Type: Types{"string"}}
	var doc []string
	for _, m := range e.Members {
		s.Enum = append(s.Enum, m.Name)
		if m.Doc != "" {
			doc = append(doc, m.Name+": "+m.Doc)
		}
	}
	s.Description = strings.Join(doc, " ")
	return s
}

// Members are the members of an entity type that query options may name, as
// clients write them: "credentials/adminUserName".
type Members struct{ Filter, Sort, Search, Expand []string }

// Queryable returns the members that t lets clients query.
func (t *EntityType) Queryable() (m Members) {
	m.add("", t.Properties)
	for _, n := range t.Navigations {
		if !n.Apart {
			m.Expand = append(m.Expand, n.Name)
		}
	}
	return m
}

func (m *Members) add(prefix string, properties []Property) {
	for i := range properties {
		p := &properties[i]
		if p.Kind == KindComplex && !p.Collection && prefix == "" {
			m.add(p.Name+"/", p.Complex.Properties)
			continue
		}
		for _, list := range []struct {
			names *[]string
			may   bool
		}{{&m.Filter, p.Filter}, {&m.Sort, p.Sort}, {&m.Search, p.Search}} {
			if list.may {
				*list.names = append(*list.names, prefix+p.Name)
			}
		}
	}
}
