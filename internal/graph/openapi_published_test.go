package graph_test

import (
	"net/http"
	"regexp"
	"testing"

	"cloudpki/internal/auth"
	"cloudpki/internal/graph"
	"cloudpki/internal/trust"
)

// TestPublishedFilesFitOpenAPI holds answers below /trust against the document,
// in every format and every status that it tells of, and the addresses against
// its patterns.
func TestPublishedFilesFitOpenAPI(t *testing.T) {
	w := newWorld(t, func(o *graph.Options) { o.Limits.FetchesPerMinute = 6 * 20 }) // 20 at once
	w.trusting("one")
	w.do("POST", bundles, `{"name":"devices","access":"public"}`)
	j := newJudge(t, w)
	const last, version = "/trust/{tenant}/{file}", "/trust/{tenant}/{name}/{file}"
	patterns := map[string]*regexp.Regexp{}
	for _, place := range []string{last, version} {
		keys, _ := member(j.document, "paths", place, "parameters").([]any)
		pattern, _ := member(keys[len(keys)-1], "schema", "pattern").(string)
		patterns[place] = regexp.MustCompile(pattern)
	}
	check := func(place, file string, status int, header ...string) {
		t.Helper()
		address := devices[:len(devices)-len("devices")] + file
		if place == version {
			address = devices + "/" + file
		}
		got := w.fetch(http.MethodGet, address, header...)
		result := got.Result()
		defer func() { _ = result.Body.Close() }()
		for name, values := range got.Header() { // respelled, as on a connection
			result.Header.Set(name, values[0])
		}
		if fault := j.check(http.MethodGet, place, answer{Response: result, body: got.Body.String()}); fault != "" || got.Code != status {
			t.Errorf("%s %v: %d, want %d: %s\n%.300s", address, header, got.Code, status, fault, got.Body)
		}
		if status != http.StatusNotFound && !patterns[place].MatchString(file) {
			t.Errorf("%s is served, and the pattern %s does not have it", file, patterns[place])
		}
	}
	for _, f := range trust.Formats() {
		status := http.StatusOK
		if f.Signed {
			status = http.StatusConflict
		}
		check(last, "devices."+f.Ext, status)
	}
	check(version, "1.pem", http.StatusOK)
	check(version, "2.pem", http.StatusNotFound)
	check(last, "devices.exe", http.StatusNotFound)
	check(last, "devices.pem", http.StatusNotModified, "If-None-Match: *")
	check(last, "devices.pem", http.StatusPreconditionFailed, `If-Match: "other"`)
	check(last, "absent.pem", http.StatusUnauthorized)
	check(last, "absent.pem", http.StatusNotFound, "Authorization: Bearer "+w.token(tenantA, "device", auth.ScopeRead))
	for range 20 {
		w.fetch(http.MethodGet, devices+".pem")
	}
	check(last, "devices.pem", http.StatusTooManyRequests)
	if patterns[last].MatchString("devices.exe") || patterns[version].MatchString("0.pem") {
		t.Error("the patterns have what is not served")
	}
}
