package app_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const clientState = "canary-of-the-client-state"

// A webhook is a receiver of notifications that can be switched off and on.
type webhook struct {
	t      *testing.T
	addr   string
	server *httptest.Server
	came   chan struct{}

	mu       sync.Mutex
	requests []*http.Request // with their bodies in place
	events   []string
	asked    int // handshakes
}

func newWebhook(t *testing.T) *webhook {
	t.Helper()
	h := &webhook{t: t, addr: "127.0.0.1:0", came: make(chan struct{}, 1)}
	h.on()
	t.Cleanup(func() { h.server.Close() })
	return h
}

// on listens, at the same address as before.
func (h *webhook) on() {
	h.t.Helper()
	listener, err := net.Listen("tcp", h.addr)
	if err != nil {
		h.t.Fatal(err)
	}
	h.addr = listener.Addr().String()
	h.server = httptest.NewUnstartedServer(h)
	_ = h.server.Listener.Close()
	h.server.Listener = listener
	h.server.StartTLS()
}

func (h *webhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		h.t.Error(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if token := r.URL.Query().Get("validationToken"); token != "" {
		h.asked++
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, token)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	r.Body = io.NopCloser(bytes.NewReader(body))
	h.requests = append(h.requests, r)
	var message struct {
		Value []struct{ ChangeType, Resource, ClientState, TenantID string }
	}
	if err := json.Unmarshal(body, &message); err != nil {
		h.t.Error(err)
	}
	for _, n := range message.Value {
		if n.ClientState != clientState || n.TenantID != "8c3f1c8e-0000-4000-8000-000000000001" {
			h.t.Errorf("notification is %+v", n)
		}
		h.events = append(h.events, n.ChangeType+" "+n.Resource)
	}
	select {
	case h.came <- struct{}{}:
	default:
	}
}

// await waits for n notifications in all.
func (h *webhook) await(n int) []string {
	h.t.Helper()
	for {
		h.mu.Lock()
		events := slices.Clone(h.events)
		h.mu.Unlock()
		if len(events) >= n {
			return events
		}
		select {
		case <-h.came:
		case <-h.t.Context().Done():
			h.t.Fatalf("waited in vain; there have come %q", events)
		}
	}
}

// login returns a caller of the API that is good for the life of s.
func (s *service) login() func(method, path, body string, want int) map[string]any {
	s.t.Helper()
	form := "grant_type=client_credentials&client_id=test&client_secret=a-secret-that-nobody-guesses&scope=https://localhost:8443/.default"
	resp, err := s.client.Post(s.base+"/8c3f1c8e-0000-4000-8000-000000000001/oauth2/v2.0/token", "application/x-www-form-urlencoded", strings.NewReader(form))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var token struct {
		Text string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&token); err != nil || token.Text == "" {
		s.t.Fatalf("no token: %d %v", resp.StatusCode, err)
	}
	return func(method, path, body string, want int) map[string]any {
		s.t.Helper()
		req, err := http.NewRequestWithContext(s.t.Context(), method, s.base+"/beta/"+path, strings.NewReader(body))
		if err != nil {
			s.t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token.Text)
		req.Header.Set("Content-Type", "application/json")
		resp, err := s.client.Do(req)
		if err != nil {
			s.t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != want {
			s.t.Fatalf("%s %s: %d %v\n%s", method, path, resp.StatusCode, err, text)
		}
		var answer map[string]any
		_ = json.Unmarshal(text, &answer) // a 204 has none
		return answer
	}
}

// awaitFigure waits until a figure is no longer 0.
func (s *service) awaitFigure(name string) {
	s.t.Helper()
	for {
		if _, text := s.get("/metrics"); !strings.Contains(text, name+" 0\n") && strings.Contains(text, name) {
			return
		}
		select {
		case <-s.t.Context().Done():
			s.t.Fatalf("%s stays 0", name)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestNotifications follows changes with the whole service, while the receiver
// and the service itself come and go.
func TestNotifications(t *testing.T) {
	hook := newWebhook(t)
	cfg := settings(t)
	cfg.Outbound.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	cfg.Notifications.CAFile = filepath.Join(t.TempDir(), "receiver.pem")
	write(t, cfg.Notifications.CAFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hook.server.Certificate().Raw})), 0o600)
	s := start(t, cfg, nil)
	call := s.login()
	call("POST", "subscriptions", fmt.Sprintf(`{"changeType":"created,updated,deleted","notificationUrl":"https://%[1]s/hook","lifecycleNotificationUrl":"https://%[1]s/life",
		"resource":"cloudPkiSubscriptions","expirationDateTime":%[2]q,"clientState":%[3]q}`, hook.addr, time.Now().Add(time.Hour).UTC().Format(time.RFC3339), clientState), 201)
	if hook.asked != 2 {
		t.Errorf("%d addresses were validated", hook.asked)
	}
	call("POST", "cloudPkiSubscriptions/x", `{"displayName":"x"}`, 201)
	call("PATCH", "cloudPkiSubscriptions/x", `{"displayName":"y"}`, 200)
	call("DELETE", "cloudPkiSubscriptions/x", "", 204)
	want := []string{"created cloudPkiSubscriptions/x", "updated cloudPkiSubscriptions/x", "deleted cloudPkiSubscriptions/x"}
	if diff := cmp.Diff(want, hook.await(3)); diff != "" {
		t.Errorf("notifications (-want +got):\n%s", diff)
	}
	hook.verify(s)
	s.awaitFigure(`cloudpki_notifications_total{outcome="delivered"}`)

	hook.server.Close()
	call("POST", "cloudPkiSubscriptions/z", `{}`, 201)
	s.awaitFigure(`cloudpki_notifications_total{outcome="failed"}`)
	s.awaitFigure("cloudpki_notifications_queued")
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s = start(t, cfg, nil)
	call = s.login()
	call("PATCH", "cloudPkiSubscriptions/z", `{"displayName":"z"}`, 200)
	call("DELETE", "cloudPkiSubscriptions/z", "", 204)
	hook.on()
	want = append(want, "created cloudPkiSubscriptions/z", "updated cloudPkiSubscriptions/z", "deleted cloudPkiSubscriptions/z")
	if diff := cmp.Diff(want, hook.await(6)); diff != "" {
		t.Errorf("notifications (-want +got):\n%s", diff)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(cfg.Data.Directory, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		if text, err := os.ReadFile(file); err != nil || bytes.Contains(text, []byte(clientState)) {
			t.Errorf("%s holds the clientState, or cannot be read: %v", file, err)
		}
	}
}

// verify checks the signature of each delivery with the published key, as the
// documentation tells receivers to.
func (h *webhook) verify(s *service) {
	h.t.Helper()
	_, text := s.get("/.well-known/notification-keys")
	var set struct{ Keys []struct{ X string } }
	if err := json.Unmarshal([]byte(text), &set); err != nil || len(set.Keys) != 1 {
		h.t.Fatalf("keys are %s: %v", text, err)
	}
	key, err := base64.RawURLEncoding.DecodeString(set.Keys[0].X)
	if err != nil {
		h.t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.requests {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			h.t.Fatal(err)
		}
		signature, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("webhook-signature"), "v1a,"))
		signed := r.Header.Get("webhook-id") + "." + r.Header.Get("webhook-timestamp") + "." + string(body)
		if err != nil || !ed25519.Verify(key, []byte(signed), signature) {
			h.t.Errorf("a signature does not verify: %v %v", r.Header, err)
		}
	}
}
