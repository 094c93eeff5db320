package graph_test

import (
	"flag"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the answers into the golden files; a person reads the difference")

// TestWire runs the cases of testdata/*/*.txtar. A case is a comment, which
// names the page of the documentation, and steps. A step is a request, the
// golden answer, and by hand what it must contain and must never contain:
//
//	-- request --
//	POST /beta/cloudPkiSubscriptions/one
//	Prefer: return=minimal
//
//	{"displayName":"Display Name value"}
//	-- answer --
//	204
//	Preference-Applied: return=minimal
//	-- never --
//	Display Name value
//
// {etag}, {location} and {next}, the link to the next page or to the changes,
// stand for what the step before answered.
func TestWire(t *testing.T) {
	var paths []string
	err := filepath.WalkDir("testdata", func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".txtar" {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(path, "testdata/"), ".txtar"), func(t *testing.T) {
			t.Parallel()
			runWireCase(t, path)
		})
	}
}

// A section is one part of a txtar file.
type section struct{ name, text string }

func readSections(t *testing.T, path string) []section {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	list := []section{{}}
	for line := range strings.Lines(string(raw)) {
		if name, ok := strings.CutPrefix(strings.TrimSuffix(line, " --\n"), "-- "); ok {
			list = append(list, section{name: name})
			continue
		}
		list[len(list)-1].text += line
	}
	if list[0].text == "" {
		t.Errorf("%s: the comment that names the source is missing", path)
	}
	return list
}

func runWireCase(t *testing.T, path string) {
	w := newWorld(t)
	w.fill()
	list := readSections(t, path)
	var got answer
	var out strings.Builder
	out.WriteString(list[0].text)
	for _, s := range list[1:] {
		text := s.text
		switch s.name {
		case "request":
			got = w.play(s.text, got)
		case "answer":
			text = w.golden(got)
			if !*update {
				if diff := cmp.Diff(s.text, text); diff != "" {
					t.Errorf("%s: answer (-want +got):\n%s", path, diff)
				}
			}
		case "contains", "never":
			for line := range strings.Lines(s.text) {
				line = strings.TrimSuffix(line, "\n")
				if strings.Contains(w.golden(got), line) != (s.name == "contains") {
					t.Errorf("%s: %s %q; the answer is\n%s", path, s.name, line, w.golden(got))
				}
			}
		default:
			t.Fatalf("%s: there is no section %q", path, s.name)
		}
		out.WriteString("-- " + s.name + " --\n" + text)
	}
	if *update {
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

var nextLink = regexp.MustCompile(`"[a-zA-Z]*@odata.(?:next|delta)Link":"([^"]*)"`)

// play sends the request of a step.
func (w *world) play(text string, before answer) answer {
	w.t.Helper()
	if before.Response != nil {
		next := ""
		if m := nextLink.FindStringSubmatch(before.body); m != nil {
			next = m[1]
		}
		text = strings.NewReplacer("{etag}", before.Header.Get("ETag"), "{location}", before.Header.Get("Location"), "{next}", next).Replace(text)
	}
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(strings.TrimSuffix(head, "\n"), "\n")
	method, path, _ := strings.Cut(lines[0], " ")
	header := lines[1:]
	for i, line := range header {
		header[i] = strings.NewReplacer("{reader}", w.token(tenantA, "reader", "DeviceManagementConfiguration.Read.All"),
			"{stranger}", w.token(tenantB, "stranger", "DeviceManagementConfiguration.ReadWrite.All"),
			"{nobody}", w.token(tenantA, "nobody")).Replace(line)
	}
	return w.do(method, path, strings.TrimSuffix(body, "\n"), header...)
}

// shownHeader are the fields that golden answers hold.
var shownHeader = []string{"Content-Type", "Location", "ETag", "OData-EntityId", "Preference-Applied", "Retry-After", "Allow", "WWW-Authenticate", "OData-Version"}

// golden is an answer without what differs from run to run.
func (w *world) golden(a answer) string {
	w.t.Helper()
	if a.Response == nil {
		w.t.Fatal("an answer before the first request")
	}
	var b strings.Builder
	b.WriteString(strconv.Itoa(a.StatusCode) + "\n")
	for _, name := range shownHeader {
		if v := a.Header.Get(name); v != "" {
			b.WriteString(name + ": " + v + "\n")
		}
	}
	if a.body != "" {
		b.WriteString("\n" + a.body + "\n")
	}
	text := strings.ReplaceAll(b.String(), w.origin, "https://pki.example.com")
	for _, v := range volatile {
		text = v.pattern.ReplaceAllString(text, v.with)
	}
	return text
}

var volatile = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`("(?:client-)?request-id":")[0-9a-f-]{36}"`), `${1}REQUEST-ID"`},
	{regexp.MustCompile(`("correlationId":")[0-9a-f-]{36}"`), `${1}REQUEST-ID"`},
	{regexp.MustCompile(`(W/\\?"\d+\.\d+\.)[0-9a-z]+`), `${1}KEY`},
	{regexp.MustCompile(`(skip|delta)token=[A-Za-z0-9_-]{20,}`), `${1}token=TOKEN`},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`), `UUIDV7`},
}

// TestWireCoversEveryRoute keeps the cases complete: every line of the table
// of routes is met by at least one of them.
func TestWireCoversEveryRoute(t *testing.T) {
	w := newWorld(t)
	w.fill()
	seen := map[string]bool{}
	paths, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		for _, s := range readSections(t, path) {
			if s.name == "request" {
				line, _, _ := strings.Cut(s.text, "\n")
				method, address, _ := strings.Cut(line, " ")
				r, err := http.NewRequestWithContext(t.Context(), method, w.origin+address, http.NoBody)
				if err == nil {
					seen[method+" "+w.server.RouteOf(r)] = true
				}
			}
		}
	}
	for _, name := range w.server.Routes() {
		if other := strings.Replace(name, "/deviceManagement/cloud", "/cloud", 1); !seen[name] && !seen[other] {
			t.Errorf("no wire case for %s, in neither family", name)
		}
	}
}
