package graph_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"cloudpki/internal/pki"
)

// TestSeed replays the example of «Create cloudPkiSubscription» byte for byte.
func TestSeed(t *testing.T) {
	request, response := seedBody(t, "request.http"), seedBody(t, "response.http")
	for _, c := range []struct{ name, path, body string }{
		{"placeholder, escaped", "/beta/cloudPkiSubscriptions/%7Bid%7D", request},
		{"placeholder, raw", "/beta/cloudPkiSubscriptions/{id}", request},
		{"CRLF, as long as its Content-length says", "/beta/cloudPkiSubscriptions/{id}", strings.ReplaceAll(request, "\n", "\r\n")},
		{"moved family", "/beta/deviceManagement/cloudPkiSubscriptions/%7Bid%7D", request},
		{"set", "/beta/deviceManagement/cloudPkiSubscriptions", request},
		{"set with slash", "/beta/cloudPkiSubscriptions/", request},
		{"names in any case", "/Beta/CLOUDPKISUBSCRIPTIONS/%7Bid%7D", request},
		{"key", "/beta/cloudPkiSubscriptions/ed4ad7e9-d7e9-ed4a-e9d7-4aede9d74aed", request},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			got := w.do("POST", c.path, c.body)
			if got.StatusCode != 201 {
				t.Fatalf("status %s, want 201\n%s", got.Status, got.body)
			}
			o := got.object(t)
			want := minify(response)
			for member, documented := range map[string]string{
				"id":              "ed4ad7e9-d7e9-ed4a-e9d7-4aede9d74aed",
				"createdDateTime": "2017-01-01T00:02:43.5775965-08:00",
			} {
				want = strings.Replace(want, documented, o[member].(string), 1)
			}
			family := ""
			if strings.Contains(c.path, "deviceManagement") {
				family = "deviceManagement/"
			}
			want = `{"@odata.context":"` + w.origin + `/beta/$metadata#` + family + `cloudPkiSubscriptions/$entity",` + want[1:]
			if got.body != want {
				t.Errorf("body\n%s\nwant\n%s", got.body, want)
			}
			if want := w.origin + "/beta/" + family + "cloudPkiSubscriptions/" + o["id"].(string); got.Header.Get("Location") != want {
				t.Errorf("Location %q, want %q", got.Header.Get("Location"), want)
			}
			if got.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("Cache-Control %q of an answer with secrets", got.Header.Get("Cache-Control"))
			}
			if got.ProtoMajor != 2 {
				t.Errorf("spoken: %s, want HTTP/2", got.Proto)
			}
			read := w.do("GET", setOf(c.path)+"/"+o["id"].(string), "")
			if read.StatusCode != 200 || !strings.Contains(read.body, `"adminUserName":"Admin User Name value","adminPassword":null,"authenticationCertificate":null,"authenticationCertificatePassword":null}`) {
				t.Errorf("read back: %s\n%s", read.Status, read.body)
			}
			if read.Header.Get("ETag") != got.Header.Get("ETag") || !strings.HasPrefix(read.Header.Get("ETag"), `W/"1.1.`) {
				t.Errorf("ETag %q after create, %q on read", got.Header.Get("ETag"), read.Header.Get("ETag"))
			}
		})
	}
}

// setOf cuts a path after the name of the set.
func setOf(path string) string {
	const name = "cloudpkisubscriptions"
	return path[:strings.LastIndex(strings.ToLower(path), name)+len(name)]
}

// seedBody returns the body of an example of the documentation.
func seedBody(t testing.TB, name string) string {
	t.Helper()
	raw, err := os.ReadFile("testdata/seed/" + name)
	if err != nil {
		t.Fatal(err)
	}
	_, body, ok := strings.Cut(string(raw), "\n\n")
	if !ok {
		t.Fatalf("%s has no body", name)
	}
	return strings.TrimSuffix(body, "\n")
}

// minify takes the blanks between members out of the documentation's JSON.
func minify(s string) string {
	return regexp.MustCompile(`\n\s*`).ReplaceAllString(strings.ReplaceAll(s, `": `, `":`), "")
}

// A sync that takes over the root in between does not fail an admin's change;
// another admin's does, also where an import brought version to its end.
func TestSyncBetweenReadAndChange(t *testing.T) {
	w := newWorld(t)
	created := w.do("POST", "/beta/cloudPkiSubscriptions/one", `{"version":2147483647}`)
	etag := created.Header.Get("ETag")
	_, err := w.store.UpdateSubscription(t.Context(), tenantA, "one", func(s *pki.Subscription) (pki.Effects, error) {
		s.TrustedRoot, s.Version = []byte("root"), s.Version-1 // as a sync would, but for the number
		return pki.Effects{}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.do("PATCH", "/beta/cloudPkiSubscriptions/one", `{"displayName":"a"}`, "If-Match: "+etag); got.StatusCode != 200 {
		t.Errorf("after a sync: %s %s", got.Status, got.body)
	}
	if got := w.do("PATCH", "/beta/cloudPkiSubscriptions/one", `{"displayName":"b"}`, "If-Match: "+etag); got.StatusCode != 412 {
		t.Errorf("after another admin's change: %s", got.Status)
	}
}
