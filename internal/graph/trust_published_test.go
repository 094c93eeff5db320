package graph_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/graph"
)

const (
	bundles = "/beta/deviceManagement/trustBundles"
	devices = "/trust/" + tenantA + "/devices"
)

// fetch asks for what is published, as a device does. Header lines are
// "Name: value".
func (w *world) fetch(method, address string, header ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, address, nil)
	for _, line := range header {
		if name, value, ok := strings.Cut(line, ": "); ok {
			r.Header.Set(name, value)
		}
	}
	answer := httptest.NewRecorder()
	w.server.Trust().ServeHTTP(answer, r)
	return answer
}

// selfSigned returns the DER of a new root.
func selfSigned(t testing.TB, name string, now time.Time) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(9, 0, 0),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// trusting makes a subscription that trusts a new root, whose PEM is returned.
func (w *world) trusting(id string) string {
	w.t.Helper()
	der := selfSigned(w.t, id, w.clock.Now())
	w.create(fmt.Sprintf(`{"id":%q,"trustedRootCertificate":%q}`, id, base64.StdEncoding.EncodeToString(der)))
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestTrustIsPublished(t *testing.T) {
	w := newWorld(t)
	first := w.trusting("one")
	if got := w.do("POST", bundles, `{"name":"devices","access":"public"}`); got.StatusCode != http.StatusCreated {
		t.Fatalf("create: %s\n%s", got.Status, got.body)
	}
	got := w.fetch("GET", devices+".pem")
	if got.Code != http.StatusOK || got.Body.String() != first {
		t.Fatalf("%d\n%s", got.Code, got.Body)
	}
	sum := sha256.Sum256([]byte(first))
	tag := fmt.Sprintf(`"1-pem-%x"`, sum[:8])
	for name, want := range map[string]string{
		"ETag": tag, "Content-Type": "application/x-pem-file", "Cache-Control": "public, max-age=300, must-revalidate, stale-if-error=86400",
		"Last-Modified": "Mon, 23 Nov 2026 12:00:00 GMT", "Repr-Digest": "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":",
		"Content-Location": devices + "/1.pem", "Link": "", "Vary": "Origin", "OData-Version": "",
	} {
		if got := strings.Join(got.Header()[name], "|"); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, c := range []struct {
		method, address, header string
		status                  int
	}{
		{"HEAD", devices + ".pem", "", 200},
		{"GET", devices + ".pem", "If-None-Match: " + tag, 304},
		{"GET", devices + ".pem", `If-None-Match: "0", W/` + tag, 304},
		{"GET", devices + ".pem", `If-None-Match: "1-pem-0"`, 200},
		{"GET", devices + ".pem", "If-None-Match: nonsense", 400},
		{"GET", devices + ".pem", "If-Modified-Since: Mon, 23 Nov 2026 12:00:00 GMT", 304},
		{"GET", devices + ".pem", "If-Modified-Since: Mon, 23 Nov 2026 11:59:59 GMT", 200},
		{"GET", devices + "/1.pem", "", 200},
		{"GET", devices + "/01.pem", "", 404},
		{"GET", devices + "/0.pem", "", 404},
		{"GET", devices + "/2.pem", "", 404},
		{"GET", devices + "/1.exe", "", 404},
		{"GET", devices, "", 404},
		{"GET", "/trust/", "", 404},
		{"GET", "/trust/.pem", "", 404},
		{"GET", devices + "/1/1.pem", "", 404},
		{"POST", devices + ".pem", "", 405},
	} {
		if got := w.fetch(c.method, c.address, c.header); got.Code != c.status {
			t.Errorf("%s %s (%s): %d, want %d\n%s", c.method, c.address, c.header, got.Code, c.status, got.Body)
		}
	}
}

// A change of trust is a new version; the one before stays what it was.
func TestTrustVersionsStay(t *testing.T) {
	w := newWorld(t)
	first := w.trusting("one")
	w.do("POST", bundles, `{"name":"devices","access":"public"}`)
	w.fetch("GET", devices+".pem")
	second := w.trusting("two")
	w.clock.Move(time.Second)
	got := w.fetch("GET", devices+".pem")
	if body := got.Body.String(); body != first+second && body != second+first {
		t.Errorf("the last version is\n%s", body)
	}
	if link := got.Header().Get("Link"); link != "<"+devices+`/1.pem>; rel="predecessor-version"` {
		t.Errorf("link is %s", link)
	}
	old := w.fetch("GET", devices+"/1.pem")
	if old.Body.String() != first || old.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" {
		t.Errorf("version 1 is %v\n%s", old.Header(), old.Body)
	}
	if err := w.bundles.Fetched(t.Context(), w.server.Fetches()); err != nil {
		t.Fatal(err)
	}
	if left := w.server.Fetches(); len(left) != 0 {
		t.Errorf("fetches are told twice: %v", left)
	}
	counts := w.do("GET", bundles+"/"+w.anyBundle()+"/versions?$select=version,fetchCount,lastFetchedDateTime&$orderby=version", "")
	for _, part := range []string{`"version":1,"fetchCount":2,"lastFetchedDateTime":"2026-11-23T12:00:01.1234567Z"`, `"version":2,"fetchCount":1,`} {
		if !strings.Contains(counts.body, part) {
			t.Errorf("the counts do not tell %s: %s", part, counts.body)
		}
	}
	versions := w.do("GET", bundles+"/"+w.anyBundle()+"/versions?$select=version", "")
	if !strings.Contains(versions.body, `"version":2`) || strings.Index(versions.body, `"version":2`) > strings.Index(versions.body, `"version":1`) {
		t.Errorf("versions are %s", versions.body)
	}
	for _, id := range []string{"one", "two"} {
		w.do("DELETE", set+"/"+id, "")
	}
	w.clock.Move(time.Second)
	if kept := w.fetch("GET", devices+".pem"); kept.Code != http.StatusOK || kept.Body.String() != got.Body.String() {
		t.Errorf("without a source: %d\n%s", kept.Code, kept.Body)
	}
	if state := w.do("GET", bundles+"/"+w.anyBundle(), "").object(t)["publishStatus"]; state != "kept" {
		t.Errorf("then the bundle is %v", state)
	}
}

// What was published stays so while the store cannot be asked.
func TestTrustOutlivesTheStore(t *testing.T) {
	w := newWorld(t)
	first := w.trusting("one")
	w.do("POST", bundles, `{"name":"devices","access":"public"}`)
	w.fetch("GET", devices+".pem")
	w.clock.Move(time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // no query is answered
	for _, address := range []string{devices + ".pem", devices + "/1.pem"} {
		got := httptest.NewRecorder()
		w.server.Trust().ServeHTTP(got, httptest.NewRequestWithContext(ctx, http.MethodGet, address, nil))
		if got.Code != http.StatusOK || got.Body.String() != first {
			t.Errorf("%s: %d\n%s", address, got.Code, got.Body)
		}
	}
}

// Who may not fetch a bundle does not learn that it exists.
func TestTrustIsProtected(t *testing.T) {
	w := newWorld(t)
	w.trusting("one")
	w.do("POST", bundles, `{"name":"devices"}`)
	bearer := func(tenant string, roles ...string) string {
		return "Authorization: Bearer " + w.token(tenant, "device", roles...)
	}
	got := w.fetch("GET", devices+".pem", bearer(tenantA, auth.ScopeRead))
	if got.Code != http.StatusOK || got.Header().Get("Cache-Control") != "private, max-age=300, must-revalidate, stale-if-error=86400" || !strings.Contains(got.Header().Get("Vary"), "Authorization") {
		t.Errorf("with a token: %d %v", got.Code, got.Header())
	}
	for name, c := range map[string]struct {
		header string
		status int
	}{
		"no token":               {"", http.StatusUnauthorized},
		"a bad token":            {"Authorization: Bearer x.y.z", http.StatusUnauthorized},
		"another tenant's token": {bearer(tenantB, auth.ScopeReadWrite), http.StatusNotFound},
		"a token without scope":  {bearer(tenantA), http.StatusForbidden},
	} {
		there, missing := w.fetch("GET", devices+".pem", c.header), w.fetch("GET", devices+"x.pem", c.header)
		if there.Code != c.status || missing.Code != c.status {
			t.Errorf("%s: %d for what there is, %d for what there is not, want %d", name, there.Code, missing.Code, c.status)
		}
		hide := func(r *httptest.ResponseRecorder) string {
			_, text, _ := strings.Cut(r.Body.String(), `"message":`)
			text, _, _ = strings.Cut(text, `"innerError"`)
			return strings.ReplaceAll(text, "devicesx", "devices")
		}
		if hide(there) != hide(missing) {
			t.Errorf("%s: the answers differ:\n%s\n%s", name, there.Body, missing.Body)
		}
	}
}

// BenchmarkConditionalGet asks by turns for a bundle of 50 roots and for the same
// bytes as a static file, over real connections, as a client that has both. The
// ratio is the time of the file by the time of the bundle.
func BenchmarkConditionalGet(b *testing.B) {
	w := newWorld(b, func(o *graph.Options) { o.Log, o.Observe = nil, nil })
	for i := range 50 {
		id := fmt.Sprintf("s%d", i)
		w.create(fmt.Sprintf(`{"id":%q,"trustedRootCertificate":%q}`, id, base64.StdEncoding.EncodeToString(selfSigned(b, id, w.clock.Now()))))
	}
	w.do("POST", bundles, `{"name":"devices","access":"public"}`)
	first := w.fetch("GET", devices+".pem")
	tag := "ETag" // as it is spelled on the wire, which http.Header.Get does not find
	folder := b.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "devices.pem"), first.Body.Bytes(), 0o600); err != nil || first.Code != http.StatusOK {
		b.Fatalf("%v, %d\n%s", err, first.Code, first.Body)
	}
	static := http.FileServer(http.Dir(folder))
	bundle := revalidation(b, w.server.Trust(), devices+".pem", "If-None-Match: "+first.Header()[tag][0])
	file := revalidation(b, static, "/devices.pem", "If-Modified-Since: "+time.Now().UTC().Format(http.TimeFormat))
	var spent [2]time.Duration
	for b.Loop() {
		for i, ask := range []func(){bundle, file} {
			began := time.Now()
			ask()
			spent[i] += time.Since(began)
		}
	}
	b.ReportMetric(float64(spent[1])/float64(spent[0]), "ratio")
}

