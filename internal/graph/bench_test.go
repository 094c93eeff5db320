package graph_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/graph"
)

// discard is a response writer without memory.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

// BenchmarkHandler measures what a request costs between the connection and
// the disk: a verified token, the rules, the store and the encoding.
func BenchmarkHandler(b *testing.B) {
	w := newWorld(b, func(o *graph.Options) { o.Limits.PerMinute = 1 << 30; o.Log = nil })
	for i := range 100 {
		w.create(strings.Replace(fullBody, "{", fmt.Sprintf(`{"id":"s%03d",`, i), 1))
	}
	token := "Bearer " + w.admin()
	for _, c := range []struct{ name, method, address, body string }{
		{"get", "GET", set + "/s050", ""},
		{"list100", "GET", set, ""},
		{"listSelect", "GET", set + "?$select=id,displayName&$filter=syncStatus eq 'unKnown'&$top=20", ""},
		{"refuse", "GET", set + "/nobody", ""},
		{"create", "POST", set, fullBody},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), c.method, strings.ReplaceAll(c.address, " ", "%20"), strings.NewReader(c.body))
				r.Header["Authorization"] = []string{token}
				r.Header["Content-Type"] = []string{"application/json"}
				d := &discard{header: http.Header{}}
				w.server.ServeHTTP(d, r)
				if d.status != 200 && d.status != 201 && d.status != 404 {
					b.Fatalf("%d", d.status)
				}
			}
		})
	}
	b.StopTimer()
	w.clock.Move(time.Second)
}
