package globalsignatlas_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/casim"
	"cloudpki/internal/provider"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The golden requests were checked by eye against the vendor's SDK: methods,
// paths, the charset, the names in the query and in the login.
func TestRequestsAreThoseOfTheSDK(t *testing.T) {
	t.Parallel()
	s := stand(t, casim.Options{}, 1)
	var log bytes.Buffer
	s.before = func(r *http.Request) { record(&log, r) }
	session := s.open(t)
	if _, err := session.Authorities(t.Context()); err != nil {
		t.Fatal(err)
	}
	since := time.Unix(1_700_000_000, 0)
	for _, scan := range []provider.Scan{{}, {Mode: provider.ScanIssued, Since: since}, {Mode: provider.ScanRevoked, Since: since}} {
		if _, err := session.List(t.Context(), scan, nil); err != nil {
			t.Fatal(err)
		}
	}
	c := s.config.Credentials
	got := strings.NewReplacer(c.UserName, "API-KEY", string(c.Password.Reveal()), "API-SECRET", strings.ToUpper(s.serials[0]), "SERIAL").Replace(log.String())
	got = regexp.MustCompile(`Bearer \w+`).ReplaceAllString(got, "Bearer TOKEN")
	got = regexp.MustCompile(`&to=\d+`).ReplaceAllString(got, "&to=NOW")
	path := filepath.Join("testdata", "requests.golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

// record writes a request down and leaves its body to be read.
func record(log *bytes.Buffer, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // what is lost shows in the comparison
	r.Body = io.NopCloser(bytes.NewReader(body))
	fmt.Fprintf(log, "%s %s\n", r.Method, strings.Replace(r.URL.RequestURI(), "?", "\n\t?", 1))
	var fields []string
	for name, values := range r.Header {
		if !slices.Contains([]string{"User-Agent", "Accept-Encoding", "Content-Length"}, name) {
			fields = append(fields, fmt.Sprintf("\t%s: %s\n", name, strings.Join(values, ", ")))
		}
	}
	slices.Sort(fields)
	log.WriteString(strings.Join(fields, "") + "\t" + string(body) + "\n")
}
