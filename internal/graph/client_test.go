package graph_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/auth/issuer"
	"cloudpki/internal/graph"
	"cloudpki/internal/secret"
)

func (w *world) client() *graph.Client {
	return &graph.Client{
		Origin: w.origin, HTTP: w.http,
		Token: func(context.Context) (string, error) { return w.admin(), nil },
		Wait: func(_ context.Context, d time.Duration) error {
			w.clock.Move(d)
			return nil
		},
	}
}

// TestClient takes a subscription through its life.
func TestClient(t *testing.T) {
	w := newWorld(t)
	w.fill()
	c, ctx := w.client(), t.Context()
	created, err := c.CreateSubscription(ctx, "", map[string]any{"displayName": "New", "cloudPkiProvider": "ejbca", "credentials": map[string]any{"adminUserName": "u"}})
	if err != nil || created.ID == "" || *created.DisplayName != "New" || *created.Credentials.UserName != "u" || created.ETag == "" {
		t.Fatalf("create: %+v, %v", created, err)
	}
	if named, err := c.CreateSubscription(ctx, "na~me", map[string]any{}); err != nil || named.ID != "na~me" || !named.LastSync.IsZero() {
		t.Errorf("create with an id: %+v, %v", named, err)
	}
	read, err := c.Subscription(ctx, created.ID, "displayName", "credentialInfo", "nextSyncDateTime")
	if err != nil || read.Info == nil || !read.Info.HasUserName || read.NextSync == nil || !read.NextSync.Equal(w.clock.Now()) {
		t.Errorf("read: %+v, %v", read, err)
	}
	changed, err := c.UpdateSubscription(ctx, created.ID, created.ETag, map[string]any{"displayName": "Newer", "description": nil})
	if err != nil || *changed.DisplayName != "Newer" || changed.Version != 2 {
		t.Errorf("update: %+v, %v", changed, err)
	}
	var refused *graph.ResponseError
	_, err = c.UpdateSubscription(ctx, created.ID, created.ETag, map[string]any{"displayName": "Newest"})
	if !errors.As(err, &refused) || refused.Status != 412 || refused.Code != "resourceModified" || refused.RequestID == "" {
		t.Errorf("update of what has changed: %v", err)
	}
	if _, err := c.Sync(ctx, "alpha"); err != nil {
		t.Errorf("sync: %v", err)
	}
	run, err := c.Sync(ctx, "alpha")
	if got, err2 := c.Run(ctx, "alpha", run); err != nil || err2 != nil || got.ID != run || got.IsOver() || got.Trigger != "manual" {
		t.Errorf("run: %+v, %v, %v", got, err, err2)
	}
	if err := c.DeleteSubscription(ctx, created.ID, changed.ETag); err != nil {
		t.Errorf("delete: %v", err)
	}
	_, err = c.Subscription(ctx, created.ID)
	if !errors.As(err, &refused) || refused.Status != 404 || !strings.Contains(err.Error(), refused.RequestID) {
		t.Errorf("read what was deleted: %v", err)
	}
}

// TestClientLists follows the pages of every set.
func TestClientLists(t *testing.T) {
	w := newWorld(t)
	w.fill()
	c, ctx := w.client(), t.Context()
	one := graph.ListOptions{Top: 1}
	var names []string
	for s, err := range c.Subscriptions(ctx, graph.ListOptions{Top: 1, OrderBy: "displayName desc", Filter: "version ge 1", Select: []string{"displayName"}}) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, s.ID)
	}
	if fmt.Sprint(names) != "[alpha bare]" {
		t.Errorf("subscriptions %v", names)
	}
	counts := map[string]int{}
	for x, err := range c.Certificates(ctx, "alpha", one) {
		if err != nil || x.Subject == nil || x.DER != nil {
			t.Fatalf("%+v, %v", x, err)
		}
		single, err := c.Certificate(ctx, "alpha", x.ID)
		if err != nil || len(single.DER) == 0 {
			t.Errorf("single certificate: %+v, %v", single, err)
		}
		counts["certificates"]++
	}
	for a, err := range c.Authorities(ctx, "alpha", one) {
		if err != nil || len(a.DER) == 0 || a.State != "trusted" {
			t.Fatalf("%+v, %v", a, err)
		}
		counts["authorities"]++
	}
	for r, err := range c.Runs(ctx, "alpha", one) {
		if err != nil || !r.IsOver() || r.Found != 4 || len(r.Stages) != 2 || *r.Total != 4 {
			t.Fatalf("%+v, %v", r, err)
		}
		counts["runs"]++
	}
	if fmt.Sprint(counts) != "map[authorities:2 certificates:3 runs:1]" {
		t.Errorf("counts %v", counts)
	}
	for _, err := range c.Certificates(ctx, "nobody", one) {
		var refused *graph.ResponseError
		if !errors.As(err, &refused) || refused.Code != "ResourceNotFound" {
			t.Errorf("a list that is not there: %v", err)
		}
	}
	for range c.Certificates(ctx, "alpha", one) {
		break // an iteration may be left
	}
}