// revalidation returns a function that is answered with 304.
func revalidation(b *testing.B, h http.Handler, path, header string) func() {
	server := httptest.NewServer(h)
	b.Cleanup(server.Close)
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, server.URL+path, http.NoBody)
	if err != nil {
		b.Fatal(err)
	}
	name, value, _ := strings.Cut(header, ": ")
	r.Header.Set(name, value)
	return func() {
		got, err := server.Client().Do(r)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, got.Body)
		if err := got.Body.Close(); err != nil || got.StatusCode != http.StatusNotModified {
			b.Fatalf("%s, %v", got.Status, err)
		}
	}
}

// A slowReader takes its answer when it is released.
type slowReader struct {
	*httptest.ResponseRecorder

	reached, released chan struct{}
}

func (s slowReader) Write(b []byte) (int, error) {
	s.reached <- struct{}{}
	<-s.released
	return s.ResponseRecorder.Write(b)
}

// Devices that do not read their answer keep no other from theirs.
func TestSlowReadersOfPublishedTrust(t *testing.T) {
	w := newWorld(t, func(o *graph.Options) { o.Limits.Concurrent = 1 })
	w.trusting("alpha")
	w.do("POST", bundles, `{"name":"devices","access":"public"}`)
	slow := slowReader{reached: make(chan struct{}), released: make(chan struct{})}
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, devices+".pem", nil)
			w.server.Trust().ServeHTTP(slowReader{httptest.NewRecorder(), slow.reached, slow.released}, r)
		})
		<-slow.reached
	}
	if got := w.fetch(http.MethodGet, devices+".pem"); got.Code != http.StatusOK {
		t.Errorf("beside those who do not read: %d\n%s", got.Code, got.Body)
	}
	close(slow.released)
	all.Wait()
}
