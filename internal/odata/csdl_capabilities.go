package odata

import "slices"

// A vocabulary is a set of terms that annotations use.
type vocabulary struct{ uri, name, alias string }

const capabilities = "Capabilities"

// vocabularies are those in use (OASIS, OData Vocabularies 4.01).
func vocabularies() []vocabulary {
	const base = "https://oasis-tcs.github.io/odata-vocabularies/vocabularies/"
	return []vocabulary{
		{base + coreName, coreName, coreAlias},
		{base + capabilitiesName, capabilitiesName, capabilities},
	}
}

// ofProperty annotates a property.
func ofProperty(p *Property) []annotation {
	list := about(p.Doc)
	if p.Computed {
		list = append(list, annotation{coreAlias + ".Computed", true})
	}
	if p.Secret {
		list = append(list, annotation{coreAlias + ".Permissions", enumMember{coreName + ".Permission", "Write"}})
	}
	return list
}

// ofService annotates the container: what holds for every set.
func ofService() []annotation {
	return []annotation{
		{coreAlias + ".ODataVersions", "4.0 4.01"},
		{capabilities + ".ConformanceLevel", enumMember{capabilitiesName + ".ConformanceLevelType", "Minimal"}},
		{capabilities + ".KeyAsSegmentSupported", true},
		{capabilities + ".FilterFunctions", names{"contains", "endswith", "startswith", "tolower"}},
	}
}

// ofSet annotates an entity set.
func ofSet(s EntitySet) []annotation {
	list := about(s.Doc)
	for _, m := range restrictions(s.Type) {
		list = append(list, annotation{capabilities + "." + m.name, m.value})
	}
	list = append(list,
		annotation{capabilities + ".ExpandRestrictions", record{{"Expandable", len(s.Type.Queryable().Expand) > 0}}},
		annotation{capabilities + ".ChangeTracking", record{{"Supported", s.Type.Delta}}})
	return append(list, ofNavigations(s.Type.Navigations)...)
}

// ofNavigations says, where they begin, what may be asked of contained sets.
func ofNavigations(list []Navigation) []annotation {
	var properties records
	for _, n := range list {
		if n.Set != "" {
			continue // the set that it leads to says it
		}
		properties = append(properties, append(record{{"NavigationProperty", navigates(n.Name)}}, restrictions(n.Target)...))
	}
	if properties == nil {
		return nil
	}
	return []annotation{{capabilities + ".NavigationRestrictions", record{{"RestrictedProperties", properties}}}}
}

// restrictions says what may be asked of a set of entities, also of a contained
// one: the members are those of Capabilities.NavigationPropertyRestriction.
func restrictions(t *EntityType) record {
	m := t.Queryable()
	write := t.writable()
	return record{
		{"FilterRestrictions", restricted("Filterable", "NonFilterableProperties", len(m.Filter) > 0, t.without(m.Filter))},
		{"SortRestrictions", restricted("Sortable", "NonSortableProperties", len(m.Sort) > 0, t.without(m.Sort))},
		{"SearchRestrictions", record{{"Searchable", len(m.Search) > 0}}},
		{"TopSupported", true},
		{"SkipSupported", true},
		{"InsertRestrictions", record{{"Insertable", write}}},
		{"UpdateRestrictions", record{{"Updatable", write}}},
		{"DeleteRestrictions", record{{"Deletable", write}}},
	}
}

func restricted(flag, exceptions string, set bool, without paths) record {
	r := record{{flag, set}}
	if set && len(without) > 0 {
		r = append(r, recordMember{exceptions, without})
	}
	return r
}

// writable reports whether clients have something to send of t.
func (t *EntityType) writable() bool {
	return slices.ContainsFunc(t.Properties, func(p Property) bool { return !p.Computed })
}

// without returns the members of t that are not among those named: a complex
// one as a whole where none of its members is.
func (t *EntityType) without(named []string) (list paths) {
	for i := range t.Properties {
		p := &t.Properties[i]
		if p.Kind != KindComplex || p.Collection {
			if !slices.Contains(named, p.Name) {
				list = append(list, p.Name)
			}
			continue
		}
		var inner paths
		for _, child := range p.Complex.Properties {
			if path := p.Name + "/" + child.Name; !slices.Contains(named, path) {
				inner = append(inner, path)
			}
		}
		if len(inner) == len(p.Complex.Properties) {
			inner = paths{p.Name}
		}
		list = append(list, inner...)
	}
	return list
}