// TestClientIsPatient: 429 and 503 are repeated after the time that is named.
func TestClientIsPatient(t *testing.T) {
	w := newWorld(t, func(o *graph.Options) { o.Limits.PerMinute = 6 })
	c := w.client()
	began := w.clock.Now()
	for range 4 {
		if _, err := c.CreateSubscription(t.Context(), "", map[string]any{}); err != nil {
			t.Fatal(err)
		}
	}
	if took := w.clock.Now().Sub(began); took != 30*time.Second {
		t.Errorf("waited %s, want three times 10 s", took)
	}
}

func TestClientGivesUp(t *testing.T) {
	var asked atomic.Int64
	retry := "1"
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Retry-After", retry)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer s.Close()
	c := &graph.Client{
		Origin: s.URL, HTTP: s.Client(), Token: func(context.Context) (string, error) { return "t", nil },
		Wait: func(context.Context, time.Duration) error { return nil },
	}
	var refused *graph.ResponseError
	if _, err := c.Subscription(t.Context(), "x"); !errors.As(err, &refused) || refused.Status != 503 || refused.RetryAfter != time.Second || asked.Load() != 4 {
		t.Errorf("%d requests, %v; want 4", asked.Load(), err)
	}
	retry = "3600"
	asked.Store(0)
	if _, err := c.Subscription(t.Context(), "x"); err == nil || asked.Load() != 1 {
		t.Errorf("an hour's wait: %d requests, %v; want 1", asked.Load(), err)
	}
	c.Wait, retry = nil, "1"
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Subscription(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a wait beyond the deadline: %v", err)
	}
}

// TestClientKeepsItsToken: wherever an answer leads, the token goes to the
// service alone.
func TestClientKeepsItsToken(t *testing.T) {
	var stolen atomic.Bool
	thief := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stolen.Store(true) }))
	defer thief.Close()
	answers := map[string]func(http.ResponseWriter, *http.Request){
		"link": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"value":[{"id":"a"}],"@odata.nextLink":"`+thief.URL+`/beta"}`)
		},
		"plain link": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"value":[{"id":"a"}],"@odata.nextLink":"http://`+r.Host+`/beta"}`)
		},
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, thief.URL, http.StatusTemporaryRedirect)
		},
	}
	for name, answer := range answers {
		s := httptest.NewTLSServer(http.HandlerFunc(answer))
		c := &graph.Client{Origin: s.URL, HTTP: s.Client(), Token: func(context.Context) (string, error) { return "CANARY", nil }}
		var last error
		for _, err := range c.Subscriptions(t.Context(), graph.ListOptions{}) {
			last = err
		}
		if last == nil || strings.Contains(last.Error(), "CANARY") {
			t.Errorf("%s: %v", name, last)
		}
		s.Close()
	}
	if stolen.Load() {
		t.Error("somebody else was called")
	}
	http := &graph.Client{Origin: "http://127.0.0.1:1", Token: func(context.Context) (string, error) { return "CANARY", nil }}
	if _, err := http.Subscription(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "no token is sent") {
		t.Errorf("plain HTTP: %v", err)
	}
}

func TestClientReadsForeignAnswers(t *testing.T) {
	for body, want := range map[string]string{
		`<html>bad gateway</html>`: "not one of this service",
		`{"error":"invalid_client","error_description":"AADSTS7000215: no","trace_id":"tr"}`: "AADSTS7000215: no (HTTP 502, invalid_client, request-id tr)",
		`{"error":{"code":"X","message":"M","target":"T"}}`:                                  "T: M (HTTP 502, X)",
		``: "not one of this service",
	} {
		s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, body)
		}))
		c := &graph.Client{Origin: s.URL, HTTP: s.Client(), Token: func(context.Context) (string, error) { return "t", nil }}
		if _, err := c.Subscription(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
		s.Close()
	}
}

