package graph_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzHandler throws paths, queries and bodies at the whole handler. Whatever
// comes, it answers in the protocol: no fault of ours, an envelope for every
// refusal, valid JSON, and no secret.
func FuzzHandler(f *testing.F) {
	methods := []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete}
	for _, r := range badRequests {
		_, address, _ := strings.Cut(r.request, " ")
		path, query, _ := strings.Cut(address, "?")
		f.Add(uint8(0), path, query, r.body)
	}
	for _, body := range badBodies {
		f.Add(uint8(1), set, "", body)
		f.Add(uint8(2), set+"/alpha", "", body)
	}
	f.Add(uint8(3), set+"('bare')", "", "")
	f.Add(uint8(1), "/beta/deviceManagement/cloudPkiSubscriptions/alpha/microsoft.graph.sync", "", "{}")
	w := newWorld(f)
	w.fill()
	token := "Bearer " + w.admin()
	f.Fuzz(func(t *testing.T, method uint8, path, query, body string) {
		r := httptest.NewRequestWithContext(t.Context(), methods[int(method)%len(methods)], "https://h/", strings.NewReader(body))
		u, err := url.ParseRequestURI("/" + strings.TrimPrefix(path, "/"))
		if err != nil {
			return // net/http refuses it
		}
		u.RawQuery = query
		r.URL = u
		r.Header.Set("Authorization", token)
		r.Header.Set("Content-Type", "application/json")
		w.clock.Move(1e9) // the budget recovers
		got := httptest.NewRecorder()
		w.server.ServeHTTP(got, r)
		if got.Code >= 500 || got.Code < 200 {
			t.Fatalf("%s %s: %d\n%s\n%s", r.Method, u, got.Code, got.Body, w.log)
		}
		if strings.HasPrefix(got.Header().Get("Content-Type"), "application/json") && !json.Valid(got.Body.Bytes()) {
			t.Fatalf("%s %s: no JSON: %s", r.Method, u, got.Body)
		}
		if got.Code >= 400 && !strings.HasPrefix(got.Body.String(), `{"error":{"code":"`) {
			t.Fatalf("%s %s: no envelope: %s", r.Method, u, got.Body)
		}
		if r.Method != http.MethodPost && strings.Contains(got.Body.String(), "Q0FOQVJZ") {
			t.Fatalf("%s %s tells a secret: %s", r.Method, u, got.Body)
		}
	})
}
