package odata

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseFilter(t *testing.T) {
	for in, want := range map[string]string{ // want is how it is written again, "" for the same
		"displayName eq 'a'":          "",
		"DISPLAYNAME EQ 'it''s'":      "displayName eq 'it''s'",
		"displayName eq ''":           "",
		"displayName eq null":         "",
		"null ne displayName":         "displayName ne null",
		"'a' gt displayName":          "displayName lt 'a'",
		"version ge -5":               "",
		"7 le version":                "version ge 7",
		"version gt null":             "false",
		"size eq 9223372036854775807": "",
		"paused":                      "paused eq true",
		"not paused":                  "not (paused eq true)",
		"not not paused":              "not (not (paused eq true))",
		"not paused eq true":          "not (paused eq true)",
		"paused eq false":             "",
		"true":                        "",
		"not false":                   "not (false)",
		"syncStatus eq 'succeeded'":   "",
		"syncStatus eq microsoft.graph.syncStatus'failed'":      "syncStatus eq 'failed'",
		"syncStatus in ('succeeded','failed')":                  "",
		"syncStatus in ('failed',null)":                         "(syncStatus in ('failed') or syncStatus eq null)",
		"syncStatus in (null)":                                  "syncStatus eq null",
		"lastSyncDateTime gt 2017-01-01T00:00:35.1329464-08:00": "lastSyncDateTime gt 2017-01-01T08:00:35.1329464Z",
		"lastSyncDateTime lt 2017-01-01":                        "lastSyncDateTime lt 2017-01-01T00:00:00Z",
		"syncSchedule eq duration'PT90M'":                       "syncSchedule eq duration'PT1H30M'",
		"syncSchedule eq 'PT1H'":                                "syncSchedule eq duration'PT1H'",
		"profile eq ED4AD7E9-d7e9-ed4a-e9d7-4aede9d74aed":       "profile eq ed4ad7e9-d7e9-ed4a-e9d7-4aede9d74aed",
		"profile eq 'ed4ad7e9-d7e9-ed4a-e9d7-4aede9d74aed'":     "profile eq ed4ad7e9-d7e9-ed4a-e9d7-4aede9d74aed",
		"credentials/adminUserName eq 'x'":                      "",
		"Credentials/ADMINUSERNAME eq 'x'":                      "credentials/adminUserName eq 'x'",
		"startswith(displayName,'a')":                           "",
		"StartsWith( displayName , 'a' ) eq true":               "startswith(displayName,'a')",
		"endsWith(displayName,'a') eq false":                    "not (endswith(displayName,'a'))",
		"false ne contains(displayName,'a')":                    "contains(displayName,'a')",
		"contains(tolower(displayName),'a')":                    "",
		"contains(tolower(displayName),tolower('ÀB'))":          "contains(tolower(displayName),'àb')",
		"tolower(displayName) eq tolower('AB')":                 "tolower(displayName) eq 'ab'",
		"tolower(displayName) eq 'AB'":                          "",
		"tolower(displayName) in ('a','b')":                     "",
		"(displayName) eq ('a')":                                "displayName eq 'a'",
		"paused or version eq 1 and displayName eq 'a'":         "(paused eq true or (version eq 1 and displayName eq 'a'))",
		"(paused or version eq 1) and displayName eq 'a'":       "((paused eq true or version eq 1) and displayName eq 'a')",
		"paused and paused and paused":                          "((paused eq true and paused eq true) and paused eq true)",
		"version gt 1 eq true":                                  "version gt 1",
		"version gt 1 ne true or paused":                        "(not (version gt 1) or paused eq true)",
		"not(version eq 1)":                                     "not (version eq 1)",
		"not contains(displayName,'a') and paused":              "(not (contains(displayName,'a')) and paused eq true)",
		" \tversion\n eq\r 1 ":                                  "version eq 1",
		"displayName in('a')":                                   "displayName in ('a')",
		"displayName eq 'and or not (,'":                        "",
	} {
		if want == "" {
			want = in
		}
		e, err := parseFilter(in, subscriptionType())
		if err != nil {
			t.Errorf("%s: %v", in, err)
		} else if got := string(appendExpr(nil, e)); got != want {
			t.Errorf("%s is read as %s, want %s", in, got, want)
		}
	}
}

