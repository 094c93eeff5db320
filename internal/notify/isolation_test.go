package notify_test

import (
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"cloudpki/internal/notify"
	"cloudpki/internal/pki"
)

// hang holds a request until the test ends or the client goes.
func hang(entered chan<- struct{}, release <-chan struct{}) func(http.ResponseWriter, *http.Request, []byte) bool {
	var once sync.Once
	return func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
		once.Do(func() { close(entered) })
		select {
		case <-release:
		case <-r.Context().Done():
		}
		return false
	}
}

// trickle answers with a header that never ends.
func trickle(entered chan<- struct{}) func(http.ResponseWriter, *http.Request, []byte) bool {
	var once sync.Once
	return func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
		conn := hijack(w)
		defer conn.Close()
		once.Do(func() { close(entered) })
		text := []byte("HTTP/1.1 200 OK\r\nX-Slow: ")
		for i := 0; ; i++ {
			c := byte('a')
			if i < len(text) {
				c = text[i]
			}
			if _, err := conn.Write([]byte{c}); err != nil {
				return false
			}
			time.Sleep(time.Millisecond)
		}
	}
}

func hijack(w http.ResponseWriter) net.Conn {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	return conn
}

// A receiver that is dead, slow or hostile delays nothing else: those of the
// same tenant and of others get everything, in order, meanwhile.
func TestHostileReceiversDelayNobody(t *testing.T) {
	w := newWorld(t)
	w.sender.SetPatience(time.Hour) // so that nothing ends by itself
	inside := w.receiver(accept)
	hanging, trickling, release := make(chan struct{}), make(chan struct{}), make(chan struct{})
	defer close(release)
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request, []byte) bool{
		"hangs":    hang(hanging, release),
		"trickles": trickle(trickling),
		"fails": func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
			w.WriteHeader(http.StatusInternalServerError)
			return false
		},
		"redirects": func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			http.Redirect(w, r, inside.server.URL, http.StatusTemporaryRedirect)
			return false
		},
		"talks without end": func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
			for range 1 << 14 {
				if _, err := w.Write(make([]byte, 1<<14)); err != nil {
					break
				}
			}
			return false
		},
		"resets": func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
			_ = hijack(w).Close()
			return false
		},
	} {
		w.follow(tenantA, w.receiver(answer).server.URL+"/"+name[:1])
	}
	w.follow(tenantA, "https://127.0.0.1:1/") // nobody listens
	w.follow(tenantA, "https://10.0.0.1/")    // not public
	same, other := w.receiver(accept), w.receiver(accept)
	w.follow(tenantA, same.server.URL)
	w.follow(tenantB, other.server.URL)
	w.deliver("one")
	const objects = 30
	want := ""
	for i := range objects {
		id := pki.ID(fmt.Sprintf("s%02d", i))
		for _, tenant := range []pki.TenantID{tenantA, tenantB} {
			w.create(tenant, id)
			w.change(tenant, id)
			w.remove(tenant, id)
		}
		want += fmt.Sprintf("created %[1]s;updated %[1]s;deleted %[1]s;", id)
	}
	for _, r := range []*receiver{same, other} {
		if got := story(r.take(3 * objects)); got != want {
			t.Errorf("told %s", got)
		}
	}
	for _, holding := range []chan struct{}{hanging, trickling} {
		<-holding
	}
	inside.mu.Lock()
	defer inside.mu.Unlock()
	if len(inside.requests) != 0 {
		t.Error("a redirect was followed")
	}
}

// What stands in an answer's body is of no interest, however long it is.
func TestABodyIsNotWaitedFor(t *testing.T) {
	w := newWorld(t)
	release := make(chan struct{})
	r := w.receiver(func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-release
		return true
	})
	defer close(release)
	w.follow(tenantA, r.server.URL)
	w.create(tenantA, "x")
	stop := w.deliver("one")
	w.await(notify.OutcomeDelivered, 1) // or the test ends by its time limit
	stop()
}
