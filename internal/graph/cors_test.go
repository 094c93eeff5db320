package graph_test

import (
	"net/http"
	"strings"
	"testing"

	"cloudpki/internal/graph"
)

// TestBrowsers holds what a browser is told about pages of other origins (Fetch
// standard, CORS protocol).
func TestBrowsers(t *testing.T) {
	const page = "https://console.example.com"
	w := newWorld(t, func(o *graph.Options) { o.Browsers = []string{page} })
	ask := []string{
		"Origin: " + page, "Authorization:", "Access-Control-Request-Method: PATCH",
		"Access-Control-Request-Headers: authorization,content-type,sdkversion",
	}
	got := w.do("OPTIONS", set+"/alpha", "", ask...)
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": page, "Access-Control-Allow-Methods": "GET, HEAD, POST, PATCH, DELETE, OPTIONS",
		"Access-Control-Allow-Headers": "authorization,content-type,sdkversion", "Access-Control-Max-Age": "600",
		"Access-Control-Allow-Credentials": "",
	} {
		if got.StatusCode != http.StatusNoContent || got.Header.Get(name) != want {
			t.Errorf("preflight: %s, %s: %q, want %q", got.Status, name, got.Header.Get(name), want)
		}
	}
	for _, path := range []string{set, "/beta/nobody"} { // errors are to be read, too
		got := w.do("GET", path, "", "Origin: "+page)
		if got.Header.Get("Access-Control-Allow-Origin") != page || !strings.Contains(got.Header.Get("Access-Control-Expose-Headers"), "request-id") {
			t.Errorf("%s: %v", path, got.Header)
		}
		if vary := got.Header.Get("Vary"); !strings.Contains(vary, "Origin") {
			t.Errorf("%s: Vary %q", path, vary)
		}
	}
	ask[0] = "Origin: https://evil.example.com"
	for name, got := range map[string]answer{"preflight": w.do("OPTIONS", set, "", ask...), "request": w.do("GET", set, "", ask[0]), "no page": w.do("OPTIONS", set, "")} {
		for field := range got.Header {
			if strings.HasPrefix(field, "Access-Control-") {
				t.Errorf("%s: another origin is told %s: %s", name, field, got.Header.Get(field))
			}
		}
	}
}

// TestNoBrowsers: without configuration no page of another origin may read.
func TestNoBrowsers(t *testing.T) {
	w := newWorld(t)
	if got := w.do("GET", set, "", "Origin: "+w.origin); got.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%v", got.Header)
	}
	all := newWorld(t, func(o *graph.Options) { o.Browsers = []string{"*"} })
	if got := all.do("GET", set, "", "Origin: https://any.example.com"); got.Header.Get("Access-Control-Allow-Origin") != "https://any.example.com" {
		t.Errorf("%v", got.Header)
	}
}

// TestHeadIsGetWithoutBody holds every field of HEAD against GET's, on each
// route that can be read.
func TestHeadIsGetWithoutBody(t *testing.T) {
	w := newWorld(t)
	w.fill()
	sub := set + "/alpha"
	for _, path := range []string{
		"/beta", "/beta/$metadata", "/beta/$metadata?$format=json", "/beta/deviceManagement", "/beta/deviceManagement/auditEvents", "/beta/deviceManagement/auditEvents/$count",
		set, set + "?$top=1&$count=true", set + "/$count", sub, sub + "?$select=id", sub + "/syncRuns", sub + "/syncRuns/$count",
		sub + "/certificateAuthorities", sub + "/certificates", sub + "/skippedItems", set + "/nobody", "/beta/nobody", sub + "?$top=1",
	} {
		get, head := w.do("GET", path, "", "Accept-Encoding: identity"), w.do("HEAD", path, "", "Accept-Encoding: identity")
		if head.StatusCode != get.StatusCode || head.body != "" {
			t.Errorf("HEAD %s: %s with %q, GET: %s", path, head.Status, head.body, get.Status)
		}
		for name := range get.Header {
			if name == "Request-Id" || name == "Client-Request-Id" || name == "Date" {
				continue
			}
			if head.Header.Get(name) != get.Header.Get(name) {
				t.Errorf("HEAD %s: %s: %q, GET: %q", path, name, head.Header.Get(name), get.Header.Get(name))
			}
		}
	}
}
