package graph_test

import (
	"net/http"
	"testing"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// A running run is asked to stop: 202 with the run, which ends when its worker
// hears of it.
func TestCancelRunningSync(t *testing.T) {
	w := newWorld(t)
	w.fill()
	w.do("POST", set+"/alpha/sync", "")
	now := w.clock.Now()
	leases, err := w.store.TakeDue(t.Context(), "worker", odata.FromTime(now), odata.FromTime(now.Add(time.Minute)), 1, pki.Bounds{PerTenant: 1})
	if err != nil || len(leases) != 1 {
		t.Fatalf("leases %v, %v", leases, err)
	}
	for range 2 {
		got := w.do("POST", set+"/alpha/cancelSync", "")
		want := w.origin + set + "/alpha/syncRuns/" + string(leases[0].Run.ID)
		if got.StatusCode != http.StatusAccepted || got.Header.Get("Location") != want || got.Header.Get("Retry-After") == "" || got.body != "" {
			t.Errorf("%s, Location %s, want 202 and %s\n%s", got.Status, got.Header.Get("Location"), want, got.body)
		}
	}
	if stop, err := w.store.Extend(t.Context(), leases[0], odata.FromTime(now.Add(time.Hour))); err != nil || !stop {
		t.Errorf("the worker heard %v, %v", stop, err)
	}
}
