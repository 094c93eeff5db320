package odata

import (
	"slices"
	"strconv"
)

// AppendJSON writes the model as $metadata in CSDL JSON 4.01. The same model
// gives the same bytes.
func (m *Model) AppendJSON(dst []byte) []byte {
	w := jsonWriter{dst: append(dst, '{')}
	w.text("$Version", "4.0") // as in the XML form; CSDL JSON knows both
	w.text("$EntityContainer", Namespace+"."+container)
	w.open("$Reference")
	for _, v := range vocabularies() {
		w.open(v.uri + ".json")
		w.dst = append(w.comma("$Include"), `[{"$Namespace":"`+v.name+`","$Alias":"`+v.alias+`"}]`...)
		w.close()
	}
	w.close()
	w.open(Namespace)
	for _, e := range m.enums() {
		w.enum(e)
	}
	for _, c := range m.complexes() {
		w.open(c.Name)
		w.text("$Kind", "ComplexType")
		w.properties(c.Properties)
		w.annotate(about(c.Doc)...)
		w.close()
	}
	w.base()
	for _, t := range m.Types {
		w.entity(t.Name, t.Properties, t.Navigations, t.Doc)
	}
	for _, s := range m.Singletons {
		w.entity(s.Name, nil, s.Navigations, s.Doc)
	}
	m.operations(&w)
	w.container(m)
	w.close()
	w.close()
	return w.dst
}

// A jsonWriter writes nested objects member by member.
type jsonWriter struct{ dst []byte }

// comma writes what stands in front of a member's value and returns dst.
func (w *jsonWriter) comma(name string) []byte {
	if n := len(w.dst); n > 0 && w.dst[n-1] != '{' && w.dst[n-1] != '[' {
		w.dst = append(w.dst, ',')
	}
	if name != "" {
		w.dst = append(AppendString(w.dst, name), ':')
	}
	return w.dst
}

// open begins the object called name, or one without a name in an array or at
// the top.
func (w *jsonWriter) open(name string) { w.dst = append(w.comma(name), '{') }
func (w *jsonWriter) close()           { w.dst = append(w.dst, '}') }

func (w *jsonWriter) text(name, value string) {
	w.dst = AppendString(w.comma(name), value)
}

func (w *jsonWriter) number(name string, n int64) {
	w.dst = strconv.AppendInt(w.comma(name), n, 10)
}

func (w *jsonWriter) flag(name string, set bool) {
	if set {
		w.dst = append(w.comma(name), "true"...)
	}
}

func (w *jsonWriter) enum(e *EnumType) {
	w.open(e.Name)
	w.text("$Kind", "EnumType")
	for _, m := range e.Members {
		w.number(m.Name, m.Value)
		if m.Doc != "" {
			w.value(m.Name+"@"+coreAlias+".Description", m.Doc)
		}
	}
	w.close()
}

func (w *jsonWriter) properties(properties []Property) {
	for i := range properties {
		p := &properties[i]
		if inherited(p) {
			continue
		}
		w.open(p.Name)
		w.facets(p)
		w.annotate(ofProperty(p)...)
		w.close()
	}
}

// facets writes p's type. Unlike in XML, Nullable is false by default and
// Edm.String need not be said.
func (w *jsonWriter) facets(p *Property) {
	w.flag("$Collection", p.Collection)
	if p.Kind != KindString {
		w.text("$Type", p.itemType())
	}
	w.flag("$Nullable", p.Nullable && !p.Collection)
	if p.Kind == KindString && p.MaxLength > 0 {
		w.number("$MaxLength", int64(p.MaxLength))
	}
	if p.Kind == KindDateTimeOffset {
		w.number("$Precision", precision7)
	}
}

func (w *jsonWriter) base() {
	w.open("entity")
	w.text("$Kind", "EntityType")
	w.flag("$Abstract", true)
	w.dst = append(w.comma("$Key"), `["`+keyName+`"]`...)
	w.open(keyName)
	w.close()
	w.close()
}

