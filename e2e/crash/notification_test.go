package crash

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudpki/e2e/program"
)

// TestNotificationsSurvive: of every change that was acknowledged the receiver
// is told, in order, although the program is killed again and again.
func TestNotificationsSurvive(t *testing.T) {
	binary := program.Build(t, "../..")
	program.EachEngine(t, func(t *testing.T, database string) { notificationsSurvive(t, binary, database) })
}

// A listener is a receiver that remembers each notification once.
type listener struct {
	t    *testing.T
	came chan struct{}

	mu    sync.Mutex
	seen  map[string]bool     // ids of notifications
	story map[string][]string // change types by object
	total int
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if token := r.URL.Query().Get("validationToken"); token != "" {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, token)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender was killed
	}
	var message struct {
		Value []struct {
			ID, ChangeType string
			ResourceData   struct{ ID string }
		}
	}
	if err := json.Unmarshal(body, &message); err != nil {
		l.t.Error(err)
	}
	l.mu.Lock()
	for _, n := range message.Value {
		if !l.seen[n.ID] {
			l.seen[n.ID] = true
			l.total++
			l.story[n.ResourceData.ID] = append(l.story[n.ResourceData.ID], n.ChangeType)
		}
	}
	l.mu.Unlock()
	select {
	case l.came <- struct{}{}:
	default:
	}
}

func (l *listener) await(n int) {
	l.t.Helper()
	for {
		l.mu.Lock()
		total := l.total
		l.mu.Unlock()
		if total >= n {
			return
		}
		select {
		case <-l.came:
		case <-l.t.Context().Done():
			l.t.Fatalf("waited in vain: %d notifications of %d have come", total, n)
		}
	}
}

func notificationsSurvive(t *testing.T, binary, database string) {
	l := &listener{t: t, came: make(chan struct{}, 1), seen: map[string]bool{}, story: map[string][]string{}}
	receiver := httptest.NewTLSServer(l)
	t.Cleanup(receiver.Close)
	caFile := filepath.Join(t.TempDir(), "receiver.pem")
	if err := os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: receiver.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "data")
	connection := program.Prepare(t, binary, data, database)
	serve := func() func() {
		server := program.Serve(t, binary, data, connection, "CLOUDPKI_NOTIFICATIONS_CA_FILE="+caFile)
		return sync.OnceFunc(func() { program.Kill(server) })
	}
	kill := serve()
	defer func() { kill() }()
	api := connection.Login(t)
	made := send(t, api, "POST /subscriptions", fmt.Sprintf(`{"changeType":"created,updated,deleted","notificationUrl":%q,"resource":"cloudPkiSubscriptions","expirationDateTime":%q}`,
		receiver.URL, time.Now().Add(time.Hour).UTC().Format(time.RFC3339)))
	if !strings.HasPrefix(made, "201 ") {
		t.Fatal(made)
	}
	const rounds, objects, each = 4, 10, 4
	for round := range rounds {
		for i := range objects {
			address := fmt.Sprintf("/cloudPkiSubscriptions/r%do%d", round, i)
			for _, step := range []string{"POST", "PATCH", "PATCH", "DELETE"} {
				body := fmt.Sprintf(`{"displayName":"%s %d"}`, step, time.Now().UnixNano())
				if step == "DELETE" {
					body = ""
				}
				if got := send(t, api, step+" "+address, body); got[0] != '2' {
					t.Fatalf("%s %s: %s", step, address, got)
				}
			}
		}
		kill() // with whatever is under way
		kill = serve()
	}
	l.await(rounds * objects * each)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.story) != rounds*objects {
		t.Errorf("told of %d objects, want %d", len(l.story), rounds*objects)
	}
	for object, story := range l.story {
		if got := strings.Join(story, " "); got != "created updated updated deleted" {
			t.Errorf("of %s told: %s", object, got)
		}
	}
}
