package odata

import (
	"bytes"
	"encoding/json"
)

// A Schema is a JSON Schema in the dialect of OpenAPI 3.1, which is that of
// JSON Schema 2020-12; it has the keywords that this service needs.
type Schema struct {
	Ref         string     `json:"$ref,omitempty"`
	Title       string     `json:"title,omitempty"`
	Description string     `json:"description,omitempty"`
	Type        Types      `json:"type,omitzero"`
	Format      string     `json:"format,omitempty"`
	Encoding    string     `json:"contentEncoding,omitempty"`
	Pattern     string     `json:"pattern,omitempty"`
	Const       any        `json:"const,omitempty"`
	Enum        []any      `json:"enum,omitempty"`
	Default     any        `json:"default,omitempty"`
	Minimum     *int       `json:"minimum,omitempty"`
	Maximum     *int       `json:"maximum,omitempty"`
	MinLength   int        `json:"minLength,omitempty"`
	MaxLength   int        `json:"maxLength,omitempty"`
	MaxItems    int        `json:"maxItems,omitempty"`
	Unique      bool       `json:"uniqueItems,omitempty"`
	Items       *Schema    `json:"items,omitempty"`
	AnyOf       []*Schema  `json:"anyOf,omitempty"`
	Properties  Properties `json:"properties,omitzero"`
	Required    []string   `json:"required,omitempty"`
	Patterns    Properties `json:"patternProperties,omitzero"`
	Additional  *bool      `json:"additionalProperties,omitempty"` // whether there may be other members
	ReadOnly    bool       `json:"readOnly,omitempty"`
	WriteOnly   bool       `json:"writeOnly,omitempty"`
	Deprecated  bool       `json:"deprecated,omitempty"`
}

// Types are the JSON types that a schema admits: one, or one and null.
type Types []string

// MarshalJSON writes a single type as a string.
func (t Types) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return json.Marshal(t[0])
	}
	return json.Marshal([]string(t))
}

// A NamedSchema is a member of an object, or a schema among others.
type NamedSchema struct {
	Name   string
	Schema *Schema
}

// Properties are schemas by name, in order.
type Properties []NamedSchema

// MarshalJSON writes an object whose members are in order.
func (p Properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, n := range p {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(AppendString(nil, n.Name))
		b.WriteByte(':')
		text, err := json.Marshal(n.Schema)
		if err != nil {
			return nil, err
		}
		b.Write(text)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// RefTo returns a schema that stands for the component called name.
func RefTo(name string) *Schema { return &Schema{Ref: "#/components/schemas/" + name} }

// ArrayOf returns the schema of an array.
func ArrayOf(items *Schema) *Schema { return &Schema{Type: Types{"array"}, Items: items} }

// OrNull returns s with null among what it admits.
func (s *Schema) OrNull() *Schema {
	if s.Ref != "" {
		return &Schema{AnyOf: []*Schema{s, {Type: Types{"null"}}}}
	}
	c := *s
	c.Type = append(append(Types(nil), s.Type...), "null")
	return &c
}
