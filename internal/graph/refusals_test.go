package graph_test

import (
	"fmt"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A refusal is a request that must be refused.
type refusal struct {
	request string // METHOD PATH, or a body that is posted to the set
	header  []string
	body    string
}

const set = "/beta/cloudPkiSubscriptions"

// badBodies are refused when they are posted, whatever the address.
var badBodies = []string{
	``, ` `, `null`, `true`, `1`, `"text"`, `[]`, `[{}]`, `{`, `}`, `{]`, `{"a"}`, `{"a":}`, `{"displayName":"x",}`, `{"displayName" "x"}`,
	`{'displayName':'x'}`, `{displayName:"x"}`, `{"displayName":"x"} {}`, `{"displayName":"x"}]`, `{}{}`, `{"displayName":"x"`,
	`{"displayName":"x`, `{"displayName":NaN}`, `{"version":01}`, `{"version":+1}`, `{"version":.5}`, `{"version":1.}`, `// {}`, `{/**/}`,
	"\xef\xbb\xbf{}", "{\"displayName\":\"\xff\"}", `{"displayName":"\ud800"}`, `{"displayName":"\x"}`, "{\"displayName\":\"a\nb\"}",
	`{"displayName":"a` + "\x00" + `b"}`, `{"displayName":"\u0000"}`, `{"description":"\u0000"}`, `{"credentials":{"adminUserName":"\u0000"}}`,
	`{"displayname":"x"}`, `{"DisplayName":"x"}`, `{"ID":"x"}`, `{"nobody":1}`, `{"credential":{}}`, `{"":1}`, `{"credentials":{"password":"CANARY"}}`,
	`{"credentials":{"AdminPassword":"CANARY"}}`, `{"displayName":"x","displayName":"y"}`, `{"credentials":{"adminPassword":"CANARY","adminPassword":"CANARY"}}`,
	`{"credentials":{},"credentials":null}`, `{"displayName":"x","display\u004eame":"y"}`,
	`{"displayName":1}`, `{"displayName":true}`, `{"displayName":[]}`, `{"displayName":{}}`, `{"description":["x"]}`, `{"lastSyncError":{}}`,
	`{"version":"7"}`, `{"version":7.5}`, `{"version":7e0}`, `{"version":2147483648}`, `{"version":-2147483649}`, `{"version":null}`, `{"version":true}`, `{"version":-1}`,
	`{"cloudPkiProvider":null}`, `{"cloudPkiProvider":"Symantec"}`, `{"cloudPkiProvider":"verisign"}`, `{"cloudPkiProvider":""}`, `{"cloudPkiProvider":1}`,
	`{"cloudPkiProvider":"unknown"}`, `{"cloudPkiProvider":"symantec,ejbca"}`, `{"cloudPkiProvider":["symantec"]}`,
	`{"syncStatus":"Succeeded"}`, `{"syncStatus":"unknown"}`, `{"syncStatus":2}`, `{"syncStatus":"inProgress"}`,
	`{"createdDateTime":null}`, `{"createdDateTime":"yesterday"}`, `{"createdDateTime":"2017-01-01"}`, `{"lastModifiedDateTime":"2017-01-01T00:00:35"}`,
	`{"lastModifiedDateTime":"2017-13-01T00:00:35Z"}`, `{"lastModifiedDateTime":"2017-02-30T00:00:35Z"}`, `{"lastModifiedDateTime":"2017-01-01T25:00:35Z"}`,
	`{"lastModifiedDateTime":1483228800}`, `{"lastModifiedDateTime":null}`, `{"lastSyncDateTime":null}`, `{"lastSyncDateTime":""}`, `{"lastSyncDateTime":"2017-01-01 00:00:35Z"}`,
	`{"lastSyncDateTime":"2017-01-01T00:00:35+25:00"}`, `{"lastSyncDateTime":"2017-01-01T00:00:35.Z"}`, `{"lastSyncDateTime":"99999-01-01T00:00:35Z"}`,
	`{"trustedRootCertificate":"not base64"}`, `{"trustedRootCertificate":"YQ"}`, `{"trustedRootCertificate":"YR=="}`, `{"trustedRootCertificate":"YQ=="` + "\n" + `,"x":1}`,
	`{"trustedRootCertificate":"Y\r\nQ=="}`, `{"trustedRootCertificate":"YQ==="}`, `{"trustedRootCertificate":"_-8="}`, `{"trustedRootCertificate":1}`, `{"trustedRootCertificate":[97]}`,
	`{"serverCertificateAuthorities":"-----BEGIN CERTIFICATE-----"}`, `{"serverCertificateAuthorities":false}`,
	`{"credentials":"CANARY"}`, `{"credentials":[]}`, `{"credentials":1}`, `{"credentials":[{"adminPassword":"CANARY"}]}`, `{"credentials":{"adminPassword":1}}`,
	`{"credentials":{"adminPassword":{"value":"CANARY"}}}`, `{"credentials":{"adminUserName":[]}}`, `{"credentials":{"authenticationCertificate":"CANARY!"}}`,
	`{"credentials":{"authenticationCertificate":"YQ"}}`, `{"credentials":{"authenticationCertificate":"*****"}}`, `{"credentials":{"authenticationCertificate":"Y\nQ=="}}`,
	`{"credentials":{"authenticationCertificate":1}}`, `{"credentials":{"authenticationCertificatePassword":false}}`,
	`{"@odata.type":"#microsoft.graph.other"}`, `{"@odata.type":"cloudPkiSubscription"}`, `{"@odata.type":"##microsoft.graph.cloudPkiSubscription"}`, `{"@odata.type":1}`, `{"@odata.type":null}`,
	`{"credentials":{"@odata.type":"#microsoft.graph.cloudPkiSubscription"}}`, `{"@odata.type":"#Microsoft.Graph.cloudPkiSubscription"}`,
	`{"serviceUri":"http://ca.example.com/"}`, `{"serviceUri":"ca.example.com"}`, `{"serviceUri":"https://"}`, `{"serviceUri":"https://u:CANARY@ca.example.com/"}`,
	`{"serviceUri":"https://ca.example.com/?CANARY=1"}`, `{"serviceUri":"https://ca.example.com/#x"}`, `{"serviceUri":"file:///etc/passwd"}`, `{"serviceUri":""}`, `{"serviceUri":"https://ca.example.com:port/"}`, `{"serviceUri":7}`,
	`{"providerSettings":{}}`, `{"providerSettings":"a=b"}`, `{"providerSettings":[1]}`, `{"providerSettings":[null]}`, `{"providerSettings":[{"name":null}]}`, `{"providerSettings":[{"value":"x"}]}`,
	`{"providerSettings":[{"name":""}]}`, `{"providerSettings":[{"name":"a"},{"name":"a"}]}`, `{"providerSettings":[{"name":"a","extra":1}]}`, `{"providerSettings":[[{"name":"a"}]]}`,
	`{"syncSchedule":"1h"}`, `{"syncSchedule":"PT1S"}`, `{"syncSchedule":"P1Y"}`, `{"syncSchedule":"P32D"}`, `{"syncSchedule":"-PT1H"}`, `{"syncSchedule":3600}`, `{"syncSchedule":"P"}`, `{"syncSchedule":"PT"}`, `{"syncSchedule":"P99999999999999999D"}`,
	`{"paused":"true"}`, `{"paused":1}`, `{"id":""}`, `{"id":null}`, `{"id":7}`, `{"id":"a b"}`, `{"id":"a/b"}`, `{"id":".."}`, `{"id":"ü"}`, `{"id":"a'b"}`,
	`{"syncRuns":[]}`, `{"certificates":[{}]}`,
	`{"displayName":1,"description":2,"version":"x","nobody":true,"credentials":{"adminPassword":7,"extra":1}}`,
	`{"serviceUri":"http://x","syncSchedule":"PT1S","providerSettings":[{"name":""}]}`,
}

// longBodies are refused for their size; they are not shown in the golden file.
func longBodies() map[string]string {
	return map[string]string{
		"id of 129 characters":            `{"id":"` + strings.Repeat("a", 129) + `"}`,
		"displayName of 1025 characters":  `{"displayName":"` + strings.Repeat("ü", 1025) + `"}`,
		"description of 4097 characters":  `{"description":"` + strings.Repeat("a", 4097) + `"}`,
		"password of 8193 characters":     `{"credentials":{"adminPassword":"` + strings.Repeat("CANARY..", 1024) + `x"}}`,
		"serviceUri of 2049 characters":   `{"serviceUri":"https://` + strings.Repeat("a", 2041) + `"}`,
		"65 settings":                     `{"providerSettings":[` + strings.TrimSuffix(strings.Repeat(`{"name":"a"},`, 65), ",") + `]}`,
		"root of more than a mebibyte":    `{"trustedRootCertificate":"` + strings.Repeat("AAAA", 1<<20/3+1) + `"}`,
		"client certificate of the same":  `{"credentials":{"authenticationCertificate":"` + strings.Repeat("AAAA", 1<<20/3+1) + `"}}`,
		"body of more than four mebibyte": `{"description":"` + strings.Repeat("a", 4<<20) + `"}`,
		"unknown member nested deeply":    `{"nobody":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`,
		"nested more deeply than a stack": `{"nobody":` + strings.Repeat(`{"a":`, 100_000) + `1` + strings.Repeat("}", 100_000) + `}`,
		"65 annotations":                  `{` + strings.Repeat(`"@a.b":1,`, 1) + manyAnnotations(70) + `"displayName":"x"}`,
	}
}

func manyAnnotations(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"@a.c%d":1,`, i)
	}
	return b.String()
}

// badRequests are refused for another reason than their body.
var badRequests = []refusal{
	{request: "GET " + set + "?$filter=nobody eq 1"},
	{request: "GET " + set + "?$filter=displayName"},
	{request: "GET " + set + "?$filter="},
	{request: "GET " + set + "?$filter=displayName eq"},
	{request: "GET " + set + "?$filter=displayName eq 'x"},
	{request: "GET " + set + "?$filter=displayName eq 1"},
	{request: "GET " + set + "?$filter=version eq 'x'"},
	{request: "GET " + set + "?$filter=syncStatus eq 'nobody'"},
	{request: "GET " + set + "?$filter=createdDateTime gt yesterday"},
	{request: "GET " + set + "?$filter=(displayName eq 'x'"},
	{request: "GET " + set + "?$filter=displayName eq 'x')"},
	{request: "GET " + set + "?$filter=displayName like 'x'"},
	{request: "GET " + set + "?$filter=contains(displayName)"},
	{request: "GET " + set + "?$filter=length(displayName) eq 1"},
	{request: "GET " + set + "?$filter=credentials/adminPassword eq 'CANARY'"},
	{request: "GET " + set + "?$filter=startswith(credentials/adminPassword,'C')"},
	{request: "GET " + set + "?$filter=credentials/authenticationCertificatePassword ne null"},
	{request: "GET " + set + "?$filter=credentials eq null"},
	{request: "GET " + set + "?$filter=trustedRootCertificate eq null"},
	{request: "GET " + set + "?$filter=" + strings.Repeat("(", 65) + "version eq 1" + strings.Repeat(")", 65)},
	{request: "GET " + set + "?$filter=" + strings.TrimSuffix(strings.Repeat("version eq 1 or ", 300), " or ")},
	{request: "GET " + set + "?$orderby=nobody"},
	{request: "GET " + set + "?$orderby=displayName up"},
	{request: "GET " + set + "?$orderby=credentials/adminPassword"},
	{request: "GET " + set + "?$orderby=trustedRootCertificate"},
	{request: "GET " + set + "?$orderby="},
	{request: "GET " + set + "?$select=nobody"},
	{request: "GET " + set + "?$select=credentials/adminPassword"},
	{request: "GET " + set + "?$expand=nobody"},
	{request: "GET " + set + "?$expand="},
	{request: "GET " + set + "?$expand=syncRuns,"},
	{request: "GET " + set + "?$expand=syncRuns,SYNCRUNS"},
	{request: "GET " + set + "?$expand=credentials"},
	{request: "GET " + set + "?$expand=credentials/adminPassword"},
	{request: "GET " + set + "?$expand=syncRuns/stages"},
	{request: "GET " + set + "?$expand=syncRuns/$ref"},
	{request: "GET " + set + "?$expand=syncRuns/$count"},
	{request: "GET " + set + "?$expand=*/$ref"},
	{request: "GET " + set + "?$expand=*,*"},
	{request: "GET " + set + "?$expand=*($levels=2)"},
	{request: "GET " + set + "?$expand=*($top=1)"},
	{request: "GET " + set + "?$expand=syncRuns("},
	{request: "GET " + set + "?$expand=syncRuns)"},
	{request: "GET " + set + "?$expand=syncRuns($top=1"},
	{request: "GET " + set + "?$expand=syncRuns($top=1))"},
	{request: "GET " + set + "?$expand=syncRuns($top=1)x"},
	{request: "GET " + set + "?$expand=syncRuns(x)"},
	{request: "GET " + set + "?$expand=certificates($search=it's)"},
	{request: "GET " + set + "?$expand=certificates($search=%22,%22"},
	{request: "GET " + set + "?$expand=syncRuns($top=0)"},
	{request: "GET " + set + "?$expand=syncRuns($top=101)"},
	{request: "GET " + set + "?$expand=syncRuns($top=ten)"},
	{request: "GET " + set + "?$expand=syncRuns($skip=-1)"},
	{request: "GET " + set + "?$expand=syncRuns($count=yes)"},
	{request: "GET " + set + "?$expand=syncRuns($top=1;top=2)"},
	{request: "GET " + set + "?$expand=syncRuns($top=1,$skip=1)"},
	{request: "GET " + set + "?$expand=syncRuns($select=nobody)"},
	{request: "GET " + set + "?$expand=syncRuns($select=displayName)"},
	{request: "GET " + set + "?$expand=syncRuns($filter=nobody eq 1)"},
	{request: "GET " + set + "?$expand=syncRuns($filter=status eq 'nobody')"},
	{request: "GET " + set + "?$expand=syncRuns($filter=)"},
	{request: "GET " + set + "?$expand=syncRuns($orderby=stages)"},
	{request: "GET " + set + "?$expand=syncRuns($search=x)"},
	{request: "GET " + set + "?$expand=skippedItems($orderby=content)"},
	{request: "GET " + set + "?$expand=syncRuns($expand=certificates)"},
	{request: "GET " + set + "?$expand=syncRuns($expand=*)"},
	{request: "GET " + set + "?$expand=syncRuns($levels=max)"},
	{request: "GET " + set + "?$expand=syncRuns($skiptoken=x)"},
	{request: "GET " + set + "?$expand=syncRuns($format=json)"},
	{request: "GET " + set + "?$expand=syncRuns($apply=x)"},
	{request: "GET " + set + "?$expand=syncRuns($compute=x)"},
	{request: "GET " + set + "?$expand=microsoft.graph.cloudPkiSubscription/syncRuns"},
	{request: "GET " + set + "?$expand=syncRuns($filter=" + strings.Repeat("(", 65) + "attempt eq 1" + strings.Repeat(")", 65) + ")"},
	{request: "GET " + set + "?$expand=" + strings.Repeat("syncRuns,", 1000)},
	{request: "GET " + set + "?$expand=syncRuns&expand=certificates"},
	{request: "GET " + set + "?$expand=syncRuns&$skiptoken=AAAA"},
	{request: "GET " + set + "/alpha?$expand=nobody"},
	{request: "GET " + set + "/alpha?$expand=syncRuns&$top=1"},
	{request: "GET " + set + "/alpha/certificates?$expand=syncRuns"},
	{request: "GET " + set + "/alpha/syncRuns?$expand=*"},
	{request: "GET /beta/deviceManagement/auditEvents?$expand=*"},
	{request: "GET " + set + "?$filter=syncRuns/any(r:r/status eq 'failed')"},
	{request: "GET " + set + "?$filter=providerSettings/all(s:s/name eq 'x')"},
	{request: "GET " + set + "?$filter=syncRuns/$count gt 1"},
	{request: "GET " + set + "?$filter=version add 1 eq 2"},
	{request: "GET " + set + "?$filter=version mod 2 eq 0"},
	{request: "GET " + set + "?$filter=syncStatus has 'failed'"},
	{request: "GET " + set + "?$filter=year(createdDateTime) eq 2026"},
	{request: "GET " + set + "?$filter=displayName eq @p1&@p1='x'"},
	{request: "GET " + set + "?$filter=version eq @p1"},
	{request: "GET " + set + "?$filter=microsoft.graph.cloudPkiSubscription/version eq 1"},
	{request: "GET " + set + "?$filter=cast(version,'Edm.String') eq '1'"},
	{request: "GET " + set + "?$filter=displayName eq description"},
	{request: "GET " + set + "?$filter=1 eq 1"},
	{request: "GET " + set + "?$filter=version in ()"},
	{request: "GET " + set + "?$filter=version in 1"},
	{request: "GET " + set + "?$orderby=syncRuns/$count desc"},
	{request: "GET " + set + "?$orderby=tolower(displayName)"},
	{request: "GET " + set + "?$compute=version as v"},
	{request: "GET " + set + "?$levels=1"},
	{request: "GET " + set + "/alpha/certificates?$filter=subjectAlternativeNames/any(n:n eq 'x')"},
	{request: "GET " + set + "/alpha/certificates?$orderby=subjectAlternativeNames"},
	{request: "GET " + set + "/alpha/certificates?$filter=certificate eq null"},
	{request: "GET " + set + "/alpha/certificates/$count?$filter=nobody eq 1"},
	{request: "GET " + set + "/alpha/syncRuns?$filter=stages/name eq 'connect'"},
	{request: "GET " + set + "?$top=0"},
	{request: "GET " + set + "?$top=1000"},
	{request: "GET " + set + "?$top=-1"},
	{request: "GET " + set + "?$top=ten"},
	{request: "GET " + set + "?$top="},
	{request: "GET " + set + "?$skip=-1"},
	{request: "GET " + set + "?$skip=1.5"},
	{request: "GET " + set + "?$count=yes"},
	{request: "GET " + set + "?$count=TRUE"},
	{request: "GET " + set + "?$search="},
	{request: "GET " + set + "?$skiptoken="},
	{request: "GET " + set + "?$skiptoken=AAAA"},
	{request: "GET " + set + "?$skiptoken=" + strings.Repeat("A", 200)},
	{request: "GET " + set + "?$format=xml"},
	{request: "GET " + set + "?$format=atom"},
	{request: "GET " + set + "?$format=application/json;odata.metadata=much"},
	{request: "GET " + set + "?$nobody=1"},
	{request: "GET " + set + "?nobody=1"},
	{request: "GET " + set + "?$apply=aggregate(version)"},
	{request: "GET " + set + "?$deltatoken=x"},
	{request: "GET " + set + "?$top=1&$top=2"},
	{request: "GET " + set + "?$top=1&top=2"},
	{request: "GET " + set + "?$filter=%zz"},
	{request: "GET " + set + "?$filter=%00"},
	{request: "GET " + set + "?$filter=%ff"},
	{request: "GET " + set + "?" + strings.Repeat("$top=1&", 40)},
	{request: "GET " + set + "/alpha?$filter=version eq 1"},
	{request: "GET " + set + "/alpha?$top=1"},
	{request: "GET " + set + "/alpha?$count=true"},
	{request: "GET " + set + "/alpha?$orderby=displayName"},
	{request: "GET " + set + "/alpha?$search=x"},
	{request: "GET " + set + "/alpha?$skiptoken=x"},
	{request: "GET " + set + "/alpha?$select=nobody"},
	{request: "GET " + set + "/alpha/skippedItems?$search=x"},
	{request: "GET " + set + "/alpha/certificates?$filter=displayName eq 'x'"},
	{request: "GET /beta/deviceManagement/auditEvents?$orderby=modifiedProperties"},
	{request: "GET /beta?$top=1"},
	{request: "GET /beta/deviceManagement?$select=x"},
	{request: "GET /beta/$metadata?$format=text/html"},
	{request: "GET " + set + "/a%00b"},
	{request: "GET " + set + "/a%20b"},
	{request: "GET " + set + "/a%2Fb"},
	{request: "GET " + set + "/%2e%2e"},
	{request: "GET " + set + "/" + strings.Repeat("a", 129)},
	{request: "GET " + set + "('a','b')"},
	{request: "GET " + set + "('a''b')"},
	{request: "GET " + set + "()"},
	{request: "GET " + set + "(1)"},
	{request: "GET " + set + "/" + strings.Repeat("a/", 40)},
	{request: "GET " + set + "/alpha", header: []string{"OData-MaxVersion: 3.0"}},
	{request: "GET " + set + "/alpha", header: []string{"OData-Version: 5.0"}},
	{request: "GET " + set + "/alpha", header: []string{"OData-Version: 4.abc"}},
	{request: "GET " + set + "/alpha", header: []string{"Accept: text/html"}},
	{request: "GET " + set + "/alpha", header: []string{"Accept: application/xml, application/json;q=0"}},
	{request: "GET " + set + "/alpha", header: []string{"Accept: application/json;odata.metadata=much"}},
	{request: "GET " + set + "/alpha", header: []string{"Accept: application/json;q=2"}},
	{request: "GET " + set + "/alpha", header: []string{"If-None-Match: nonsense"}},
	{request: "DELETE " + set + "/alpha", header: []string{`If-Match: W/"1.1.a`}},
	{request: "DELETE " + set + "/alpha", header: []string{`If-Match: "1.1.a" "1.1.b"`}},
	{request: "DELETE " + set + "/alpha", header: []string{`If-Match: ,`}},
	{request: "DELETE " + set + "/alpha", header: []string{`If-Match: "9.1.a"`}},
	{request: "DELETE " + set + "/alpha?$select=id"},
	{request: "POST " + set + "?$filter=version eq 1", body: "{}"},
	{request: "POST " + set + "/a%20b", body: "{}"},
	{request: "POST " + set + "/..", body: "{}"},
	{request: "POST " + set + "/one", body: `{"id":"two"}`},
	{request: "POST " + set + "/alpha", body: `{}`},
	{request: "POST " + set, body: "{}", header: []string{"Content-Type: text/plain"}},
	{request: "POST " + set, body: "{}", header: []string{"Content-Type:"}},
	{request: "POST " + set, body: "{}", header: []string{"Content-Type: application/json; charset=utf-16"}},
	{request: "POST " + set, body: "{}", header: []string{"Content-Type: application/x-www-form-urlencoded"}},
	{request: "POST " + set, body: "{}", header: []string{"Content-Type: application/json;;"}},
	{request: "POST " + set, body: "{}", header: []string{"Content-Encoding: deflate"}},
	{request: "POST " + set, body: "{}", header: []string{"Content-Encoding: gzip"}},
	{request: "POST " + set, body: "not gzip, and longer than its header", header: []string{"Content-Encoding: gzip"}},
	{request: "POST " + set, body: "{}", header: []string{"Content-Encoding: gzip, gzip"}},
	{request: "POST " + set, body: "{}", header: []string{"Idempotency-Key: it's"}},
	{request: "POST " + set, body: "{}", header: []string{"Idempotency-Key: " + strings.Repeat("k", 129)}},
	{request: "PATCH " + set + "/alpha", body: `{"cloudPkiProvider":null}`},
	{request: "PATCH " + set + "/alpha", body: `{"credentials":{"authenticationCertificate":"***"}}`},
	{request: "PATCH " + set + "/nobody", body: `{}`},
	{request: "PATCH " + set + "/alpha"},
	{request: "PATCH " + set, body: `{}`},
	{request: "PUT " + set + "/alpha", body: `{}`},
	{request: "TRACE " + set},
	{request: "BREW " + set},
	{request: "GET " + set + "/alpha", header: []string{"Authorization:"}},
	{request: "GET " + set + "/alpha", header: []string{"Authorization: Basic YTpi"}},
	{request: "GET " + set + "/alpha", header: []string{"Authorization: Bearer "}},
	{request: "GET " + set + "/alpha", header: []string{"Authorization: Bearer a.b.c"}},
	{request: "GET " + set + "/alpha", header: []string{"Authorization: Bearer " + strings.Repeat("a", 9<<10)}},
}

// TestRefusals holds every refusal against its golden line: the status, the
// code, the target and the message. No line tells a secret, and nothing that
// was refused has changed anything.
func TestRefusals(t *testing.T) {
	const path = "testdata/refusals.golden"
	w := newWorld(t)
	w.fill()
	before := w.do("GET", set+"?$count=true", "").body
	var out strings.Builder
	count := 0
	note := func(name string, got answer) {
		t.Helper()
		count++
		if got.StatusCode < 400 || got.StatusCode >= 500 {
			t.Errorf("%s: %s, want a refusal\n%s", name, got.Status, got.body)
		}
		fmt.Fprintf(&out, "%s\n\t%s\n", name, w.refusalLine(got))
	}
	for _, body := range badBodies {
		note(fmt.Sprintf("%+q", body), w.do("POST", set, body))
	}
	for name, body := range sortedMap(longBodies()) {
		note(name, w.do("POST", set, body))
	}
	for _, r := range badRequests {
		method, address, _ := strings.Cut(r.request, " ")
		note(shorten(strings.Join(append([]string{r.request, r.body}, r.header...), " | ")), w.do(method, address, r.body, r.header...))
	}
	if count < 150 {
		t.Errorf("%d refusals, want at least 150", count)
	}
	if strings.Contains(before, "CANARY") || before != w.do("GET", set+"?$count=true", "").body {
		t.Errorf("the set has changed")
	}
	if *update {
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("refusals (-want +got):\n%s", diff)
	}
}

// refusalLine is an error answer in one line, after its envelope was checked.
func (w *world) refusalLine(a answer) string {
	w.t.Helper()
	o, ok := a.object(w.t)["error"].(map[string]any)
	if !ok {
		w.t.Fatalf("no envelope: %s", a.body)
	}
	inner, ok := o["innerError"].(map[string]any)
	if !ok || inner["request-id"] != a.Header.Get("request-id") || inner["date"] == nil || inner["client-request-id"] != a.Header.Get("client-request-id") {
		w.t.Errorf("innerError: %s", a.body)
	}
	if a.Header.Get("Content-Type") != "application/json" {
		w.t.Errorf("Content-Type %q of an error", a.Header.Get("Content-Type"))
	}
	if strings.Contains(a.body, "CANARY") {
		w.t.Errorf("an error tells a secret: %s", a.body)
	}
	text := fmt.Sprintf("%d %s", a.StatusCode, o["code"])
	if code, ok := inner["code"]; ok {
		text += fmt.Sprintf("/%s", code)
	}
	if target, ok := o["target"]; ok {
		text += fmt.Sprintf(" [%s]", target)
	}
	text += fmt.Sprintf(" %s", o["message"])
	if details, ok := o["details"].([]any); ok {
		for _, d := range details {
			text += fmt.Sprintf("\n\t\t[%v] %v", d.(map[string]any)["target"], d.(map[string]any)["message"])
		}
	}
	return text
}

func shorten(s string) string {
	const longest = 160
	if len(s) > longest {
		return s[:longest] + fmt.Sprintf("… (%d bytes)", len(s))
	}
	return s
}

func sortedMap(m map[string]string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}