func TestParseFilterRefuses(t *testing.T) {
	for _, c := range []struct {
		in, problem string
		pos         int
	}{
		{"", "it ends too early", 0},
		{"  ", "it ends too early", 2},
		{"displayName", "a condition is expected", 0},
		{"'a'", "a condition is expected", 0},
		{"displayName eq", "it ends too early", 14},
		{"displayName eq 'a", "there is an unterminated string literal", 15},
		{"displayName eq 'a'b", "'b' is not expected", 18},
		{"displayName eq 'a' 'b'", "there is a syntax error", 19},
		{"displayName eq a", "could not find a property named 'a' on type 'microsoft.graph.cloudPkiSubscription'", 15},
		{"displayName like 'a'", "'like' is not expected", 12},
		{"colour eq 'a'", "could not find a property named 'colour' on type 'microsoft.graph.cloudPkiSubscription'", 0},
		{"credentials/colour eq 'a'", "could not find a property named 'colour' on type 'microsoft.graph.cloudPkiAdministratorCredentials'", 0},
		{"credentials/adminUserName/x eq 'a'", "a property name is expected", 0},
		{"displayName/x eq 'a'", "the property 'displayName' has no members that can be named here", 0},
		{"providerSettings/name eq 'a'", "the property 'providerSettings' has no members that can be named here", 0},
		{"\u00e9 eq 1", "a property name is expected", 0},
		{"credentials/adminPassword eq 'hunter2'", "the property 'credentials/adminPassword' is not filterable", 0},
		{"credentials/authenticationCertificate ne null", "the property 'credentials/authenticationCertificate' is not filterable", 0},
		{"startswith(credentials/adminPassword,'h')", "the property 'credentials/adminPassword' is not filterable", 11},
		{"credentials eq null", "the property 'credentials' is not filterable", 0},
		{"trustedRootCertificate eq null", "the property 'trustedRootCertificate' is not filterable", 0},
		{"tags eq 'a'", "the property 'tags' is not filterable", 0},
		{"displayName eq 5", "the property 'displayName' must be compared with a string in single quotes", 15},
		{"displayName eq x'a'", "the property 'displayName' must be compared with a string in single quotes", 15},
		{"version eq '5'", "the property 'version' must be compared with a whole number in the range of its type", 11},
		{"version eq 5.0", "the property 'version' must be compared with a whole number in the range of its type", 11},
		{"version eq 2147483648", "the property 'version' must be compared with a whole number in the range of its type", 11},
		{"version eq true", "the property 'version' must be compared with a whole number in the range of its type", 11},
		{"paused eq 1", "the property 'paused' must be compared with true or false", 10},
		{"paused gt false", "a Boolean can only be compared with eq and ne", 10},
		{"syncStatus eq 'Succeeded'", "the property 'syncStatus' must be compared with one of these names in single quotes: unKnown, succeeded, failed", 14},
		{"syncStatus eq 1", "the property 'syncStatus' must be compared with one of these names in single quotes: unKnown, succeeded, failed", 14},
		{"syncStatus eq microsoft.graph.other'failed'", "the property 'syncStatus' must be compared with one of these names in single quotes: unKnown, succeeded, failed", 14},
		{"lastSyncDateTime gt '2017-01-01'", "the property 'lastSyncDateTime' must be compared with a date without quotes, such as 2017-01-01T00:00:35Z or 2017-01-01", 20},
		{"lastSyncDateTime gt 2017-02-29", "the property 'lastSyncDateTime' must be compared with a date without quotes, such as 2017-01-01T00:00:35Z or 2017-01-01", 20},
		{"syncSchedule gt PT1H", "could not find a property named 'PT1H' on type 'microsoft.graph.cloudPkiSubscription'", 16},
		{"profile eq 'x'", "the property 'profile' must be compared with a GUID", 11},
		{"version eq version", "one side of 'eq' must be a literal", 8},
		{"1 eq 1", "one side of 'eq' must be a property", 2},
		{"(version eq 1) gt true", "a condition can only be compared with eq or ne and true or false", 15},
		{"(version eq 1) eq null", "a condition can only be compared with eq or ne and true or false", 15},
		{"not version eq 1", "what follows 'not' must be a condition in parentheses or a function", 0},
		{"not", "it ends too early", 3},
		{"version eq 1 and", "it ends too early", 16},
		{"version eq 1 and displayName", "a condition is expected", 17},
		{"version eq 1)", "')' is not expected", 12},
		{"(version eq 1", "it ends too early", 13},
		{"()", "')' is not expected", 1},
		{"version in 1", "'1' is not expected", 11},
		{"version in ()", "')' is not expected", 12},
		{"version in (1,)", "')' is not expected", 14},
		{"version in (1 2)", "'2' is not expected", 14},
		{"version in (1,'2')", "the property 'version' must be compared with a whole number in the range of its type", 14},
		{"1 in (1)", "a property must stand in front of 'in'", 0},
		{"version eq (", "it ends too early", 12},
		{"version in ((1))", "'(' is not expected", 12},
		{", version", "',' is not expected", 0},
		{"version in (null,, 1)", "',' is not expected", 17},
		{"startswith(displayName,'a' 'b')", "there is a syntax error", 27},
		{"(displayName 'b')", "there is a syntax error", 13},
		{"a%b(1)", "there is a syntax error", 0},
		{"not (displayName)", "what follows 'not' must be a condition in parentheses or a function", 0},
		{"version eq 1 or displayName or paused", "a condition is expected", 16},
		{"startswith(displayName,'a') in ('b')", "a property must stand in front of 'in'", 0},
		{"syncSchedule eq 5", "the property 'syncSchedule' must be compared with a duration such as duration'PT1H30M'", 16},
		{"length(displayName) eq 1", "the function 'length' is not supported", 0},
		{"tags/any(t:t eq 'a')", "the lambda operator 'any' is not supported", 0},
		{"startswith(displayName)", "')' is not expected", 22},
		{"startswith('a',displayName)", "the first argument of startswith must be a string property", 11},
		{"startswith(version,'1')", "the first argument of startswith must be a string property", 11},
		{"startswith(syncStatus,'s')", "the first argument of startswith must be a string property", 11},
		{"startswith(displayName,1)", "the second argument of startswith must be a string in single quotes", 23},
		{"startswith(displayName,null)", "the second argument of startswith must be a string in single quotes", 23},
		{"startswith(displayName,description)", "the second argument of startswith must be a string in single quotes", 23},
		{"tolower(displayName)", "a condition is expected", 0},
		{"tolower(version) eq '1'", "tolower is not supported on the property 'version'", 0},
		{"tolower(1) eq '1'", "tolower needs a property or a string in single quotes", 0},
		{"tolower(lastSyncError) eq 'a'", "tolower is not supported on the property 'lastSyncError'", 0},
		{strings.Repeat("(", MaxDepth+1) + "true" + strings.Repeat(")", MaxDepth+1), "it is nested more than 64 levels deep", 64},
		{strings.Repeat("not ", MaxDepth+1) + "true", "it is nested more than 64 levels deep", 256},
		{strings.Repeat("tolower(", MaxDepth+1), "it is nested more than 64 levels deep", 512},
		{strings.Repeat("paused or ", MaxTerms) + "paused", "it has more than 200 terms", 2000},
		{strings.Repeat("true or ", MaxTerms) + "true", "it has more than 200 terms", 1600},
		{"version in (" + strings.Repeat("1,", MaxTerms) + "1)", "it has more than 200 terms", 412},
		{"paused eq true" + strings.Repeat(" eq false", MaxTerms), "it has more than 200 terms", 1806},
	} {
		_, err := parseFilter(c.in, subscriptionType())
		var got *Error
		if !errors.As(err, &got) {
			t.Errorf("%s: error %v, want an *Error", c.in, err)
			continue
		}
		want := &Error{Code: CodeBadRequest, Option: "$filter", Pos: c.pos, Msg: "Invalid filter clause: " + c.problem + " at position " + strconv.Itoa(c.pos) + "."}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", c.in, diff)
		}
	}
}

func TestParseFilterTakesItsLimits(t *testing.T) {
	for _, in := range []string{
		strings.Repeat("(", MaxDepth) + "true" + strings.Repeat(")", MaxDepth),
		strings.Repeat("paused or ", MaxTerms-1) + "paused",
		"version in (" + strings.Repeat("1,", MaxTerms-1) + "1)",
		strings.Repeat("(paused) and ", 100) + "paused", // depth is left again
	} {
		if _, err := parseFilter(in, subscriptionType()); err != nil {
			t.Errorf("%.40s…: %v", in, err)
		}
	}
}
