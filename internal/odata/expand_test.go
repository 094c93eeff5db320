package odata

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// familyType has navigations to types of different properties.
func familyType() *EntityType {
	t := subscriptionType()
	t.Navigations = append(t.Navigations, Navigation{Name: "certificates", Target: &EntityType{Name: "cloudPkiCertificate", Properties: []Property{
		{Name: "id", Kind: KindString, Filter: true, Sort: true},
		{Name: "commonName", Kind: KindString, Nullable: true, Filter: true, Sort: true, Fold: true, Search: true},
	}}})
	return t
}

func TestParseExpand(t *testing.T) {
	for raw, want := range map[string]string{
		"$expand=syncRuns":                                "syncRuns 20 []",
		"expand=SYNCRUNS":                                 "syncRuns 20 []",
		"%24expand=%20syncRuns%20,+certificates+":         "syncRuns 20 [],certificates 20 []",
		"$expand=certificates,syncRuns":                   "syncRuns 20 [],certificates 20 []",
		"$expand=*":                                       "syncRuns 20 [],certificates 20 []",
		"$expand=*,certificates($top=5)":                  "syncRuns 20 [],certificates 5 [$top=5]",
		"$expand=syncRuns()":                              "syncRuns 20 []",
		"$expand=syncRuns($top=100;$skip=3;$count=true;)": "syncRuns 100 [$top=100&$count=true]",
		"$expand=syncRuns(%24top%3D5%3BSELECT%3Dfound)":   "syncRuns 5 [$top=5&$select=found]",
		"$expand=syncRuns($select=id,found;$orderby=found+desc),certificates": "syncRuns 20 [$select=id%2Cfound&$orderby=found%20desc],certificates 20 []",
		"$expand=syncRuns($filter=(found+gt+5)+and+not(found+in+(7,8)))":      "syncRuns 20 [$filter=%28found%20gt%205%29%20and%20not%28found%20in%20%287%2C8%29%29]",
		"$expand=certificates($filter=commonName+eq+'a)%3B''(%26%2B')":        "certificates 20 [$filter=commonName%20eq%20%27a%29%3B%27%27%28%26%2B%27]",
		`$expand=certificates($search="a)\";(";$top=1)`:                       "certificates 1 [$search=%22a%29%5C%22%3B%28%22&$top=1]",
		"$expand=certificates($search=acme+ca)":                               "certificates 20 [$search=acme%20ca]",
	} {
		q, err := ParseQuery(raw, familyType())
		if err != nil {
			t.Errorf("%q: %v", raw, err)
			continue
		}
		if diff := cmp.Diff(want, describe(q.Expand)); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", raw, diff)
		}
	}
}

func describe(list []Expansion) string {
	var parts []string
	for _, e := range list {
		parts = append(parts, e.Navigation+" "+string(appendLiteral(nil, &Property{Kind: KindInt32}, Int(int64(e.Query.Top))))+" ["+e.Options+"]")
	}
	return strings.Join(parts, ",")
}

// TestExpandOptionsAreAQuery: what stands in parentheses and the link to further
// children mean the same, so that a token of one is good for the other.
func TestExpandOptionsAreAQuery(t *testing.T) {
	for _, options := range []string{
		"", "$top=5", "filter=commonName+eq+'x%26y%3Dz%25%2B%23'+or+contains(commonName,'%22')", "$select=commonName;$count=true;$orderby=commonName+desc",
		`$search="%C3%84 \"b\" \\";$filter=tolower(commonName)+ne+null`, "$filter=" + strings.Repeat("commonName+ne+'a'+and+", 100) + "id+ne+'b'",
	} {
		q, err := ParseQuery("$expand=certificates("+options+")", familyType())
		if err != nil {
			t.Errorf("%s: %v", options, err)
			continue
		}
		e := q.Expand[0]
		again, err := ParseQuery(e.Options, e.Target)
		if err != nil {
			t.Errorf("%s is written as %s: %v", options, e.Options, err)
			continue
		}
		if !e.Query.HasTop {
			again.Top = e.Query.Top
		}
		if again.Canonical() != e.Query.Canonical() || !cmp.Equal(again.Select, e.Query.Select) || again.Top != e.Query.Top || again.Count != e.Query.Count {
			t.Errorf("%s is written as %s, which is another query", options, e.Options)
		}
	}
}

