package pki_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"cloudpki/internal/casim"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

// A run that is ended for its silence is a time-out that is tried again soon,
// and keeps what it has stored; the next one completes the inventory. Answers
// and pages are heard as signs of life.
func TestStalledRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(300)
	sub := w.create(w.draft())
	leases := w.takeDue()
	ctx, stop := context.WithCancelCause(t.Context())
	var heard atomic.Int64
	w.ca.Misbehave(casim.Fault{Answer: func(rw http.ResponseWriter, r *http.Request, honest http.Handler) {
		if len(w.certificates(sub.ID, "").Items) > 0 {
			stop(pki.ErrStalled)
			<-r.Context().Done()
			return
		}
		honest.ServeHTTP(rw, r)
	}})
	w.must(w.service.Sync(pki.WithProgress(ctx, func() { heard.Add(1) }), leases[0]))
	run, err := w.service.Run(t.Context(), tenant, sub.ID, leases[0].Run.ID)
	w.must(err)
	kept := len(w.certificates(sub.ID, "$top=999").Items)
	if run.Status != pki.RunFailed || run.Error != provider.CodeTimeout || kept == 0 || kept == 300 {
		t.Errorf("run %+v with %d certificates kept", run, kept)
	}
	if heard.Load() < 5 {
		t.Errorf("%d signs of life were heard", heard.Load())
	}
	if wait := w.get(sub.ID).NextSync.Time().Sub(w.now); wait > time.Minute {
		t.Errorf("tried again in %v", wait)
	}
	w.ca.Misbehave(casim.Fault{})
	w.now = w.now.Add(time.Minute)
	if run := w.syncOne(); run.Status != pki.RunSucceeded || len(w.certificates(sub.ID, "$top=999").Items) != 300 {
		t.Errorf("the next run: %+v", run)
	}
}
