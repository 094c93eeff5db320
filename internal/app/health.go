package app

import (
	"context"
	"net/http"
	"time"
)

// readyTimeout bounds how long a probe waits for the store.
const readyTimeout = 2 * time.Second

// live answers that the process runs; nothing outside it can make it fail.
func live(w http.ResponseWriter, _ *http.Request) {
	plain(w, http.StatusOK, "ok\n")
}

// ready answers whether requests can be served: the store answers and the
// service is not stopping.
func ready(ping func(context.Context) error, stopping <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-stopping:
			plain(w, http.StatusServiceUnavailable, "stopping\n")
			return
		default:
		}
		ctx, stop := context.WithTimeout(r.Context(), readyTimeout)
		defer stop()
		if err := ping(ctx); err != nil {
			plain(w, http.StatusServiceUnavailable, "the store does not answer\n")
			return
		}
		plain(w, http.StatusOK, "ok\n")
	}
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // a probe that has gone away is no fault
}
