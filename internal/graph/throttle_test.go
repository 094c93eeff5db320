package graph_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/auth"
	"cloudpki/internal/graph"
)

// throttle is what an answer says of budgets.
func throttle(h http.Header) map[string]string {
	said := map[string]string{}
	for _, name := range []string{
		"Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset",
		"x-ms-throttle-limit-percentage", "x-ms-throttle-scope", "x-ms-throttle-information",
	} {
		if v := h.Get(name); v != "" {
			said[name] = v
		}
	}
	return said
}

// TestTooManyRequests holds what a client is told on its way to the end of its
// budget, at it, and after the wait.
func TestTooManyRequests(t *testing.T) {
	w := newWorld(t, func(o *graph.Options) { o.Limits.PerMinute = 60 }) // ten at once, one a second
	left := func(n, reset int, share string) map[string]string {
		return map[string]string{
			"RateLimit-Limit": "10", "RateLimit-Remaining": strconv.Itoa(n), "RateLimit-Reset": strconv.Itoa(reset), "x-ms-throttle-limit-percentage": share,
		}
	}
	for i, want := range []map[string]string{{}, {}, {}, {}, {}, {}, {}, left(2, 8, "0.80"), left(1, 9, "0.90"), left(0, 10, "1.00")} {
		got := w.do("GET", set+"/$count", "")
		if diff := cmp.Diff(want, throttle(got.Header)); got.StatusCode != 200 || diff != "" {
			t.Errorf("request %d: %s\n%s", i+1, got.Status, diff)
		}
	}
	got := w.do("GET", set+"/$count", "", "client-request-id: mine")
	want := left(0, 10, "1.00")
	want["Retry-After"] = "1"
	want["x-ms-throttle-scope"] = "Tenant_Application/ReadWrite/client-a/" + tenantA
	want["x-ms-throttle-information"] = "ResourceUnitLimitExceeded"
	if diff := cmp.Diff(want, throttle(got.Header)); got.StatusCode != 429 || diff != "" {
		t.Errorf("past the budget: %s\n%s", got.Status, diff)
	}
	body := `{"error":{"code":"TooManyRequests","message":"Please retry again later.","innerError":{"code":"429","date":"2026-11-23T12:00:00",` +
		`"message":"Please retry after","status":"429","request-id":"` + got.Header.Get("request-id") + `","client-request-id":"mine"}}}`
	if diff := cmp.Diff(body, got.body); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	other := "Authorization: Bearer " + w.token(tenantA, "other", auth.ScopeRead)
	if got := w.do("GET", set+"/$count", "", other); got.StatusCode != 200 {
		t.Errorf("another client: %s", got.Status)
	}
	if got := w.do("GET", "/beta/$metadata", ""); got.StatusCode != 200 {
		t.Errorf("the metadata, which nobody's budget pays for: %s", got.Status)
	}
	w.clock.Move(time.Second)
	if got := w.do("GET", set+"/$count", ""); got.StatusCode != 200 {
		t.Errorf("after waiting as told: %s", got.Status)
	}
}

// TestTenantBudget: the clients of a tenant share one, which a client that is
// refused does not use up.
func TestTenantBudget(t *testing.T) {
	w := newWorld(t, func(o *graph.Options) { o.Limits.PerMinute, o.Limits.TenantPerMinute = 60, 90 }) // 10 and 15 at once
	ask := func(tenant, client string) answer {
		return w.do("GET", set+"/$count", "", "Authorization: Bearer "+w.token(tenant, client, auth.ScopeRead))
	}
	for i := range 30 {
		if got := ask(tenantA, "one"); (got.StatusCode == 200) != (i < 10) {
			t.Fatalf("client one, request %d: %s", i+1, got.Status)
		}
	}
	for i := range 5 {
		if got := ask(tenantA, "two"); got.StatusCode != 200 {
			t.Fatalf("client two, request %d: %s", i+1, got.Status)
		}
	}
	got := ask(tenantA, "two")
	if scope := got.Header.Get("x-ms-throttle-scope"); got.StatusCode != 429 || scope != "Tenant/ReadWrite/two/"+tenantA || got.Header.Get("Retry-After") != "1" {
		t.Errorf("past the tenant's budget: %s, scope %q, Retry-After %q", got.Status, scope, got.Header.Get("Retry-After"))
	}
	if got := ask(tenantB, "one"); got.StatusCode != 200 {
		t.Errorf("another tenant: %s", got.Status)
	}
}

// TestRefusedTokensAreCounted: guessing is slowed down, but whoever has a valid
// token is answered, also from the address of those who guess.
func TestRefusedTokensAreCounted(t *testing.T) {
	w := newWorld(t, func(o *graph.Options) { o.Limits.FailuresPerMinute = 30 }) // five at once, one in two seconds
	bad := func() answer { return w.do("GET", set, "", "Authorization: Bearer x") }
	for i := range 5 {
		if got := bad(); got.StatusCode != 401 {
			t.Fatalf("refusal %d: %s", i+1, got.Status)
		}
	}
	if got := bad(); got.StatusCode != 429 || got.Header.Get("Retry-After") != "2" || got.Header.Get("WWW-Authenticate") != "" {
		t.Errorf("past the budget: %s, Retry-After %q", got.Status, got.Header.Get("Retry-After"))
	}
	if got := w.do("GET", set, ""); got.StatusCode != 200 {
		t.Errorf("a valid token from the same address: %s", got.Status)
	}
	w.clock.Move(2 * time.Second)
	if got := bad(); got.StatusCode != 401 {
		t.Errorf("after the wait: %s", got.Status)
	}
}

