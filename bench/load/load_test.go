package load_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloudpki/bench/load"
)

// request asks for a path; the host does not matter.
func request(path string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n")
}

func dial(t *testing.T, handler http.Handler, n int) *load.Loader {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	l, err := load.Dial(t.Context(), load.Target{
		Address: server.Listener.Addr().String(), TLS: &tls.Config{RootCAs: roots, ServerName: "example.com"},
	}, n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestRunCountsEveryRequest(t *testing.T) {
	t.Parallel()
	var served atomic.Int64
	l := dial(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		if r.URL.Path == "/chunked" {
			w.(http.Flusher).Flush()
		}
		_, _ = w.Write([]byte("0123456789"))
	}), 3)
	op := load.Op{Requests: [][]byte{request("/"), request("/chunked")}, Status: 200, MinLength: 10, MaxLength: 10}
	got, err := l.Run(t.Context(), op, 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if int64(got.Requests) != served.Load() || got.Requests < 3 {
		t.Errorf("%d requests counted, %d served", got.Requests, served.Load())
	}
	if got.Median <= 0 || got.P99 < got.Median || got.Elapsed < 200*time.Millisecond {
		t.Errorf("implausible times: %+v", got)
	}
}

func TestRunRefusesWrongAnswers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		op   load.Op
		want string
	}{
		"wrong status": {load.Op{Requests: [][]byte{request("/busy")}, Status: 200, MaxLength: 100}, "status 429"},
		"too short":    {load.Op{Requests: [][]byte{request("/")}, Status: 200, MinLength: 11, MaxLength: 20}, "10 bytes"},
		"too long":     {load.Op{Requests: [][]byte{request("/")}, Status: 200, MaxLength: 9}, "10 bytes"},
		"closed":       {load.Op{Requests: [][]byte{request("/close")}, Status: 200, MaxLength: 100}, "does not keep"},
		"one in many":  {load.Op{Requests: [][]byte{request("/"), request("/"), request("/busy")}, Status: 200, MaxLength: 100}, "status 429"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := dial(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/busy":
					w.WriteHeader(http.StatusTooManyRequests)
				case "/close":
					w.Header().Set("Connection", "close")
				}
				_, _ = w.Write([]byte("0123456789"))
			}), 1)
			_, err := l.Run(t.Context(), test.op, time.Second)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one that tells %q", err, test.want)
			}
		})
	}
}
