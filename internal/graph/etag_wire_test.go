package graph_test

import (
	"net/http"
	"testing"
	"time"
)

// TestNotModified: who has the answer already is told so, but for what the
// clock has changed in it.
func TestNotModified(t *testing.T) {
	w := newWorld(t)
	w.fill()
	for query, status := range map[string]int{
		"":                        http.StatusNotModified,
		"?$select=displayName":    http.StatusNotModified,
		"?$select=credentialInfo": http.StatusOK,
	} {
		etag := w.do("GET", set+"/alpha"+query, "").Header.Get("ETag")
		w.clock.Move(24 * time.Hour)
		if got := w.do("GET", set+"/alpha"+query, "", "If-None-Match: "+etag); got.StatusCode != status {
			t.Errorf("%s: %s, want %d", query, got.Status, status)
		}
	}
}