// TestOverload fills every door: requests whose tokens take long to verify.
func TestOverload(t *testing.T) {
	const doors = 4 * 3
	entered, leave, left := make(chan struct{}), make(chan struct{}), make(chan int)
	var calls atomic.Int64
	w := newWorld(t, func(o *graph.Options) {
		o.Limits.Concurrent = 3
		o.Verifier = verifierFunc(func(context.Context, string) (auth.Principal, error) {
			if calls.Add(1) <= doors {
				entered <- struct{}{}
				<-leave
			}
			return auth.Principal{Tenant: tenantA, Client: "c", Scopes: []string{auth.ScopeRead}}, nil
		})
	})
	for range doors {
		go func() { left <- w.do("GET", set, "").StatusCode }()
	}
	for range doors {
		<-entered
	}
	got := w.do("GET", set, "")
	if got.StatusCode != 503 || got.Header.Get("Retry-After") != "1" || got.object(t)["error"].(map[string]any)["code"] != "serviceNotAvailable" {
		t.Errorf("%s\n%s", got.Status, got.body)
	}
	for range doors {
		leave <- struct{}{}
		if status := <-left; status != 200 {
			t.Errorf("a request that was inside: %d", status)
		}
	}
	if got := w.do("GET", set, ""); got.StatusCode != 200 {
		t.Errorf("after the load: %s", got.Status)
	}
}

// TestSlowSendersHoldNobodyUp: clients of one tenant begin as many requests as
// they can and send no more of them. Others are answered, also in the same
// tenant, and the slow ones where they come to an end.
func TestSlowSendersHoldNobodyUp(t *testing.T) {
	const senders, share = 40, 4 // half of eight
	w := newWorld(t, func(o *graph.Options) { o.Limits.Concurrent = 8 })
	slow := make([]*slowSender, senders)
	answers := make(chan slowAnswer, senders)
	for i := range slow {
		slow[i] = w.sendSlowly(w.token(tenantA, fmt.Sprint("slow", i%4), auth.ScopeReadWrite))
		go func() { answers <- slowAnswer{i, slow[i].status()} }()
	}
	for range senders - share {
		a := <-answers
		if a.status != http.StatusTooManyRequests {
			t.Errorf("a slow request beyond the share is answered %d", a.status)
		}
		slow[a.sender] = nil
	}
	for _, tenant := range []string{tenantB, tenantA} {
		client := "Authorization: Bearer " + w.token(tenant, "quick", auth.ScopeReadWrite)
		for range 20 {
			if got := w.do("GET", set, "", client); got.StatusCode != 200 {
				t.Fatalf("a read in tenant %s: %s", tenant, got.Status)
			}
			if got := w.do("POST", set, "{}", client); tenant == tenantB && got.StatusCode != 201 {
				t.Fatalf("a create in tenant %s: %s", tenant, got.Status)
			}
		}
	}
	for _, sender := range slow {
		if sender == nil {
			continue
		}
		sender.finish()
		if a := <-answers; a.status != http.StatusCreated {
			t.Errorf("a slow request that came to its end is answered %d", a.status)
		}
	}
}

// A slowAnswer is the status that a sender was answered with.
type slowAnswer struct{ sender, status int }

// A slowSender has sent a create but for the last byte of its body.
type slowSender struct {
	w    *world
	conn *tls.Conn
}

func (w *world) sendSlowly(token string) *slowSender {
	w.t.Helper()
	config := w.http.Transport.(*http.Transport).TLSClientConfig.Clone()
	config.NextProtos, config.ServerName = []string{"http/1.1"}, "example.com"
	conn, err := tls.Dial("tcp", strings.TrimPrefix(w.origin, "https://"), config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{", set, token)
	if err != nil {
		w.t.Fatal(err)
	}
	return &slowSender{w, conn}
}

func (s *slowSender) finish() {
	if _, err := io.WriteString(s.conn, "}"); err != nil {
		s.w.t.Error(err)
	}
}

// status waits for the answer.
func (s *slowSender) status() int {
	resp, err := http.ReadResponse(bufio.NewReader(s.conn), nil)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// TestBodyLimit: the largest body is the operator's choice.
func TestBodyLimit(t *testing.T) {
	w := newWorld(t, func(o *graph.Options) { o.Limits.Body = 100 })
	for size, want := range map[int]int{100: http.StatusCreated, 101: http.StatusRequestEntityTooLarge} {
		if got := w.do("POST", set, "{}"+strings.Repeat(" ", size-2)); got.StatusCode != want {
			t.Errorf("%d bytes: %s, want %d", size, got.Status, want)
		}
	}
}
