package odata

import (
	"cmp"
	"slices"
)

// A Model is everything that $metadata describes. The enumerations and complex
// types follow from the entity types.
type Model struct {
	Types      []*EntityType // every entity type that is reachable, in the order to print
	Sets       []EntitySet   // at the root of the service
	Singletons []Singleton
	Enums      []*EnumType // in the place of those of the same name that the types use: what a running service can say more of
}

// An EntitySet is a collection at the root of the service.
type EntitySet struct {
	Name string
	Type *EntityType
	Doc  string
}

// A Singleton is an entity at the root of the service that holds collections,
// as deviceManagement does. Its type has the singleton's name.
type Singleton struct {
	Name        string
	Navigations []Navigation
	Doc         string
}

// The names in the metadata that are the same for every model.
const (
	baseType   = Namespace + ".entity" // abstract; holds the key
	container  = "GraphService"
	coreName   = "Org.OData.Core.V1"
	coreAlias  = "Core"
	precision7 = 7 // digits of the second in a DateTimeOffset

	capabilitiesName = "Org.OData.Capabilities.V1"
)

// enums returns the enumerations in use, by name.
func (m *Model) enums() []*EnumType {
	seen := map[string]*EnumType{}
	m.walk(func(p *Property) {
		if p.Kind == KindEnum {
			seen[p.Enum.Name] = p.Enum
		}
	})
	for _, e := range m.Enums {
		if seen[e.Name] != nil {
			seen[e.Name] = e
		}
	}
	return sorted(seen, func(e *EnumType) string { return e.Name })
}

// complexes returns the complex types in use, by name.
func (m *Model) complexes() []*ComplexType {
	seen := map[string]*ComplexType{}
	m.walk(func(p *Property) {
		if p.Kind == KindComplex {
			seen[p.Complex.Name] = p.Complex
		}
	})
	return sorted(seen, func(c *ComplexType) string { return c.Name })
}

// walk visits every property, parameter and result, also within complex types.
func (m *Model) walk(visit func(*Property)) {
	for _, t := range m.Types {
		walkProperties(t.Properties, visit)
		for i := range t.Actions {
			walkProperties(t.Actions[i].Parameters, visit)
			if r := t.Actions[i].Result; r != nil {
				walkProperties([]Property{*r}, visit)
			}
		}
	}
}

func walkProperties(properties []Property, visit func(*Property)) {
	for i := range properties {
		visit(&properties[i])
		if properties[i].Kind == KindComplex {
			walkProperties(properties[i].Complex.Properties, visit)
		}
	}
}

func sorted[T any](m map[string]T, name func(T) string) []T {
	list := make([]T, 0, len(m))
	for _, v := range m {
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b T) int { return cmp.Compare(name(a), name(b)) })
	return list
}

// kind is what CSDL calls it.
func (a *Action) kind() string {
	if a.Function {
		return "Function"
	}
	return "Action"
}

// resultType returns the type of an action's answer, or "" for none.
func (a *Action) resultType() string {
	switch {
	case a.ResultEntity != nil:
		return Namespace + "." + a.ResultEntity.Name
	case a.Result != nil:
		return a.Result.TypeName()
	}
	return ""
}

// inherited reports whether a property comes from the abstract base type.
func inherited(p *Property) bool { return p.Name == keyName }
