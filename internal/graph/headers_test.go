package graph_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var guid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// TestCommonHeader holds every sort of answer against graph.md 3.2.
func TestCommonHeader(t *testing.T) {
	w := newWorld(t)
	w.fill()
	for _, c := range []struct {
		method, path, body string
		header             []string
		cache              string
	}{
		{"GET", set, "", nil, "no-cache"},
		{"GET", set + "/alpha", "", nil, "no-cache"},
		{"HEAD", set + "/alpha", "", nil, "no-cache"},
		{"POST", set, "{}", nil, "no-store"},
		{"PATCH", set + "/alpha", "{}", nil, "no-cache"},
		{"DELETE", set + "/bare", "", nil, "no-cache"},
		{"OPTIONS", set, "", nil, "no-cache"},
		{"GET", "/beta/$metadata", "", nil, "no-cache"},
		{"GET", "/beta/nobody", "", nil, "no-store"},
		{"GET", "/nobody", "", nil, "no-store"},
		{"GET", set, "", []string{"Authorization:"}, "no-store"},
	} {
		got := w.do(c.method, c.path, c.body, c.header...)
		for name, want := range map[string]string{
			"OData-Version": "4.0", "Strict-Transport-Security": "max-age=31536000", "Vary": "Accept, Accept-Encoding, Authorization, OData-MaxVersion, OData-Version, Origin, Prefer",
			"X-Content-Type-Options": "nosniff", "Cache-Control": c.cache, "client-request-id": got.Header.Get("request-id"),
		} {
			if got.Header.Get(name) != want {
				t.Errorf("%s %s: %s: %q, want %q", c.method, c.path, name, got.Header.Get(name), want)
			}
		}
		if !guid.MatchString(got.Header.Get("request-id")) {
			t.Errorf("%s %s: request-id %q", c.method, c.path, got.Header.Get("request-id"))
		}
		if got.StatusCode == http.StatusNoContent && (got.body != "" || got.Header.Get("Content-Length") != "" || got.Header.Get("Content-Type") != "") {
			t.Errorf("%s %s: a 204 with %q, length %q", c.method, c.path, got.body, got.Header.Get("Content-Length"))
		}
	}
}

func TestClientRequestID(t *testing.T) {
	w := newWorld(t)
	for id, echoed := range map[string]bool{
		"0f8fad5b-d9cb-469f-a165-70867728950e": true,
		"0F8FAD5B-D9CB-469F-A165-70867728950E": true,
		"job-17.attempt_2~x":                   true,
		strings.Repeat("a", 64):                true,
		strings.Repeat("a", 65):                false,
		"two words":                            false,
		"<script>":                             false,
		"a;b":                                  false,
	} {
		for _, path := range []string{set, "/beta/nobody"} {
			got := w.do("GET", path, "", "client-request-id: "+id)
			want := got.Header.Get("request-id")
			if echoed {
				want = id
			}
			if got.Header.Get("client-request-id") != want {
				t.Errorf("%s: client-request-id %q becomes %q", path, id, got.Header.Get("client-request-id"))
			}
		}
	}
}

func TestODataVersion(t *testing.T) {
	w := newWorld(t)
	for header, want := range map[string]string{
		"OData-Version: 4.01\nOData-MaxVersion: 4.0": "4.0", "OData-Version: 4.0\nOData-MaxVersion: 4.01": "4.01",
		"OData-MaxVersion: 4.0": "4.0", "OData-MaxVersion: 4.01": "4.01", "OData-Version: 4.01": "4.01", "OData-Version: 4.0": "4.0", "OData-MaxVersion: 4": "4.0",
	} {
		if got := w.do("GET", set, "", strings.Split(header, "\n")...); got.StatusCode != 200 || got.Header.Get("OData-Version") != want {
			t.Errorf("%s: %s, OData-Version %q, want %q", header, got.Status, got.Header.Get("OData-Version"), want)
		}
	}
}

func TestAccept(t *testing.T) {
	w := newWorld(t)
	for accept, want := range map[string]string{
		"":                                  "odata.metadata=minimal",
		"*/*":                               "odata.metadata=minimal",
		"application/*":                     "odata.metadata=minimal",
		"application/json, text/plain, */*": "odata.metadata=minimal",
		"text/html, application/json;q=0.9;odata.metadata=none":                        "odata.metadata=none",
		"application/json;odata.metadata=full;q=0.2, application/json;metadata=none":   "odata.metadata=none",
		"application/json;odata.metadata=full;odata.streaming=true;charset=utf-8":      "odata.metadata=full",
		"APPLICATION/JSON;IEEE754Compatible=TRUE":                                      "IEEE754Compatible=true",
		"application/json;odata.metadata=much, application/json;odata.metadata=full":   "odata.metadata=full",
		"application/json; odata.metadata=minimal; IEEE754Compatible=false; charset=x": "odata.metadata=minimal",
	} {
		got := w.do("GET", set, "", "Accept: "+accept)
		if got.StatusCode != 200 || !strings.Contains(got.Header.Get("Content-Type"), want) {
			t.Errorf("Accept: %s: %s, %s, want %s", accept, got.Status, got.Header.Get("Content-Type"), want)
		}
	}
	if got := w.do("GET", set+"?$format=json", "", "Accept: text/html"); got.StatusCode != 200 {
		t.Errorf("$format does not win over Accept: %s", got.Status)
	}
	if got := w.do("GET", set+"?%24format=application%2Fjson%3Bodata.metadata%3Dnone", ""); !strings.Contains(got.Header.Get("Content-Type"), "metadata=none") {
		t.Errorf("escaped $format: %s", got.Header.Get("Content-Type"))
	}
}

