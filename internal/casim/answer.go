package casim

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// An Answerer answers a request in the CA's place.
type Answerer = func(w http.ResponseWriter, r *http.Request, honest http.Handler)

// Status answers with a status, a body and header fields (name, value, ...).
func Status(code int, body string, header ...string) Answerer {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "text/html")
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body)) // the client is gone: nobody to tell
	}
}

// Fails answers with a SOAP fault.
func Fails(code, message string) Answerer {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { writeFault(w, code, message) }
}

// Body changes the honest answer's body.
func Body(change func([]byte) []byte) Answerer {
	return func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		rec := honestly(honest, r)
		w.Header().Set("Content-Type", rec.header.Get("Content-Type"))
		w.WriteHeader(rec.status)
		_, _ = w.Write(change(rec.body.Bytes())) // the client is gone: nobody to tell
	}
}

// Cut ends the connection after n bytes of the honest body.
func Cut(n int) Answerer {
	return func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		rec := honestly(honest, r)
		b := rec.body.Bytes()
		w.Header().Set("Content-Type", rec.header.Get("Content-Type"))
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		w.WriteHeader(rec.status)
		_, _ = w.Write(b[:min(n, len(b))]) // what follows cuts it anyhow
		_ = http.NewResponseController(w).Flush()
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}
}

// Endless answers with n bytes of white space in an envelope that never ends.
func Endless(n int64) Answerer {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		block := []byte(strings.Repeat(" ", 64<<10))
		if _, err := w.Write([]byte(`<?xml version="1.0"?><Envelope xmlns="` + nsEnvelope + `">`)); err != nil {
			return
		}
		for sent := int64(0); sent < n; sent += int64(len(block)) {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}
}

// Slow answers honestly after d, or not at all where the client leaves.
func Slow(d time.Duration) Answerer {
	return func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest)) // else net/http does not notice that the client left
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			honest.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}
}

// Between answers honestly and calls do after each answer: what changes while
// a client pages.
func Between(do func()) Answerer {
	return func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		honest.ServeHTTP(w, r)
		do()
	}
}

// After is honest for n calls and then answers as bad does.
func After(n int, bad Answerer) Answerer {
	calls := make(chan int, 1)
	calls <- 0
	return func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		i := <-calls
		calls <- i + 1
		if i < n {
			honest.ServeHTTP(w, r)
			return
		}
		bad(w, r, honest)
	}
}

// A recording is an answer that has not been sent.
type recording struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func honestly(h http.Handler, r *http.Request) *recording {
	rec := &recording{header: http.Header{}, status: http.StatusOK}
	h.ServeHTTP(rec, r)
	return rec
}

func (r *recording) Header() http.Header         { return r.header }
func (r *recording) WriteHeader(status int)      { r.status = status }
func (r *recording) Write(b []byte) (int, error) { return r.body.Write(b) }

// Trickle answers honestly, a byte each pause, until the client leaves.
func Trickle(pause time.Duration) Answerer {
	return func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		rec := honestly(honest, r)
		w.Header().Set("Content-Type", rec.header.Get("Content-Type"))
		w.WriteHeader(rec.status)
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for _, b := range rec.body.Bytes() {
			if _, err := w.Write([]byte{b}); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
			select {
			case <-tick.C:
			case <-r.Context().Done():
				return
			}
		}
	}
}

// gzipped answers in gzip; with n above 0, n bytes of white space.
func gzipped(n int64) Answerer {
	return func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		rec := honestly(honest, r)
		w.Header().Set("Content-Type", rec.header.Get("Content-Type"))
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(rec.status)
		z := gzip.NewWriter(w)
		block := bytes.Repeat([]byte(" "), 64<<10)
		for sent := int64(0); sent < n; sent += int64(len(block)) {
			if _, err := z.Write(block); err != nil {
				return
			}
		}
		_, _ = z.Write(rec.body.Bytes()) // the client is gone: nobody to tell
		_ = z.Close()
	}
}