func TestParseExpandRefuses(t *testing.T) {
	const failed = "Parsing OData Select and Expand failed: "
	for _, c := range []struct {
		value, msg string
		pos        int
	}{
		{"", failed + "a property name is expected at position 0.", 0},
		{"syncRuns,", failed + "a property name is expected at position 9.", 9},
		{"colour", failed + "could not find a property named 'colour' on type 'microsoft.graph.cloudPkiSubscription' at position 0.", 0},
		{"credentials", failed + "the property 'credentials' is not a navigation property at position 0.", 0},
		{"credentials/adminPassword", failed + "the property 'credentials' is not a navigation property at position 0.", 0},
		{"syncRuns,SyncRuns", failed + "the property 'syncRuns' is there twice at position 9.", 9},
		{"*,*", failed + "'*' may be there once and takes no options at position 2.", 2},
		{"*($levels=2)", failed + "'*' may be there once and takes no options at position 0.", 0},
		{"*/$ref", failed + "'/$ref' is not supported here; for the number of items expand with ($count=true) at position 0.", 0},
		{"syncRuns/$ref", failed + "'/$ref' is not supported here; for the number of items expand with ($count=true) at position 0.", 0},
		{"syncRuns/$COUNT", failed + "'/$count' is not supported here; for the number of items expand with ($count=true) at position 0.", 0},
		{"syncRuns/stages", failed + "nothing can be expanded below 'syncRuns' at position 0.", 0},
		{"syncRuns($top=1", failed + "the parentheses or quotes behind 'syncRuns' do not end at position 0.", 0},
		{"certificates($search=it's)", failed + "the parentheses or quotes behind 'certificates' do not end at position 0.", 0},
		{`certificates($search="a\")`, failed + "the parentheses or quotes behind 'certificates' do not end at position 0.", 0},
		{"syncRuns($top=1)x", failed + "nothing may stand behind the parentheses of 'syncRuns' at position 0.", 0},
		{"syncRuns($top=1)($top=2)", failed + "nothing may stand behind the parentheses of 'syncRuns' at position 0.", 0},
		{"syncRuns)", failed + "a property name is expected at position 0.", 0},
		{"syncRuns($top=0)", "In the $expand of 'syncRuns': Invalid value for $top: it must be a whole number from 1 to 100.", 0},
		{"syncRuns($top=101)", "In the $expand of 'syncRuns': Invalid value for $top: it must be a whole number from 1 to 100.", 0},
		{"syncRuns($skip=-1)", "In the $expand of 'syncRuns': Invalid value for $skip: it must be a whole number from 0 to 2147483647.", 0},
		{"syncRuns($count=1)", "In the $expand of 'syncRuns': Invalid value for $count: it must be true or false.", 0},
		{"syncRuns($top=1;top=2)", "In the $expand of 'syncRuns': The query option '$top' is given twice.", 0},
		{"syncRuns($top=1,$skip=2)", "In the $expand of 'syncRuns': Invalid value for $top: it must be a whole number from 1 to 100.", 0},
		{"syncRuns(5)", "In the $expand of 'syncRuns': The query option '$5' is not supported inside $expand.", 0},
		{"syncRuns(a b=5)", "In the $expand of 'syncRuns': An option such as $top=5 is expected, and semicolons between options.", 0},
		{"syncRuns($select=colour)", "In the $expand of 'syncRuns': " + failed + "could not find a property named 'colour' on type 'microsoft.graph.cloudPkiSyncRun' at position 0.", 0},
		{"syncRuns($filter=found eq 'x')", "In the $expand of 'syncRuns': Invalid filter clause: the property 'found' must be compared with a whole number in the range of its type at position 9.", 0},
		{"syncRuns($orderby=version)", "In the $expand of 'syncRuns': Invalid orderby clause: could not find a property named 'version' on type 'microsoft.graph.cloudPkiSyncRun' at position 0.", 0},
		{"syncRuns($search=x)", "In the $expand of 'syncRuns': The query option '$search' is not supported on 'microsoft.graph.cloudPkiSyncRun'.", 0},
		{"syncRuns($expand=certificates)", "In the $expand of 'syncRuns': The query option '$expand' is not supported here: nothing can be expanded below 'syncRuns'.", 0},
		{"syncRuns($levels=max)", "In the $expand of 'syncRuns': The query option '$levels' is not supported here: nothing can be expanded below 'syncRuns'.", 0},
		{"syncRuns($skiptoken=x)", "In the $expand of 'syncRuns': The query option '$skiptoken' is not supported inside $expand.", 0},
		{"syncRuns($format=json)", "In the $expand of 'syncRuns': The query option '$format' is not supported inside $expand.", 0},
		{"syncRuns($filter=" + strings.Repeat("(", 65) + "found eq 1" + strings.Repeat(")", 65) + ")", "In the $expand of 'syncRuns': Invalid filter clause: it is nested more than 64 levels deep at position 64.", 0},
		{strings.Repeat("syncRuns,", 1000), "The value of '$expand' is too long.", 0},
	} {
		_, err := ParseQuery("$expand="+c.value, subscriptionType())
		if c.value == "certificates($search=it's)" || strings.HasPrefix(c.value, `certificates($search="`) {
			_, err = ParseQuery("$expand="+c.value, familyType())
		}
		var got *Error
		if !errors.As(err, &got) {
			t.Errorf("%q: error %v, want an *Error", c.value, err)
			continue
		}
		want := &Error{Code: CodeBadRequest, Option: "$expand", Pos: c.pos, Msg: c.msg}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", c.value, diff)
		}
	}
	if _, err := ParseQuery("$expand=*", runType()); err == nil || err.Error() != failed+"'microsoft.graph.cloudPkiSyncRun' has no navigation property at position 0." {
		t.Error(err)
	}
}

