package graph

import (
	"net/url"
	"strconv"
	"strings"

	"cloudpki/internal/odata"
)

// query reads the query options of a collection.
func (x *exchange) query(t *odata.EntityType) (odata.Query, error) {
	return odata.ParseQuery(x.r.URL.RawQuery, t)
}

// entityQuery reads the query options of a single entity: $select, $expand and
// $format.
func (x *exchange) entityQuery(t *odata.EntityType) (odata.Query, error) {
	q, err := x.query(t)
	if err != nil {
		return q, err
	}
	for _, o := range []struct {
		name string
		used bool
	}{
		{"$filter", q.Filter != nil},
		{"$orderby", q.OrderBy != nil},
		{"$search", q.Search != ""},
		{"$top", q.HasTop},
		{"$skip", q.Skip != 0},
		{"$count", q.Count},
		{"$skiptoken", q.SkipToken != ""},
	} {
		if o.used {
			return q, badRequest(o.name, "The query option '%s' is for collections; this address is a single entity.", o.name)
		}
	}
	return q, nil
}

// noQuery refuses query options where they would be ignored. $format is
// obeyed everywhere, and was read when the format was negotiated.
func (x *exchange) noQuery() error {
	for part := range strings.SplitSeq(x.r.URL.RawQuery, "&") {
		switch name := optionName(part); name {
		case "", "format", "api-version":
		default:
			return badRequest("$"+printable(name), "The query option '$%s' is not supported by this operation.", printable(name))
		}
	}
	return nil
}

// optionName is the name of one part of a query, in lower case and without the
// dollar sign, which may be left out.
func optionName(part string) string {
	name, _, _ := strings.Cut(part, "=")
	if plain, err := url.QueryUnescape(name); err == nil {
		name = plain
	}
	return strings.TrimPrefix(strings.ToLower(name), "$")
}

// preferPageSize obeys the preference odata.maxpagesize (OData 4.01 protocol,
// 8.2.8.5). What cannot be obeyed is ignored, as RFC 7240 has it.
func (x *exchange) preferPageSize(q *odata.Query) {
	asked := readPrefer(x.r.Header).maxPageSize
	if asked == "" || q.HasTop {
		return
	}
	if n, err := strconv.ParseUint(asked, 10, 31); err == nil && n > 0 {
		q.Top = min(int(n), pageLimit(q.Expand))
		x.applied("odata.maxpagesize=" + strconv.Itoa(q.Top))
	}
}

// applied tells the client that a preference was obeyed.
func (x *exchange) applied(preference string) {
	x.w.Header()["Preference-Applied"] = []string{preference}
}

// family is the part of the address in front of the set, with its slash.
func (x *exchange) family() string {
	if strings.HasPrefix(x.route.path, deviceManagement+"/") {
		return deviceManagement + "/"
	}
	return ""
}

// url is the absolute address of a path below /beta.
func (x *exchange) url(path string) string { return x.server.origin + "/" + version + "/" + path }

// context is the value of @odata.context (OData 4.01 protocol, 10).
func (x *exchange) context(place string, s odata.Selection, suffix string) string {
	return x.queryContext(place, odata.Query{Select: s}, suffix)
}

// queryContext is context for a query, whose expansions stand behind what is
// selected: cloudPkiSubscriptions(id,syncRuns(status)).
func (x *exchange) queryContext(place string, q odata.Query, suffix string) string {
	var parts []string
	if !q.Select.All {
		parts = append(parts, q.Select.Names...)
	}
	for _, e := range q.Expand {
		parts = append(parts, e.Navigation+"("+strings.Join(e.Query.Select.Names, ",")+")")
	}
	if len(parts) > 0 {
		place += "(" + strings.Join(parts, ",") + ")"
	}
	return x.url("$metadata#" + place + suffix)
}

// nextLink is the address of the next page: the present one with all its
// options, but for what the token replaces.
func (x *exchange) nextLink(path, token string) string {
	var b strings.Builder
	b.WriteString(x.url(path))
	b.WriteByte('?')
	for part := range strings.SplitSeq(x.r.URL.RawQuery, "&") {
		if name := optionName(part); name == "" || name == "skip" || name == "skiptoken" {
			continue
		}
		writeEscaped(&b, part)
		b.WriteByte('&')
	}
	b.WriteString("$skiptoken=")
	b.WriteString(token)
	return b.String()
}

// writeEscaped escapes what an address must not hold and some clients send
// nevertheless.
func writeEscaped(b *strings.Builder, part string) {
	const digits = "0123456789ABCDEF"
	for i := range len(part) {
		if c := part[i]; c <= ' ' || c > '~' || strings.IndexByte(`"<>\^`+"`{|}", c) >= 0 {
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
}
