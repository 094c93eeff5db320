package graph_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPublishedFilesFollowRFC9110 asks over a real connection for a file of which
// the tag and the date are known: by method, range and every condition, alone
// and together, in the order of section 13.2.2.
func TestPublishedFilesFollowRFC9110(t *testing.T) {
	w := newWorld(t)
	pem := w.trusting("one")
	w.do("POST", bundles, `{"name":"devices","access":"public"}`)
	server := httptest.NewServer(w.server.Trust())
	defer server.Close()
	ask := func(method string, lines ...string) (*http.Response, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+devices+".pem", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			name, value, _ := strings.Cut(line, ": ")
			r.Header.Add(name, value)
		}
		got, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = got.Body.Close() }()
		body, err := io.ReadAll(got.Body)
		if err != nil {
			t.Fatal(err)
		}
		return got, string(body)
	}
	first, _ := ask("GET")
	tag := first.Header.Get("ETag")
	const published, before, after = "Mon, 23 Nov 2026 12:00:00 GMT", "Mon, 23 Nov 2026 11:59:59 GMT", "Tue, 24 Nov 2026 12:00:00 GMT"
	for _, c := range []struct {
		name   string
		lines  []string
		status int
	}{
		{"no condition", nil, 200},
		{"13.1.2: the tag", []string{"If-None-Match: " + tag}, 304},
		{"13.1.2: compared weakly", []string{"If-None-Match: W/" + tag}, 304},
		{"13.1.2: one of a list", []string{`If-None-Match: "a",, W/"b,c" , ` + tag}, 304},
		{"13.1.2: one of several fields", []string{`If-None-Match: "a"`, "If-None-Match: " + tag}, 304},
		{"13.1.2: none of a list", []string{`If-None-Match: "a", "b"`}, 200},
		{"13.1.2: whatever there is", []string{"If-None-Match: *"}, 304},
		{"13.1.2: not quoted", []string{"If-None-Match: " + strings.Trim(tag, `"`)}, 400},
		{"13.1.3: the date", []string{"If-Modified-Since: " + published}, 304},
		{"13.1.3: later", []string{"If-Modified-Since: " + after}, 304},
		{"13.1.3: earlier", []string{"If-Modified-Since: " + before}, 200},
		{"13.1.3: as RFC 850 wrote it", []string{"If-Modified-Since: Monday, 23-Nov-26 12:00:00 GMT"}, 304},
		{"13.1.3: as C writes it", []string{"If-Modified-Since: Mon Nov 23 12:00:00 2026"}, 304},
		{"13.1.3: no date", []string{"If-Modified-Since: today"}, 200},
		{"13.1.3: two dates", []string{"If-Modified-Since: " + after, "If-Modified-Since: " + after}, 200},
		{"13.1.3: passed over beside a tag", []string{`If-None-Match: "a"`, "If-Modified-Since: " + after}, 200},
		{"13.1.1: the tag", []string{`If-Match: "a", ` + tag}, 200},
		{"13.1.1: compared strongly", []string{"If-Match: W/" + tag}, 412},
		{"13.1.1: another tag", []string{`If-Match: "a"`}, 412},
		{"13.1.1: whatever there is", []string{"If-Match: *"}, 200},
		{"13.1.1: not quoted", []string{"If-Match: a"}, 400},
		{"13.1.4: the date", []string{"If-Unmodified-Since: " + published}, 200},
		{"13.1.4: earlier", []string{"If-Unmodified-Since: " + before}, 412},
		{"13.1.4: no date", []string{"If-Unmodified-Since: today"}, 200},
		{"13.1.4: passed over beside a tag", []string{"If-Match: " + tag, "If-Unmodified-Since: " + before}, 200},
		{"13.2.2: If-Match comes first", []string{`If-Match: "a"`, "If-None-Match: " + tag}, 412},
		{"13.2.2: then If-None-Match", []string{"If-Match: " + tag, "If-None-Match: " + tag}, 304},
		{"14.2: a range, which is passed over", []string{"Range: bytes=0-9"}, 200},
		{"14.2: one that is not there", []string{"Range: bytes=999999-"}, 200},
		{"13.1.5: a range of another file", []string{"Range: bytes=0-9", `If-Range: "a"`}, 200},
	} {
		got, body := ask("GET", c.lines...)
		if got.StatusCode != c.status {
			t.Errorf("%s: %s, want %d", c.name, got.Status, c.status)
		}
		switch {
		case got.StatusCode == 200 && (body != pem || got.Header.Get("Accept-Ranges") != "none"):
			t.Errorf("%s: not the whole file, %v", c.name, got.Header)
		case got.StatusCode == 304 && (body != "" || got.Header.Get("Content-Type") != ""):
			t.Errorf("%s: 304 has content", c.name)
		}
		head, none := ask("HEAD", c.lines...)
		if head.StatusCode != got.StatusCode || none != "" || head.StatusCode == 200 && head.ContentLength != int64(len(pem)) {
			t.Errorf("%s, HEAD: %s, %d, %q", c.name, head.Status, head.ContentLength, none)
		}
		if diff := cmp.Diff(stable(got.Header), stable(head.Header)); diff != "" {
			t.Errorf("%s: HEAD tells something else than GET (9.3.2):\n%s", c.name, diff)
		}
		if got.StatusCode == 304 { // 15.4.5
			for _, name := range []string{"Cache-Control", "Content-Location", "Date", "ETag", "Vary"} {
				if got.Header.Get(name) == "" || name != "Date" && got.Header.Get(name) != first.Header.Get(name) {
					t.Errorf("%s: 304 has %s %q", c.name, name, got.Header.Get(name))
				}
			}
		}
	}
}

// stable is what stays the same when a request is repeated.
func stable(h http.Header) http.Header {
	h = h.Clone()
	for _, name := range []string{"Date", "Request-Id", "Client-Request-Id"} {
		h.Del(name)
	}
	return h
}
