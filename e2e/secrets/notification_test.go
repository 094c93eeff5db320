package secrets

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// state is the clientState of the subscriptions to change notifications.
func state() canary {
	return canary{"clientState", "canary+notifications/clientState~5c07ab19"}
}

// A receiver takes notifications at /take and refuses them at /fail.
type receiver struct {
	server *httptest.Server
	caFile string
	came   chan string // paths of deliveries
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{came: make(chan string, 100)}
	r.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if token := q.URL.Query().Get("validationToken"); token != "" {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, token)
			return
		}
		if q.URL.Path == "/fail" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		select {
		case r.came <- q.URL.Path:
		default:
		}
	}))
	t.Cleanup(r.server.Close)
	r.caFile = filepath.Join(t.TempDir(), "receiver.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.server.Certificate().Raw})
	if err := os.WriteFile(r.caFile, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	return r
}

// follow has one receiver take notifications and another refuse them, and
// reads, renews and ends their subscriptions.
func (w witness) follow(r *receiver) {
	var addresses []string
	for _, path := range []string{"/take", "/fail"} {
		body, err := json.Marshal(map[string]any{
			"changeType": "created,updated", "notificationUrl": r.server.URL + path, "resource": "cloudPkiSubscriptions",
			"expirationDateTime": time.Now().Add(time.Hour), "clientState": state().text,
		})
		if err != nil {
			w.t.Fatal(err)
		}
		var made struct{ ID, ClientState string }
		if err := w.api.Must(w.t, http.MethodPost, "/subscriptions", body, http.StatusCreated).Into(&made); err != nil || made.ClientState != state().text {
			w.t.Fatalf("the 201 does not give back the clientState: %v", err)
		}
		addresses = append(addresses, "/subscriptions/"+made.ID)
	}
	w.call(http.MethodPost, "/cloudPkiSubscriptions", []byte(`{"displayName":"followed"}`))
	for seen := map[string]bool{}; len(seen) < 2; {
		select {
		case path := <-r.came:
			seen[path] = true
		case <-w.t.Context().Done():
			w.t.Fatal("no notification came")
		}
	}
	for _, one := range addresses {
		w.call(http.MethodGet, one, nil)
		w.call(http.MethodGet, one+"/deadLetters", nil)
		w.call(http.MethodPatch, one, []byte(`{"clientState":"`+state().text+`"}`))
		w.call(http.MethodPost, one+"/reauthorize", nil)
	}
	w.call(http.MethodGet, "/subscriptions", nil)
	w.call(http.MethodDelete, addresses[0], nil)
}