// TestCompressedBody: the Go clients of Microsoft Graph compress every body.
func TestCompressedBody(t *testing.T) {
	w := newWorld(t)
	got := w.do("POST", set+"/one", zipped(t, []byte(`{"displayName":"Zipped"}`)), "Content-Encoding: gzip")
	if got.StatusCode != http.StatusCreated || !strings.Contains(got.body, `"displayName":"Zipped"`) {
		t.Errorf("%s\n%s", got.Status, got.body)
	}
	bomb := zipped(t, append([]byte(`{"displayName":"`), bytes.Repeat([]byte("a"), 5<<20)...))
	if len(bomb) > 64<<10 {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	if got := w.do("POST", set, bomb, "Content-Encoding: gzip"); got.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("what inflates beyond the limit: %s", got.Status)
	}
	whole := zipped(t, []byte(`{"displayName":"Zipped"}`))
	for name, sent := range map[string]string{
		"a stream that is cut": whole[:15], "none": "{}", "a long one that is none": strings.Repeat("{}", 100),
		"another sum": whole[:len(whole)-8] + "12345678", "damaged": whole[:12] + strings.Repeat("\xff", 20),
	} {
		got := w.do("POST", set, sent, "Content-Encoding: gzip")
		if got.StatusCode != http.StatusBadRequest || !strings.Contains(got.body, "not valid gzip") {
			t.Errorf("%s: %s\n%s", name, got.Status, got.body)
		}
	}
}

func zipped(t testing.TB, plain []byte) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestCompressedAnswer(t *testing.T) {
	w := newWorld(t)
	for i := range 20 {
		w.create(`{"id":"s` + strconv.Itoa(i) + `"}`)
	}
	plain := w.do("GET", set, "", "Accept-Encoding: identity")
	for accept, compressed := range map[string]bool{
		"gzip": true, "br, gzip;q=0.5": true, "*": true, "GZIP": true, "gzip;q=0": false, "gzip; q=0.000": false, "br": false, "identity": false,
	} {
		got := w.do("GET", set, "", "Accept-Encoding: "+accept)
		if (got.Header.Get("Content-Encoding") == "gzip") != compressed {
			t.Errorf("Accept-Encoding: %s: Content-Encoding %q", accept, got.Header.Get("Content-Encoding"))
			continue
		}
		body := got.body
		if compressed {
			z, err := gzip.NewReader(strings.NewReader(got.body))
			if err != nil {
				t.Fatal(err)
			}
			raw, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			body = string(raw)
		}
		if body != plain.body {
			t.Errorf("Accept-Encoding: %s: the body differs", accept)
		}
	}
	long := `{"description":"` + strings.Repeat("a", 4000) + `"}`
	if got := w.do("POST", set, long, "Accept-Encoding: gzip"); got.Header.Get("Content-Encoding") != "" {
		t.Error("a 201, which may hold secrets, is compressed")
	}
}

func TestHead(t *testing.T) {
	w := newWorld(t)
	w.fill()
	for _, path := range []string{set, set + "/alpha", "/beta", "/beta/$metadata", set + "/$count"} {
		get, head := w.do("GET", path, "", "Accept-Encoding: identity"), w.do("HEAD", path, "", "Accept-Encoding: identity")
		if head.StatusCode != 200 || head.body != "" || head.Header.Get("Content-Length") != strconv.Itoa(len(get.body)) {
			t.Errorf("HEAD %s: %s, %d bytes, Content-Length %s, want %d", path, head.Status, len(head.body), head.Header.Get("Content-Length"), len(get.body))
		}
	}
}

// TestSeedOverHTTP11 sends the documented request as it is printed, host and
// token apart, over one connection of HTTP/1.1.
func TestSeedOverHTTP11(t *testing.T) {
	w := newWorld(t)
	conn, err := tls.Dial("tcp", strings.TrimPrefix(w.origin, "https://"), &tls.Config{
		RootCAs: w.http.Transport.(*http.Transport).TLSClientConfig.RootCAs, ServerName: "example.com", NextProtos: []string{"http/1.1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	body := strings.ReplaceAll(seedBody(t, "request.http"), "\n", "\r\n")
	head := "POST /beta/cloudPkiSubscriptions/{id} HTTP/1.1\r\nHost: graph.microsoft.com\r\nAuthorization: Bearer " + w.admin() +
		"\r\nContent-type: application/json\r\nContent-length: 808\r\n\r\n"
	if len(body) != 808 {
		t.Fatalf("the documented body has %d bytes, not the 808 of its Content-length", len(body))
	}
	if _, err := io.WriteString(conn, head+body); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusCreated || !bytes.Contains(got, []byte(`"adminPassword":"Admin Password value"`)) {
		t.Errorf("%s, %v\n%s", resp.Status, err, got)
	}
}

// TestBodyOfUnknownLength: what is sent in chunks is bounded as well.
func TestBodyOfUnknownLength(t *testing.T) {
	w := newWorld(t)
	for size, want := range map[int]int{1000: http.StatusCreated, 5 << 20: http.StatusRequestEntityTooLarge} {
		body := `{"displayName":"` + strings.Repeat("a", 1000) + `"}` + strings.Repeat(" ", size)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.origin+set, io.MultiReader(strings.NewReader(body)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+w.admin())
		if got := w.send(r); got.StatusCode != want {
			t.Errorf("%d blanks: %s, want %d", size, got.Status, want)
		}
	}
}

// TestNotFoundHandler answers what other handlers do not.
func TestNotFoundHandler(t *testing.T) {
	w := newWorld(t)
	got := httptest.NewRecorder()
	w.server.NotFound().ServeHTTP(got, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/favicon.ico", http.NoBody))
	if got.Code != http.StatusNotFound || !strings.Contains(got.Body.String(), `"message":"Resource not found for the segment 'favicon.ico'."`) {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}