func (w *jsonWriter) entity(name string, properties []Property, navigations []Navigation, doc string) {
	w.open(name)
	w.text("$Kind", "EntityType")
	w.text("$BaseType", baseType)
	w.properties(properties)
	for _, n := range navigations {
		w.open(n.Name)
		w.text("$Kind", "NavigationProperty")
		w.flag("$Collection", true)
		w.text("$Type", Namespace+"."+n.Target.Name)
		w.flag("$ContainsTarget", n.Set == "")
		w.annotate(about(n.Doc)...)
		w.close()
	}
	w.annotate(about(doc)...)
	w.close()
}

// operations writes the bound actions and functions. In CSDL JSON the
// overloads of one name stand together in an array.
func (m *Model) operations(w *jsonWriter) {
	var names []string
	overloads := map[string][]func(){}
	add := func(name string, write func()) {
		if overloads[name] == nil {
			names = append(names, name)
		}
		overloads[name] = append(overloads[name], write)
	}
	for _, t := range m.Types {
		for i := range t.Actions {
			add(t.Actions[i].Name, func() { w.action(t, &t.Actions[i]) })
		}
		if t.Delta {
			add("delta", func() { w.delta(t) })
		}
	}
	for _, name := range names {
		w.dst = append(w.comma(name), '[')
		for _, write := range overloads[name] {
			write()
		}
		w.dst = append(w.dst, ']')
	}
}

func (w *jsonWriter) action(t *EntityType, a *Action) {
	w.open("")
	w.text("$Kind", a.kind())
	w.flag("$IsBound", true)
	w.dst = append(w.comma("$Parameter"), '[')
	w.binding(t, false)
	for i := range a.Parameters {
		p := &a.Parameters[i]
		w.open("")
		w.text("$Name", p.Name)
		w.facets(p)
		w.annotate(about(p.Doc)...)
		w.close()
	}
	w.dst = append(w.dst, ']')
	if a.ResultEntity != nil {
		w.open("$ReturnType")
		w.text("$Type", a.resultType())
		w.close()
	} else if a.Result != nil {
		w.open("$ReturnType")
		w.flag("$Collection", a.Result.Collection)
		w.text("$Type", a.Result.itemType())
		w.close()
	}
	w.annotate(about(a.Doc)...)
	w.close()
}

func (w *jsonWriter) delta(t *EntityType) {
	w.open("")
	w.text("$Kind", "Function")
	w.flag("$IsBound", true)
	w.dst = append(w.comma("$Parameter"), '[')
	w.binding(t, true)
	w.dst = append(w.dst, ']')
	w.open("$ReturnType")
	w.flag("$Collection", true)
	w.text("$Type", Namespace+"."+t.Name)
	w.close()
	w.close()
}

// binding writes the parameter that an operation is bound to.
func (w *jsonWriter) binding(t *EntityType, collection bool) {
	w.open("")
	w.text("$Name", "bindingParameter")
	w.flag("$Collection", collection)
	w.text("$Type", Namespace+"."+t.Name)
	w.close()
}

func (w *jsonWriter) container(m *Model) {
	w.open(container)
	w.text("$Kind", "EntityContainer")
	for _, s := range m.Sets {
		w.open(s.Name)
		w.flag("$Collection", true)
		w.text("$Type", Namespace+"."+s.Type.Name)
		w.annotate(ofSet(s)...)
		w.close()
	}
	for _, s := range m.Singletons {
		w.open(s.Name)
		w.text("$Type", Namespace+"."+s.Name)
		w.bindings(s.Navigations)
		w.annotate(append(about(s.Doc), ofNavigations(s.Navigations)...)...)
		w.close()
	}
	w.annotate(ofService()...)
	w.close()
}

// bindings says which sets navigation properties lead to.
func (w *jsonWriter) bindings(list []Navigation) {
	list = slices.DeleteFunc(slices.Clone(list), func(n Navigation) bool { return n.Set == "" })
	if len(list) == 0 {
		return
	}
	w.open("$NavigationPropertyBinding")
	for _, n := range list {
		w.text(n.Name, n.Set)
	}
	w.close()
}
