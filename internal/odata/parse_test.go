package odata

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseQueryDefaults(t *testing.T) {
	for _, raw := range []string{"", "&", "api-version=5026-01-10", "&&API-VERSION=1&"} {
		q, err := ParseQuery(raw, subscriptionType())
		if err != nil {
			t.Errorf("%q: %v", raw, err)
		}
		if diff := cmp.Diff(Query{Top: DefaultTop, Select: Selection{All: true}}, q); diff != "" {
			t.Errorf("%q: %s", raw, diff)
		}
	}
}

func TestParseQueryOptions(t *testing.T) {
	for raw, check := range map[string]func(Query) bool{
		"$top=1":                     func(q Query) bool { return q.Top == 1 && q.HasTop },
		"top=999":                    func(q Query) bool { return q.Top == 999 },
		"%24TOP=5&%24SKIP=7":         func(q Query) bool { return q.Top == 5 && q.Skip == 7 },
		"$skip=0":                    func(q Query) bool { return q.Skip == 0 },
		"$count=true":                func(q Query) bool { return q.Count },
		"$count=false":               func(q Query) bool { return !q.Count },
		"$skiptoken=abc":             func(q Query) bool { return q.SkipToken == "abc" },
		"$format=application%2Fjson": func(q Query) bool { return q.Format == "application/json" },
		"$select=displayName":        func(q Query) bool { return cmp.Equal(q.Select, Selection{Names: []string{"id", "displayName"}}) },
		"$select=VERSION,+id,displayname,@odata.type,syncRuns": func(q Query) bool {
			return cmp.Equal(q.Select, Selection{Names: []string{"id", "displayName", "version"}})
		},
		"$select=*":                       func(q Query) bool { return len(q.Select.Names) == 18 && !q.Select.All },
		"$select=syncRuns":                func(q Query) bool { return cmp.Equal(q.Select.Names, []string{"id"}) },
		"$search=Acme%20CA":               func(q Query) bool { return q.Search == "acme ca" },
		"$search=%22A+%5C%22b%5C%5C%22":   func(q Query) bool { return q.Search == `a "b\` },
		"search=ÄB":                       func(q Query) bool { return q.Search == "äb" },
		"$orderby=id":                     func(q Query) bool { return len(q.OrderBy) == 1 && !q.OrderBy[0].Desc },
		"$orderby=id+desc":                func(q Query) bool { return len(q.OrderBy) == 1 && q.OrderBy[0].Desc },
		"$orderby=version,id,displayName": func(q Query) bool { return len(q.OrderBy) == 2 },
		"$orderby=displayName+desc,+credentials/adminUserName+ASC,version": func(q Query) bool {
			return len(q.OrderBy) == 3 && q.OrderBy[0].Desc && q.OrderBy[1].Path.String() == "credentials/adminUserName" && !q.OrderBy[1].Desc
		},
		"$filter=displayName+eq+'a%26b%2Bc'": func(q Query) bool { return q.Filter.(Comparison).Value.Str() == "a&b+c" },
	} {
		q, err := ParseQuery(raw, subscriptionType())
		if err != nil {
			t.Errorf("%q: %v", raw, err)
		} else if !check(q) {
			t.Errorf("%q is read as %+v", raw, q)
		}
	}
}

func TestParseQueryRefuses(t *testing.T) {
	const noProperty = "could not find a property named 'colour' on type 'microsoft.graph.cloudPkiSubscription'"
	for _, c := range []struct {
		raw, option, msg string
		pos              int
	}{
		{"$colour=1", "$colour", "The query option '$colour' is not supported.", 0},
		{"foo", "$foo", "The query option '$foo' is not supported.", 0},
		{"$deltatoken=x", "$deltatoken", "The query option '$deltatoken' is not supported.", 0},
		{"a%20b=1", "", "The query string has an option whose name is not valid.", 0},
		{"=1", "", "The query string has an option whose name is not valid.", 0},
		{"%zz=1", "", "The query string has an option whose name is not valid.", 0},
		{"$top=1&top=2", "$top", "The query option '$top' is given twice.", 0},
		{"$Filter=true&%24filter=true", "$filter", "The query option '$filter' is given twice.", 0},
		{"$top=%", "$top", "The value of '$top' has an invalid percent escape.", 0},
		{"$search=%4", "$search", "The value of '$search' has an invalid percent escape.", 0},
		{"$search=%FF", "$search", "The value of '$search' has characters that are not allowed.", 0},
		{"$search=a%00b", "$search", "The value of '$search' has characters that are not allowed.", 0},
		{"$filter=" + strings.Repeat("a", MaxFilterBytes+1), "$filter", "The value of '$filter' is too long.", 0},
		{"$skiptoken=" + strings.Repeat("a", maxTokenBytes+1), "$skiptoken", "The value of '$skiptoken' is too long.", 0},
		{"$skiptoken=", "$skiptoken", "The $skiptoken is not valid for this request.", 0},
		{"$top=0", "$top", "Invalid value for $top: it must be a whole number from 1 to 999.", 0},
		{"$top=1000", "$top", "Invalid value for $top: it must be a whole number from 1 to 999.", 0},
		{"$top=%2B5", "$top", "Invalid value for $top: it must be a whole number from 1 to 999.", 0},
		{"$top=", "$top", "Invalid value for $top: it must be a whole number from 1 to 999.", 0},
		{"$top=1.0", "$top", "Invalid value for $top: it must be a whole number from 1 to 999.", 0},
		{"$skip=-1", "$skip", "Invalid value for $skip: it must be a whole number from 0 to 2147483647.", 0},
		{"$skip=99999999999999999999", "$skip", "Invalid value for $skip: it must be a whole number from 0 to 2147483647.", 0},
		{"$count=1", "$count", "Invalid value for $count: it must be true or false.", 0},
		{"$select=colour", "$select", "Parsing OData Select and Expand failed: " + noProperty + " at position 0.", 0},
		{"$select=id,colour", "$select", "Parsing OData Select and Expand failed: " + noProperty + " at position 3.", 3},
		{"$select=", "$select", "Parsing OData Select and Expand failed: a property name is expected at position 0.", 0},
		{"$select=id,", "$select", "Parsing OData Select and Expand failed: a property name is expected at position 3.", 3},
		{"$select=credentials/adminPassword", "$select", "Parsing OData Select and Expand failed: a member of 'credentials' cannot be selected alone; select 'credentials' at position 0.", 0},
		{"$apply=aggregate(version)", "$apply", "The query option '$apply' is not supported.", 0},
		{"compute=version", "$compute", "The query option '$compute' is not supported.", 0},
		{"@p1='x'", "@p1", "The query option '@p1' is not supported.", 0},
		{"$orderby=syncRuns/$count", "$orderby", "Invalid orderby clause: the navigation property 'syncRuns' cannot be used here; query its own address at position 0.", 0},
		{"$orderby=", "$orderby", "Invalid orderby clause: a property, with asc or desc behind it, is expected at position 0.", 0},
		{"$orderby=version,", "$orderby", "Invalid orderby clause: a property, with asc or desc behind it, is expected at position 8.", 8},
		{"$orderby=version+down", "$orderby", "Invalid orderby clause: only asc or desc may stand behind a property at position 0.", 0},
		{"$orderby=version+desc+x", "$orderby", "Invalid orderby clause: a property, with asc or desc behind it, is expected at position 0.", 0},
		{"$orderby=colour", "$orderby", "Invalid orderby clause: " + noProperty + " at position 0.", 0},
		{"$orderby=version,Version+desc", "$orderby", "Invalid orderby clause: the property 'version' is there twice at position 8.", 8},
		{"$orderby=credentials/adminPassword", "$orderby", "Invalid orderby clause: the property 'credentials/adminPassword' is not sortable at position 0.", 0},
		{"$orderby=tags", "$orderby", "Invalid orderby clause: the property 'tags' is not sortable at position 0.", 0},
		{"$orderby=displayName,description,version,syncStatus,paused,lastSyncDateTime", "$orderby", "Invalid orderby clause: there are more than 5 keys at position 50.", 50},
		{"$search=", "$search", "Invalid value for $search: it must have from 1 to 1024 bytes.", 0},
		{"$search=%22+%22", "$search", "Invalid value for $search: it must have from 1 to 1024 bytes.", 0},
		{"$search=" + strings.Repeat("a", 1025), "$search", "Invalid value for $search: it must have from 1 to 1024 bytes.", 0},
		{"$search=%22a", "$search", "Invalid value for $search: it must be one text, which may be in double quotes.", 0},
		{"$search=%22a%22+AND+%22b%22", "$search", "Invalid value for $search: it must be one text, which may be in double quotes.", 0},
	} {
		_, err := ParseQuery(c.raw, subscriptionType())
		var got *Error
		if !errors.As(err, &got) {
			t.Errorf("%q: error %v, want an *Error", c.raw, err)
			continue
		}
		want := &Error{Code: CodeBadRequest, Option: c.option, Pos: c.pos, Msg: c.msg}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", c.raw, diff)
		}
	}
	if _, err := ParseQuery("$search=a", runType()); err == nil || err.Error() != "The query option '$search' is not supported on 'microsoft.graph.cloudPkiSyncRun'." {
		t.Error(err)
	}
}

func TestCanonicalBindsFilterOrderAndSearch(t *testing.T) {
	canonical := func(raw string) string {
		q, err := ParseQuery(raw, subscriptionType())
		if err != nil {
			t.Fatal(raw, err)
		}
		return q.Canonical()
	}
	same := [][2]string{
		{"$top=5&$filter=version+eq+7", "$filter=VERSION%20EQ%207&$skiptoken=x&$count=true&$select=id"},
		{"$orderby=version,id", "orderby=Version+asc,ID"},
		{"$filter=7+lt+version", "$filter=(version+gt+7)"},
		{"$filter=lastSyncDateTime+gt+2017-01-01T00:00:00Z", "$filter=lastSyncDateTime+gt+2016-12-31T23:00:00-01:00"},
		{"$search=A", "$search=%22a%22"},
	}
	for _, s := range same {
		if canonical(s[0]) != canonical(s[1]) {
			t.Errorf("%s and %s differ: %q, %q", s[0], s[1], canonical(s[0]), canonical(s[1]))
		}
	}
	seen := map[string]string{}
	for _, raw := range []string{
		"", "$filter=version+eq+7", "$filter=version+eq+8", "$filter=version+ne+7", "$orderby=version", "$orderby=version+desc",
		"$search=a", "$filter=displayName+eq+'a'", "$filter=tolower(displayName)+eq+'a'", "$filter=displayName+eq+null", "$filter=displayName+eq+'null'",
		"$search=" + url.QueryEscape(`&search="`), "$filter=displayName+eq+'" + url.QueryEscape(`&orderby=version`) + "'",
	} {
		c := canonical(raw)
		if other, ok := seen[c]; ok {
			t.Errorf("%q and %q are both %q", raw, other, c)
		}
		seen[c] = raw
	}
}
