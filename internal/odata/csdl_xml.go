package odata

import (
	"strconv"
	"strings"
)

// AppendXML writes the model as $metadata in CSDL XML, OData 4.0, so that
// clients of either version read it. The same model gives the same bytes.
func (m *Model) AppendXML(dst []byte) []byte {
	w := xmlWriter{dst: append(dst, `<?xml version="1.0" encoding="utf-8"?>`+"\n"...)}
	w.open("edmx:Edmx", "Version", "4.0", "xmlns:edmx", "http://docs.oasis-open.org/odata/ns/edmx")
	for _, v := range vocabularies() {
		w.open("edmx:Reference", "Uri", v.uri+".xml")
		w.empty("edmx:Include", "Namespace", v.name, "Alias", v.alias)
		w.close("edmx:Reference")
	}
	w.open("edmx:DataServices")
	w.open("Schema", "Namespace", Namespace, "xmlns", "http://docs.oasis-open.org/odata/ns/edm")
	for _, e := range m.enums() {
		w.enum(e)
	}
	for _, c := range m.complexes() {
		w.open("ComplexType", "Name", c.Name)
		w.properties(c.Properties)
		w.annotate(about(c.Doc)...)
		w.close("ComplexType")
	}
	w.base()
	for _, t := range m.Types {
		w.entity(t.Name, t.Properties, t.Navigations, t.Doc)
	}
	for _, s := range m.Singletons {
		w.entity(s.Name, nil, s.Navigations, s.Doc)
	}
	for _, t := range m.Types {
		w.operations(t)
	}
	w.container(m)
	w.close("Schema")
	w.close("edmx:DataServices")
	w.close("edmx:Edmx")
	return w.dst
}

// An xmlWriter writes indented elements whose attributes are pairs of name and
// value; those without value are left out.
type xmlWriter struct {
	dst   []byte
	depth int
}

func (w *xmlWriter) open(name string, attributes ...string) {
	w.start(name, attributes)
	w.dst = append(w.dst, ">\n"...)
	w.depth++
}

func (w *xmlWriter) empty(name string, attributes ...string) {
	w.start(name, attributes)
	w.dst = append(w.dst, "/>\n"...)
}

func (w *xmlWriter) close(name string) {
	w.depth--
	w.indent()
	w.dst = append(append(append(w.dst, "</"...), name...), ">\n"...)
}

func (w *xmlWriter) indent() {
	for range w.depth {
		w.dst = append(w.dst, ' ', ' ')
	}
}

func (w *xmlWriter) start(name string, attributes []string) {
	w.indent()
	w.dst = append(append(w.dst, '<'), name...)
	for i := 0; i+1 < len(attributes); i += 2 {
		if attributes[i+1] == "" {
			continue
		}
		w.dst = append(append(append(w.dst, ' '), attributes[i]...), `="`...)
		w.dst = append(append(w.dst, escapeXML(attributes[i+1])...), '"')
	}
}

// escapeXML makes s the text of an attribute in double quotes.
func escapeXML(s string) string {
	if !strings.ContainsAny(s, "&<>\"\t\r\n") {
		return s
	}
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\t", "&#9;", "\r", "&#13;", "\n", "&#10;").Replace(s)
}

func (w *xmlWriter) enum(e *EnumType) {
	w.open("EnumType", "Name", e.Name)
	for _, m := range e.Members {
		w.annotated("Member", about(m.Doc), "Name", m.Name, "Value", strconv.FormatInt(m.Value, 10))
	}
	w.close("EnumType")
}

func (w *xmlWriter) properties(properties []Property) {
	for i := range properties {
		if p := &properties[i]; !inherited(p) {
			w.property("Property", p)
		}
	}
}

// property writes a property or a parameter.
func (w *xmlWriter) property(element string, p *Property) {
	attributes := append([]string{"Name", p.Name}, facets(p)...)
	if element == "Property" {
		w.annotated(element, ofProperty(p), attributes...)
		return
	}
	w.annotated(element, about(p.Doc), attributes...)
}

// facets returns the attributes that describe p's type. Nullable is true by
// default; of a collection it speaks of the items, which are never null.
func facets(p *Property) []string {
	attributes := []string{"Type", p.TypeName()}
	if !p.Nullable || p.Collection {
		attributes = append(attributes, "Nullable", "false")
	}
	if p.Kind == KindString && p.MaxLength > 0 {
		attributes = append(attributes, "MaxLength", strconv.Itoa(p.MaxLength))
	}
	if p.Kind == KindDateTimeOffset {
		attributes = append(attributes, "Precision", strconv.Itoa(precision7))
	}
	return attributes
}

// base writes the abstract type that holds the key.
func (w *xmlWriter) base() {
	w.open("EntityType", "Name", "entity", "Abstract", "true")
	w.open("Key")
	w.empty("PropertyRef", "Name", keyName)
	w.close("Key")
	w.empty("Property", "Name", keyName, "Type", "Edm.String", "Nullable", "false")
	w.close("EntityType")
}

func (w *xmlWriter) entity(name string, properties []Property, navigations []Navigation, doc string) {
	w.open("EntityType", "Name", name, "BaseType", baseType)
	w.properties(properties)
	for _, n := range navigations {
		contains := "" // the default
		if n.Set == "" {
			contains = "true"
		}
		w.annotated("NavigationProperty", about(n.Doc), "Name", n.Name, "Type", "Collection("+Namespace+"."+n.Target.Name+")", "ContainsTarget", contains)
	}
	w.annotate(about(doc)...)
	w.close("EntityType")
}

// operations writes the bound actions of t and its delta function.
func (w *xmlWriter) operations(t *EntityType) {
	name := Namespace + "." + t.Name
	for i := range t.Actions {
		a := &t.Actions[i]
		w.open(a.kind(), "Name", a.Name, "IsBound", "true")
		w.empty("Parameter", "Name", "bindingParameter", "Type", name, "Nullable", "false")
		for j := range a.Parameters {
			w.property("Parameter", &a.Parameters[j])
		}
		if result := a.resultType(); result != "" {
			w.empty("ReturnType", "Type", result, "Nullable", "false")
		}
		w.annotate(about(a.Doc)...)
		w.close(a.kind())
	}
	if t.Delta {
		collection := "Collection(" + name + ")"
		w.open("Function", "Name", "delta", "IsBound", "true")
		w.empty("Parameter", "Name", "bindingParameter", "Type", collection)
		w.empty("ReturnType", "Type", collection)
		w.close("Function")
	}
}

func (w *xmlWriter) container(m *Model) {
	w.open("EntityContainer", "Name", container)
	for _, s := range m.Sets {
		w.annotated("EntitySet", ofSet(s), "Name", s.Name, "EntityType", Namespace+"."+s.Type.Name)
	}
	for _, s := range m.Singletons {
		w.open("Singleton", "Name", s.Name, "Type", Namespace+"."+s.Name)
		for _, n := range s.Navigations {
			if n.Set != "" {
				w.empty("NavigationPropertyBinding", "Path", n.Name, "Target", n.Set)
			}
		}
		w.annotate(append(about(s.Doc), ofNavigations(s.Navigations)...)...)
		w.close("Singleton")
	}
	w.annotate(ofService()...)
	w.close("EntityContainer")
}

// annotated writes an element that holds nothing but its annotations.
func (w *xmlWriter) annotated(element string, list []annotation, attributes ...string) {
	if len(list) == 0 {
		w.empty(element, attributes...)
		return
	}
	w.open(element, attributes...)
	w.annotate(list...)
	w.close(element)
}
