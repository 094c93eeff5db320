package odata

import (
	"strconv"
	"strings"
)

// An annotation says something of an element of the model in the terms of a
// vocabulary (OData 4.01 Vocabularies). Its value is a bool, a string, an
// enumMember, a path, paths, names, a record or records.
type annotation struct {
	term  string // with the vocabulary's alias: "Core.Description"
	value any
}

// The values of annotations beside bool and string.
type (
	enumMember struct{ typeName, member string }
	navigates  string   // a path to a navigation property
	paths      []string // paths to properties
	names      []string
	record     []recordMember
	records    []record
)

type recordMember struct {
	name  string
	value any
}

// annotate writes annotations as children of the present element.
func (w *xmlWriter) annotate(list ...annotation) {
	for _, a := range list {
		w.value("Annotation", "Term", a.term, a.value)
	}
}

// value writes an element that has a value: as an attribute where it is short.
func (w *xmlWriter) value(element, key, name string, value any) {
	switch v := value.(type) {
	case bool:
		w.empty(element, key, name, "Bool", strconv.FormatBool(v))
	case string:
		w.empty(element, key, name, "String", v)
	case enumMember:
		w.open(element, key, name)
		w.text("EnumMember", v.typeName+"/"+v.member)
		w.close(element)
	case navigates:
		w.empty(element, key, name, "NavigationPropertyPath", string(v))
	default:
		w.open(element, key, name)
		w.nested(value)
		w.close(element)
	}
}

// nested writes a value that is an element of its own.
func (w *xmlWriter) nested(value any) {
	switch v := value.(type) {
	case record:
		w.open("Record")
		for _, m := range v {
			w.value("PropertyValue", "Property", m.name, m.value)
		}
		w.close("Record")
	case paths:
		w.collection("PropertyPath", v)
	case names:
		w.collection("String", v)
	case records:
		w.open("Collection")
		for _, r := range v {
			w.nested(r)
		}
		w.close("Collection")
	}
}

func (w *xmlWriter) collection(element string, items []string) {
	w.open("Collection")
	for _, item := range items {
		w.text(element, item)
	}
	w.close("Collection")
}

// text writes an element that holds characters; none of them needs escaping.
func (w *xmlWriter) text(element, characters string) {
	w.indent()
	w.dst = append(w.dst, "<"+element+">"+characters+"</"+element+">\n"...)
}

// annotate writes annotations as members of the present object. Those of an
// element that is no object itself have its name as their prefix.
func (w *jsonWriter) annotate(list ...annotation) {
	for _, a := range list {
		w.value("@"+a.term, a.value)
	}
}

// value writes a member; without a name it is an item of an array.
func (w *jsonWriter) value(name string, value any) {
	switch v := value.(type) {
	case bool:
		w.dst = append(w.comma(name), strconv.FormatBool(v)...)
	case string:
		w.text(name, v)
	case enumMember:
		w.text(name, v.member)
	case navigates:
		w.text(name, string(v))
	case paths:
		w.texts(name, v)
	case names:
		w.texts(name, v)
	case record:
		w.open(name)
		for _, m := range v {
			w.value(m.name, m.value)
		}
		w.close()
	case records:
		w.dst = append(w.comma(name), '[')
		for _, r := range v {
			w.value("", r)
		}
		w.dst = append(w.dst, ']')
	}
}

func (w *jsonWriter) texts(name string, items []string) {
	w.dst = append(w.comma(name), '[')
	for _, item := range items {
		w.text("", item)
	}
	w.dst = append(w.dst, ']')
}

// about are the annotations that describe an element: its doc, where it has one.
func about(doc string) []annotation {
	if doc == "" {
		return nil
	}
	return []annotation{{coreAlias + ".Description", strings.TrimSpace(doc)}}
}
