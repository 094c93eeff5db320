package graph_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/graph"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// sets are the addresses that can be queried, with what they hold.
func sets() map[string]*odata.EntityType {
	return map[string]*odata.EntityType{
		set:                                   pki.SubscriptionType(),
		set + "/alpha/syncRuns":               pki.RunType(),
		set + "/alpha/certificateAuthorities": pki.AuthorityType(),
		set + "/alpha/certificates":           pki.CertificateType(),
		set + "/alpha/skippedItems":           pki.SkippedItemType(),
		"/beta/deviceManagement/auditEvents":  pki.AuditEventType(),
		"/beta/subscriptions":                 pki.NotificationSubscriptionType(),
	}
}

// TestQueries walks the schema of every set: what it says may be asked of a
// property is answered, however it is spelled, and all else is refused.
func TestQueries(t *testing.T) {
	w := newWorld(t, func(o *graph.Options) { o.Limits.PerMinute = 1 << 30 })
	w.fill()
	for address, entity := range sets() {
		a := asker{w, t, address}
		for i := range entity.Properties {
			p := &entity.Properties[i]
			a.filters(p.Name, p, false)
			a.orders(p.Name, p, false)
			a.selects(p)
			if p.Kind != odata.KindComplex || p.Collection {
				continue
			}
			for j := range p.Complex.Properties {
				q := &p.Complex.Properties[j]
				a.filters(p.Name+"/"+q.Name, q, p.Secret)
				a.orders(p.Name+"/"+q.Name, q, p.Secret)
			}
		}
		a.searches(entity)
		a.pages()
	}
}

// An asker asks one set.
type asker struct {
	w       *world
	t       *testing.T
	address string
}

// ask sends a query and holds its status against what is allowed. It returns
// the value of the answer.
func (a asker) ask(query string, allowed bool) []any {
	a.t.Helper()
	got := a.w.do("GET", a.address+"?"+query, "")
	want := map[bool]int{true: 200, false: 400}[allowed]
	if got.StatusCode != want {
		a.t.Errorf("%s?%s: %s, want %d\n%s", a.address, query, got.Status, want, got.body)
	}
	if strings.Contains(got.body, "CANARY") {
		a.t.Errorf("%s?%s tells a secret: %s", a.address, query, got.body)
	}
	value, ok := got.object(a.t)["value"].([]any)
	if ok != (got.StatusCode == 200) {
		a.t.Errorf("%s?%s: no value: %s", a.address, query, got.body)
	}
	return value
}

// spellings writes one query in the ways that clients do.
func spellings(option, value string) []string {
	escaped := url.QueryEscape(value)
	return []string{
		"$" + option + "=" + strings.ReplaceAll(escaped, "+", "%20"),
		option + "=" + escaped,
		"%24" + strings.ToUpper(option) + "=" + escaped,
		"$" + option + "=" + strings.NewReplacer(" ", "+", "%", "%25", "&", "%26", "+", "%2B", "#", "%23").Replace(value) + "&$count=true",
	}
}

// filter asks for a filter in every spelling; all mean the same.
func (a asker) filter(text string, allowed bool) {
	a.t.Helper()
	var first []any
	for i, query := range spellings("filter", text) {
		got := a.ask(query, allowed)
		if i == 0 {
			first = got
		} else if diff := cmp.Diff(first, got); diff != "" {
			a.t.Errorf("%s?%s is another query: %s", a.address, query, diff)
		}
		if !allowed {
			return
		}
	}
}

// filters asks for every operator and function on a property.
func (a asker) filters(path string, p *odata.Property, hidden bool) {
	a.t.Helper()
	filterable := p.Filter && !p.Secret && !p.Collection && !hidden
	literal := literalOf(p)
	for _, operator := range []string{"eq", "NE", "gt", "ge", "lt", "le"} {
		equality := strings.EqualFold(operator, "eq") || strings.EqualFold(operator, "ne")
		a.filter(path+" "+operator+" "+literal, filterable && (equality || p.Kind != odata.KindBoolean))
		a.filter("null "+operator+" "+strings.ToUpper(path), filterable)
	}
	a.filter(path+" in ("+literal+",null)", filterable)
	a.filter("not ("+path+" eq "+literal+") and ("+path+" ne null or false)", filterable)
	text := filterable && p.Kind == odata.KindString
	for _, function := range []string{"startswith", "EndsWith", "contains"} {
		a.filter(function+"("+path+",'O''a')", text)
		a.filter(function+"(tolower("+path+"),tolower('O''A')) eq true", text && p.Fold)
	}
	a.filter("tolower("+path+") eq 'o''a'", text && p.Fold)
	for _, refused := range []string{"length(%s) eq 1", "%s add 1 eq 2", "%s/any(x:x eq 1)", "%s has 1", "%s eq %[1]s", "%s", "%s eq @p", "%s/nobody eq 1", "toupper(%s) eq 'A'", "%s eq"} {
		a.filter(fmt.Sprintf(refused, path), refused == "%s" && filterable && p.Kind == odata.KindBoolean)
	}
}

