package app_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestRoutesInMetrics: whatever is asked for, the figures name patterns alone.
func TestRoutesInMetrics(t *testing.T) {
	s := start(t, settings(t), nil)
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, path := range []string{
		"/openapi.json", "/trust/tenant/made-up-1.pem", "/trust/tenant/made-up-2/7.pem", "/trust/made-up-3", "/docs/", "/docs/made-up-4",
		"/.well-known/est/made-up-5/cacerts", "/.well-known/est/made-up-6", "/", "/console/subscriptions/made-up-7", "/console/made-up-8", "/made-up-9",
	} {
		s.get(path)
	}
	_, text := s.get("/metrics")
	var routes []string
	for _, m := range regexp.MustCompile(`_count\{[^\n]*route="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		routes = append(routes, m[1])
	}
	for _, want := range []string{
		"/trust/{tenant}/{file}", "/trust/{tenant}/{name}/{file}", "/trust/", "/docs/{page}", "/.well-known/est/{id}/cacerts", "/.well-known/est/",
		"/console/subscriptions/{id}", "/console/", "", "/openapi.json",
	} {
		if !slices.Contains(routes, want) {
			t.Errorf("no figures of %q in %q", want, routes)
		}
	}
	if strings.Contains(text, "made-up") {
		t.Errorf("the figures repeat what was asked for:\n%s", text)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}
