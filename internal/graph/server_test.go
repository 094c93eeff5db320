package graph_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/graph"
	"cloudpki/internal/pki"
)

// A verifierFunc stands for a verifier that fails in its own way.
type verifierFunc func(ctx context.Context, bearer string) (auth.Principal, error)

func (f verifierFunc) Verify(ctx context.Context, bearer string) (auth.Principal, error) {
	return f(ctx, bearer)
}

func withVerifier(f verifierFunc) func(*graph.Options) {
	return func(o *graph.Options) { o.Verifier = f }
}

// TestFaultsTellNothing: what went wrong inside is for the log alone.
func TestFaultsTellNothing(t *testing.T) {
	for name, c := range map[string]struct {
		fails  verifierFunc
		status int
		code   string
	}{
		"error": {func(context.Context, string) (auth.Principal, error) {
			return auth.Principal{}, errors.New("dial db.internal:5432 as INSIDE")
		}, 500, "generalException"},
		"panic": {func(context.Context, string) (auth.Principal, error) {
			panic("INSIDE")
		}, 500, "generalException"},
		"overload": {func(context.Context, string) (auth.Principal, error) {
			return auth.Principal{}, &pki.Error{Code: pki.CodeUnavailable, Msg: "public", Err: errors.New("INSIDE")}
		}, 503, "serviceNotAvailable"},
		"keys": {func(context.Context, string) (auth.Principal, error) {
			return auth.Principal{}, &auth.Error{Code: auth.CodeUnavailable, Msg: "public", Err: errors.New("INSIDE")}
		}, 503, "serviceNotAvailable"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, withVerifier(c.fails))
			got := w.do("GET", set, "")
			if got.StatusCode != c.status || got.object(t)["error"].(map[string]any)["code"] != c.code {
				t.Errorf("%s, want %d %s\n%s", got.Status, c.status, c.code, got.body)
			}
			if strings.Contains(got.body, "INSIDE") || strings.Contains(got.body, "internal") {
				t.Errorf("the answer tells of the inside: %s", got.body)
			}
			if retry := got.Header.Get("Retry-After"); (retry != "") != (c.status == 503) {
				t.Errorf("Retry-After %q", retry)
			}
			if id := got.Header.Get("request-id"); name != "overload" && name != "keys" && !strings.Contains(w.log.String(), id) {
				t.Errorf("the log lacks the request-id %s:\n%s", id, w.log.String())
			}
		})
	}
}

// TestObserve: each request is counted once, by the pattern of its route.
func TestObserve(t *testing.T) {
	w := newWorld(t)
	w.fill()
	w.seen.mu.Lock()
	w.seen.list = nil
	w.seen.mu.Unlock()
	w.do("GET", "/beta/deviceManagement/cloudPkiSubscriptions('alpha')", "")
	w.do("GET", set+"/nobody", "")
	w.do("PUT", set+"/nobody", "")
	w.do("GET", "/beta/nobody", "")
	want := []string{
		"GET /beta/deviceManagement/cloudPkiSubscriptions/{id} OK " + tenantA,
		"GET /beta/cloudPkiSubscriptions/{id} Not Found " + tenantA,
		"PUT  Method Not Allowed ",
		"GET  Not Found ",
	}
	w.seen.mu.Lock()
	defer w.seen.mu.Unlock()
	if !slices.Equal(w.seen.list, want) {
		t.Errorf("observed\n%q\nwant\n%q", w.seen.list, want)
	}
}