// literalOf is a value of p's kind as a filter has it.
func literalOf(p *odata.Property) string {
	switch p.Kind {
	case odata.KindBoolean:
		return "true"
	case odata.KindInt32, odata.KindInt64:
		return "1"
	case odata.KindDateTimeOffset:
		return "2026-11-23T12:00:00.1234567Z"
	case odata.KindDuration:
		return "duration'PT6H'"
	case odata.KindGUID:
		return "ed4ad7e9-d7e9-ed4a-e9d7-4aede9d74aed"
	case odata.KindEnum:
		return "'" + p.Enum.Members[1].Name + "'"
	default:
		return "'O''a ;&+#%)'"
	}
}

func (a asker) orders(path string, p *odata.Property, hidden bool) {
	a.t.Helper()
	sortable := p.Sort && !p.Secret && !hidden
	for _, value := range []string{path, strings.ToUpper(path) + " DESC", path + "  asc ,id desc"} {
		if path == "id" && strings.Contains(value, ",") {
			continue
		}
		for _, query := range spellings("orderby", value) {
			a.ask(query, sortable)
		}
	}
	if !sortable {
		return
	}
	up, down := a.ask("$orderby="+path+",id", path != "id"), a.ask("$orderby="+path+"%20desc,id%20desc", path != "id")
	slices.Reverse(down)
	if diff := cmp.Diff(up, down); diff != "" {
		a.t.Errorf("%s by %s: up is not down reversed: %s", a.address, path, diff)
	}
}

// selects asks for one property: it is there, with the key and nothing else.
func (a asker) selects(p *odata.Property) {
	a.t.Helper()
	for _, query := range spellings("select", strings.ToUpper(p.Name)) {
		for _, item := range a.ask(query, true) {
			for name := range item.(map[string]any) {
				if name != p.Name && name != "id" && !strings.HasPrefix(name, "@odata.") {
					a.t.Errorf("%s?%s shows %s", a.address, query, name)
				}
			}
			if _, ok := item.(map[string]any)[p.Name]; !ok {
				a.t.Errorf("%s?%s does not show %s", a.address, query, p.Name)
			}
		}
	}
}

func (a asker) searches(entity *odata.EntityType) {
	a.t.Helper()
	searchable := slices.ContainsFunc(entity.Properties, func(p odata.Property) bool { return p.Search })
	for _, text := range []string{"alpha", `"ALPHA's \"x\""`, "%"} {
		for _, query := range spellings("search", text)[:3] {
			a.ask(query, searchable)
		}
	}
}

// pages: the count that a list tells, the one of /$count and what the pages show
// are the same.
func (a asker) pages() {
	a.t.Helper()
	for _, filter := range []string{"", "$filter=id ne 'bare'&", "filter=id+eq+'nobody'&"} {
		whole := a.ask(filter+"$select=id", true)
		if n := a.w.do("GET", a.address+"/$count?"+filter, "").body; n != fmt.Sprint(len(whole)) {
			a.t.Errorf("%s/$count?%s is %s, want %d", a.address, filter, n, len(whole))
		}
		var got []any
		for next := a.w.origin + a.address + "?" + filter + "$select=id&$top=1&$count=true"; next != ""; {
			page := a.w.do("GET", next, "").object(a.t)
			if n, ok := page["@odata.count"].(float64); !ok || int(n) != len(whole) {
				a.t.Fatalf("%s: @odata.count %v, want %d", next, page["@odata.count"], len(whole))
			}
			got = append(got, page["value"].([]any)...)
			next, _ = page["@odata.nextLink"].(string)
		}
		want, _ := json.Marshal(whole)
		if shown, _ := json.Marshal(append([]any{}, got...)); string(shown) != string(want) {
			a.t.Errorf("%s?%s: pages show %s, want %s", a.address, filter, shown, want)
		}
		if skipped := a.ask(filter+"$select=id&$skip=1", true); len(skipped) != max(0, len(whole)-1) {
			a.t.Errorf("%s?%s$skip=1 shows %d of %d", a.address, filter, len(skipped), len(whole))
		}
	}
}