// TestTokenSource logs in to the embedded issuer over TLS.
func TestTokenSource(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	now := &clock{t: beginning}
	password := issuer.NewSecret()
	listening := httptest.NewUnstartedServer(nil)
	origin := "https://" + listening.Listener.Addr().String()
	login, err := issuer.New(issuer.Options{
		Origin: origin, Tenants: []string{tenantA}, Keys: []crypto.Signer{key}, Now: now.Now, Log: slog.New(slog.DiscardHandler),
		Clients: []issuer.Client{{ID: "cli", Tenant: tenantA, Name: "CLI", SecretHashes: []issuer.SecretHash{issuer.HashSecret(password)}, Roles: []string{auth.ScopeReadWrite}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	listening.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		login.ServeHTTP(w, r)
	})
	listening.StartTLS()
	defer listening.Close()
	source := &graph.TokenSource{
		URL: origin + "/" + tenantA + "/oauth2/v2.0/token", ClientID: "cli", Secret: password.Reveal,
		Scope: origin + "/.default", HTTP: listening.Client(), Now: now.Now,
	}
	verifier, err := auth.NewVerifier(t.Context(), auth.Options{Issuers: []auth.Issuer{login.Trusted()}, Now: now.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = verifier.Close() }()
	token, err := source.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if p, err := verifier.Verify(t.Context(), token); err != nil || p.Tenant != tenantA || p.Allows(auth.Write) != nil {
		t.Errorf("the token speaks for %+v, %v", p, err)
	}
	if again, err := source.Token(t.Context()); err != nil || again != token || asked.Load() != 1 {
		t.Errorf("asked %d times for one token, %v", asked.Load(), err)
	}
	now.Move(time.Hour)
	if _, err := source.Token(t.Context()); err != nil || asked.Load() != 2 {
		t.Errorf("after an hour: asked %d times, %v", asked.Load(), err)
	}
	wrong := &graph.TokenSource{
		URL: source.URL, ClientID: "cli", Secret: secret.NewString("CANARY").Reveal, Scope: source.Scope, HTTP: listening.Client(), Now: now.Now,
	}
	_, err = wrong.Token(t.Context())
	var refused *graph.ResponseError
	if !errors.As(err, &refused) || refused.Code != "invalid_client" || strings.Contains(err.Error(), "CANARY") {
		t.Errorf("a wrong secret: %v", err)
	}
	wrong.URL = "http://127.0.0.1:1/token"
	if _, err := wrong.Token(t.Context()); err == nil || strings.Contains(err.Error(), "CANARY") {
		t.Errorf("plain HTTP: %v", err)
	}
}

// TestClientRaw: what is shown as JSON is shown as the service sent it.
func TestClientRaw(t *testing.T) {
	w := newWorld(t)
	w.fill()
	c, ctx := w.client(), t.Context()
	got, err := c.Object(ctx, []string{"displayName"}, "cloudPkiSubscriptions", "alpha")
	if want := w.do("GET", "/beta/deviceManagement/cloudPkiSubscriptions/alpha?$select=displayName", "").body; err != nil || string(got) != want {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
	n := 0
	for object, err := range c.Objects(ctx, graph.ListOptions{Top: 2}, "cloudPkiSubscriptions", "alpha", "certificates") {
		if err != nil || !strings.Contains(string(object), `"@odata.type":"#microsoft.graph.cloudPkiCertificate"`) {
			t.Errorf("%s, %v", object, err)
		}
		n++
	}
	if n != 3 {
		t.Errorf("%d objects, want 3", n)
	}
}

// TestClientPassesFaultsOn: what fails before or after the exchange says so.
func TestClientPassesFaultsOn(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "cut") {
			w.Header().Set("Content-Length", "100")
		}
		_, _ = io.WriteString(w, `{"id":`)
	}))
	defer s.Close()
	errLogin := errors.New("no login")
	c := &graph.Client{Origin: s.URL, HTTP: s.Client(), Token: func(context.Context) (string, error) { return "", errLogin }}
	if _, err := c.Subscription(t.Context(), "x"); !errors.Is(err, errLogin) {
		t.Errorf("login fails: %v", err)
	}
	c.Token = func(context.Context) (string, error) { return "t", nil }
	for _, id := range []string{"broken", "cut"} {
		if _, err := c.Subscription(t.Context(), id); err == nil || !strings.Contains(err.Error(), "read answer") {
			t.Errorf("%s: %v", id, err)
		}
	}
	if _, err := c.CreateSubscription(t.Context(), "", func() {}); err == nil || !strings.Contains(err.Error(), "marshal body") {
		t.Errorf("a body that is no JSON: %v", err)
	}
	s.Close()
	if _, err := c.Subscription(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "call the service") {
		t.Errorf("nobody there: %v", err)
	}
}
