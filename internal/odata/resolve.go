package odata

import (
	"iter"
	"strings"
)

// keyName is the name of every entity's key.
const keyName = "id"

// String returns the path as clients write it: credentials/adminUserName.
func (p Path) String() string {
	if p.Parent != nil {
		return p.Parent.Name + "/" + p.Property.Name
	}
	return p.Property.Name
}

// resolve finds the property that text names, or says what is wrong with it.
func resolve(t *EntityType, text string) (Path, string) {
	name, rest, nested := strings.Cut(text, "/")
	p := t.Property(name)
	switch {
	case p == nil && navigation(t, name) != nil:
		return Path{}, "the navigation property '" + navigation(t, name).Name + "' cannot be used here; query its own address"
	case p == nil:
		return Path{}, missing(name, t.Name)
	case !nested:
		return Path{Property: p}, ""
	case p.Kind != KindComplex || p.Collection:
		return Path{}, "the property '" + p.Name + "' has no members that can be named here"
	}
	child := p.Complex.Property(rest)
	if child == nil {
		return Path{}, missing(rest, p.Complex.Name)
	}
	return Path{Parent: p, Property: child}, ""
}

// missing says, in Microsoft Graph's words, that a type has no such property.
func missing(name, typeName string) string {
	if !shown(name) {
		return "a property name is expected"
	}
	return "could not find a property named '" + name + "' on type '" + Namespace + "." + typeName + "'"
}

// items yields the parts of a list separated by commas and where each begins.
func items(list string) iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		pos := 0
		for item := range strings.SplitSeq(list, ",") {
			if !yield(item, pos) {
				return
			}
			pos += len(item) + 1
		}
	}
}
