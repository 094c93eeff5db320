package graph_test

import (
	"net/http/httptest"
	"testing"
)

func TestResourceManager(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name, authorization, body string
		status                    int
	}{
		{"a token of ours", "Bearer " + w.token(tenantA, "client-a"), `{"value":[]}`, 200},
		{"no token", "", "", 401},
		{"no token of ours", "Bearer nonsense", "", 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/subscriptions?api-version=2019-11-01", nil)
			r.Header.Set("Authorization", c.authorization)
			got := httptest.NewRecorder()
			w.server.ResourceManager().ServeHTTP(got, r)
			if got.Code != c.status || c.body != "" && got.Body.String() != c.body {
				t.Errorf("%d %s", got.Code, got.Body)
			}
		})
	}
}