// TestRepeatedCreate: a create is repeated under the same Idempotency-Key, or
// a client-request-id that is a GUID; it is repeated for the same client alone.
func TestRepeatedCreate(t *testing.T) {
	const key = "0f8fad5b-d9cb-469f-a165-70867728950e"
	for _, c := range []struct {
		name   string
		first  []string
		second []string
		body   string
		same   bool
		status int
	}{
		{"Idempotency-Key", []string{"Idempotency-Key: k"}, []string{"Idempotency-Key: k"}, fullBody, true, 201},
		{"GUID", []string{"client-request-id: " + key}, []string{"client-request-id: " + key}, fullBody, true, 201},
		{"no GUID", []string{"client-request-id: nightly-job"}, []string{"client-request-id: nightly-job"}, fullBody, false, 201},
		{"GUID in braces", []string{"client-request-id: {" + key + "}"}, []string{"client-request-id: {" + key + "}"}, fullBody, false, 201},
		{"Idempotency-Key before GUID", []string{"Idempotency-Key: k", "client-request-id: " + key}, []string{"Idempotency-Key: l", "client-request-id: " + key}, fullBody, false, 201},
		{"another body", []string{"Idempotency-Key: k"}, []string{"Idempotency-Key: k"}, "{}", false, 422},
		{"nothing", nil, nil, fullBody, false, 201},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			first := w.do("POST", set, fullBody, c.first...)
			w.clock.Move(time.Hour)
			second := w.do("POST", set, c.body, c.second...)
			if second.StatusCode != c.status || (first.body == second.body) != c.same {
				t.Errorf("%s, same %t\n%s\n%s", second.Status, first.body == second.body, first.body, second.body)
			}
			if c.same && second.Header.Get("Location") != first.Header.Get("Location") {
				t.Errorf("Location %s, then %s", first.Header.Get("Location"), second.Header.Get("Location"))
			}
		})
	}
	t.Run("after a day", func(t *testing.T) {
		w := newWorld(t)
		first := w.do("POST", set, fullBody, "Idempotency-Key: k")
		w.clock.Move(25 * time.Hour)
		if second := w.do("POST", set, fullBody, "Idempotency-Key: k"); second.StatusCode != 201 || second.body == first.body {
			t.Errorf("%s\n%s", second.Status, second.body)
		}
	})
	t.Run("another id", func(t *testing.T) {
		w := newWorld(t)
		w.do("POST", set+"/one", "{}", "Idempotency-Key: k")
		if got := w.do("POST", set+"/two", "{}", "Idempotency-Key: k"); got.StatusCode != 422 {
			t.Errorf("%s\n%s", got.Status, got.body)
		}
	})
	t.Run("at once", func(t *testing.T) {
		w := newWorld(t)
		var mu sync.Mutex
		bodies := map[string]int{}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				got := w.do("POST", set, fullBody, "Idempotency-Key: k")
				mu.Lock()
				defer mu.Unlock()
				bodies[got.body]++
			})
		}
		all.Wait()
		if len(bodies) != 1 || !strings.Contains(w.do("GET", set+"/$count", "").body, "1") {
			t.Errorf("%d different answers: %v", len(bodies), bodies)
		}
	})
}

// TestNewRefuses holds the options against what cannot work.
func TestNewRefuses(t *testing.T) {
	w := newWorld(t)
	good := graph.Options{Service: w.service, Notifications: w.notifications, Bundles: w.bundles, ESTEndpoints: w.estEndpoints, Verifier: verifierFunc(nil), Origin: "https://h:1", TokenKey: make([]byte, 32)}
	if _, err := graph.New(good); err != nil {
		t.Fatalf("good options: %v", err)
	}
	for name, change := range map[string]func(*graph.Options){
		"no service":       func(o *graph.Options) { o.Service = nil },
		"no verifier":      func(o *graph.Options) { o.Verifier = nil },
		"no bundles":       func(o *graph.Options) { o.Bundles = nil },
		"no EST endpoints": func(o *graph.Options) { o.ESTEndpoints = nil },
		"http":             func(o *graph.Options) { o.Origin = "http://h:1" },
		"origin with path": func(o *graph.Options) { o.Origin = "https://h:1/beta" },
		"no origin":        func(o *graph.Options) { o.Origin = "" },
		"short key":        func(o *graph.Options) { o.TokenKey = make([]byte, 16) },
	} {
		o := good
		change(&o)
		if _, err := graph.New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestClientGone: a client that leaves is counted, but is no fault of ours.
func TestClientGone(t *testing.T) {
	entered := make(chan struct{})
	w := newWorld(t, withVerifier(func(ctx context.Context, _ string) (auth.Principal, error) {
		close(entered)
		<-ctx.Done()
		return auth.Principal{}, ctx.Err()
	}))
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.origin+set, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer x")
	go func() {
		<-entered
		cancel()
	}()
	if resp, err := w.http.Do(r); err == nil {
		_ = resp.Body.Close()
		t.Error("the request was answered")
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		w.seen.mu.Lock()
		n := len(w.seen.list)
		w.seen.mu.Unlock()
		if n == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the request was not counted")
		}
		time.Sleep(time.Millisecond)
	}
	if strings.Contains(w.log.String(), "level=ERROR") {
		t.Errorf("logged as an error:\n%s", w.log.String())
	}
}
