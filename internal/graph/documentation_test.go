package graph_test

import (
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"

	"cloudpki/docs"
)

// read asks for a page of the manual as a browser does.
func (w *world) read(method, address string, header ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, address, nil)
	for _, h := range header {
		if name, value, ok := strings.Cut(h, ": "); ok {
			r.Header.Set(name, value)
		}
	}
	answer := httptest.NewRecorder()
	w.server.Documentation().ServeHTTP(answer, r)
	return answer
}

// Every page is there for everybody, and every page that it links to.
func TestManualIsServed(t *testing.T) {
	w := newWorld(t)
	names, err := docs.Names()
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`href="([^"#:]+\.md)`)
	asked := map[string]bool{}
	for _, name := range names {
		asked["/docs/"+name] = true
		page, err := docs.Page(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range link.FindAllStringSubmatch(string(page), -1) {
			target := path.Join("/docs", path.Dir(name), found[1])
			if strings.HasPrefix(target, "/docs/") { // else a page of the repository alone
				asked[target] = true
			}
		}
	}
	for address := range asked {
		got := w.read(http.MethodGet, address)
		if got.Code != http.StatusOK || !strings.HasPrefix(got.Body.String(), "<!DOCTYPE html>") {
			t.Errorf("%s: %d\n%.200s", address, got.Code, got.Body)
		}
	}
	if !asked["/docs/errors/tls_server"] || !asked["/docs/credentials.md"] {
		t.Errorf("pages or links were not met: %v", asked)
	}
}

func TestManualPage(t *testing.T) {
	w := newWorld(t)
	const address = "/docs/errors/dns"
	page := w.read(http.MethodGet, address)
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Cache-Control": "public, max-age=3600", "OData-Version": "",
		"Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	} {
		if got := page.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	picture := w.read(http.MethodGet, "/docs/images/console-overview.png")
	if picture.Code != http.StatusOK || picture.Header().Get("Content-Type") != "image/png" || http.DetectContentType(picture.Body.Bytes()) != "image/png" {
		t.Errorf("a picture: %d %v", picture.Code, picture.Header())
	}
	_, style, _ := strings.Cut(page.Body.String(), `<link rel="stylesheet" href="`)
	style, _, _ = strings.Cut(style, `"`)
	if sheet := w.read(http.MethodGet, style); sheet.Code != http.StatusOK || sheet.Header().Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("the style sheet %q: %d %v", style, sheet.Code, sheet.Header())
	}
	for _, c := range []struct {
		method, address, header string
		status                  int
	}{
		{http.MethodHead, address, "", http.StatusOK},
		{http.MethodGet, address, "If-None-Match: *", http.StatusNotModified},
		{http.MethodGet, "/docs/errors/", "", http.StatusOK},
		{http.MethodGet, "/docs/errors/nobody", "", http.StatusNotFound},
		{http.MethodGet, "/docs/../go.mod", "", http.StatusNotFound},
		{http.MethodPost, address, "", http.StatusMethodNotAllowed},
	} {
		if got := w.read(c.method, c.address, c.header); got.Code != c.status {
			t.Errorf("%s %s (%s): %d, want %d\n%s", c.method, c.address, c.header, got.Code, c.status, got.Body)
		}
	}
}