func TestCanonicalBindsExpansions(t *testing.T) {
	seen := map[string]string{}
	for _, raw := range []string{
		"", "$expand=syncRuns", "$expand=certificates", "$expand=*", "$expand=syncRuns($filter=found+eq+1)", "$expand=syncRuns($orderby=found)",
		"$expand=syncRuns($skip=1)", "$expand=certificates($search=a)", "$expand=certificates($search=b)",
	} {
		q, err := ParseQuery(raw, familyType())
		if err != nil {
			t.Fatal(raw, err)
		}
		if other, ok := seen[q.Canonical()]; ok {
			t.Errorf("%q and %q are both %q", raw, other, q.Canonical())
		}
		seen[q.Canonical()] = raw
	}
	a, _ := ParseQuery("$expand=certificates($top=3),syncRuns", familyType())
	b, _ := ParseQuery("expand=*&$top=7&$count=true", familyType())
	if a.Canonical() != b.Canonical() {
		t.Errorf("%q and %q differ", a.Canonical(), b.Canonical())
	}
}

func FuzzParseExpand(f *testing.F) {
	for _, s := range []string{
		"*", "syncRuns", "syncRuns($top=5;$select=id,found;$filter=(found gt 5)),certificates",
		`certificates($search="a)\";";$filter=commonName eq 'a;''(')`, "syncRuns/$ref", "syncRuns($expand=x($levels=1))", "certificates(search=\xf1)",
	} {
		f.Add(s)
	}
	et := familyType()
	f.Fuzz(func(t *testing.T, value string) {
		q, err := ParseQuery("$expand="+url.QueryEscape(value), et)
		if err != nil {
			mustBeError(t, err)
			return
		}
		if len(q.Expand) == 0 || len(q.Expand) > len(et.Navigations) {
			t.Fatalf("%q has %d expansions", value, len(q.Expand))
		}
		for _, e := range q.Expand {
			if e.Query.Top < 1 || e.Query.Top > MaxExpandTop {
				t.Fatalf("%q: %+v", value, e)
			}
			again, err := ParseQuery(e.Options, e.Target)
			if err != nil || again.Canonical() != e.Query.Canonical() {
				t.Fatalf("%q is written as %q: %v", value, e.Options, err)
			}
		}
	})
}
