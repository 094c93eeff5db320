package graph

import (
	"math"
	"net/http"
	"strings"

	"cloudpki/internal/odata"
)

// parametersOf returns the parameters of an operation: references to
// components, to which those about the members of one entity type are added.
func (d *documenter) parametersOf(r *route) []parameter {
	o := &r.tells
	var names []string
	switch o.query {
	case queryNothing:
	case querySet:
		names = d.about(o.of, "filter", "orderby", "search", "select", "expand")
		names = append(names, "top", "skip", "count", "skiptoken")
	case queryCount:
		names = d.about(o.of, "filter", "search")
	case queryEntity:
		names = d.about(o.of, "select", "expand")
	case queryDelta:
		names = append(d.about(o.of, "filter", "select"), "top", "deltatoken", "skiptoken")
	}
	if r.method == http.MethodGet {
		names = append(names, "format")
	}
	names = append(append(names, o.fields...), "client-request-id")
	list := make([]parameter, len(names))
	for i, name := range names {
		list[i] = parameter{Ref: "#/components/parameters/" + name}
	}
	return list
}

// about returns the names of the parameters that speak of t's members, those
// that t has any members for.
func (d *documenter) about(t *odata.EntityType, options ...string) []string {
	var names []string
	for _, option := range options {
		p, ok := memberParameter(t, option)
		if !ok {
			continue
		}
		name := t.Name + "." + option
		d.document.Components.Parameters[name] = p
		names = append(names, name)
	}
	return names
}

// memberParameter returns the query option of t that is called option; false
// where t has no member for it.
func memberParameter(t *odata.EntityType, option string) (parameter, bool) {
	members := t.Queryable()
	switch option {
	case "filter":
		p := queryOption(option, "An expression over: "+strings.Join(members.Filter, ", ")+".", text(odata.MaxFilterBytes))
		return p, len(members.Filter) > 0
	case "search":
		p := queryOption(option, "A text, plain or in double quotes, that must be found in one of: "+strings.Join(members.Search, ", ")+".", text(0))
		return p, len(members.Search) > 0
	case "orderby":
		var keys []any
		for _, name := range members.Sort {
			keys = append(keys, name, name+" desc")
		}
		return listOption(option, "Keys to sort by; null sorts lowest.", keys), len(keys) > 0
	case "select":
		var names []any
		for _, p := range t.Properties {
			names = append(names, p.Name)
		}
		return listOption(option, "Members to answer with; the key always is.", names), len(names) > 0
	default:
		p := queryOption(option, "Which entities to bring along, with options in parentheses where wanted: "+strings.Join(members.Expand, ", ")+".", text(0))
		return p, len(members.Expand) > 0
	}
}

func queryOption(name, description string, s *odata.Schema) parameter {
	return parameter{Name: "$" + name, In: "query", Description: description, Schema: s}
}

// listOption is an option whose value is a list of names with commas between.
func listOption(name, description string, names []any) parameter {
	together := false
	items := text(0)
	items.Enum = names
	s := odata.ArrayOf(items)
	s.Unique = true
	p := queryOption(name, description, s)
	p.Style, p.Explode = "form", &together
	return p
}

func text(longest int) *odata.Schema {
	return &odata.Schema{Type: odata.Types{"string"}, MaxLength: longest}
}

func number(least, most int) *odata.Schema {
	return &odata.Schema{Type: odata.Types{"integer"}, Minimum: &least, Maximum: &most}
}

// commonParameters are those that are alike everywhere.
func commonParameters() map[string]parameter {
	field := func(name, description string, s *odata.Schema) parameter {
		return parameter{Name: name, In: "header", Description: description, Schema: s}
	}
	return map[string]parameter{
		"top":        queryOption("top", "Size of a page.", number(1, odata.MaxTop)),
		"skip":       queryOption("skip", "How many to pass over.", number(0, math.MaxInt32)),
		"count":      queryOption("count", "Whether to tell how many match.", &odata.Schema{Type: odata.Types{"boolean"}}),
		"skiptoken":  queryOption("skiptoken", "Part of an @odata.nextLink; not to be made by clients.", text(0)),
		"deltatoken": queryOption("deltatoken", "Part of an @odata.deltaLink, not to be made by clients; or latest, to follow only what changes from now on.", text(0)),
		"format":     queryOption("format", "The media type of the answer, instead of Accept: json, xml for $metadata, or a media type.", text(0)),

		"ConsistencyLevel":  field("ConsistencyLevel", "Accepted as Microsoft Graph's clients send it; answers are always consistent.", text(0)),
		"If-Match":          field("If-Match", "Entity tags, of which the object must have one. A sync in between does not count.", text(0)),
		"If-None-Match":     field("If-None-Match", "Entity tags for which 304 is answered.", text(0)),
		"If-Modified-Since": field("If-Modified-Since", "A date since which a change is asked for, else 304 is answered; passed over beside If-None-Match.", text(0)),

		"If-Unmodified-Since": field("If-Unmodified-Since", "A date since which there must have been no change, else 412 is answered; passed over beside If-Match.", text(0)),

		"Prefer":            field("Prefer", "return=minimal, return=representation, odata.maxpagesize=N (RFC 7240); others are ignored.", text(0)),
		"Idempotency-Key":   field("Idempotency-Key", "Names the request, so that its repetition within 24 hours gets the same answer.", text(longestReplayKey)),
		"client-request-id": field("client-request-id", "The client's own name for the request, echoed in the answer; a GUID repeats a create as Idempotency-Key does.", text(longestToken)),
	}
}
