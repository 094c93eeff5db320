package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"cloudpki/e2e/program"
	"cloudpki/internal/casim"
	casimall "cloudpki/internal/casim/all"
)

// TestListingGoesOn: a program that is killed while it lists what has changed,
// at whatever call, goes on behind the last page that it had stored, by each of
// the ways to follow an inventory.
func TestListingGoesOn(t *testing.T) {
	binary := program.Build(t, "../..")
	program.EachEngine(t, func(t *testing.T, database string) {
		data := filepath.Join(t.TempDir(), "data")
		connection := program.Prepare(t, binary, data, database)
		p := &process{start: func() *os.Process {
			return program.Serve(t, binary, data, connection, "CLOUDPKI_SYNC_LEASE=5s").Process
		}}
		p.begin()
		t.Cleanup(p.kill)
		api := connection.Login(t)
		dialects := []string{"", "digicertOne", "ejbca", "entrustGateway"}
		if database != "" {
			dialects = dialects[2:] // each waits there until the lease of the dead process is over
		}
		for _, dialect := range dialects {
			listingGoesOn(t, api, p, dialect)
		}
	})
}

// A process is the program, which is killed and started again.
type process struct {
	start func() *os.Process

	mu  sync.Mutex
	now *os.Process
}

func (p *process) begin() {
	next := p.start()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = next
}

func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.now.Kill() // it may have ended
	_, _ = p.now.Wait()
}

// A caller counts the calls that a CA gets, and does something at one of them.
type caller struct {
	mu    sync.Mutex
	calls int
	at    int
	do    func()
}

func (c *caller) met(string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if c.calls == c.at {
		c.do() // the call is answered to nobody
	}
}

// arm counts from now on, and returns how many calls there were.
func (c *caller) arm(at int, do func()) (before int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, c.calls, c.at, c.do = c.calls, 0, at, do
	return before
}

func listingGoesOn(t *testing.T, api program.API, p *process, dialect string) {
	const page, first, more = 5, 10, 60
	follow := func() (*caller, followed) {
		c := new(caller)
		ca, err := casim.New(casim.Options{PageSize: page, Met: c.met})
		must(t, err)
		_, err = ca.Issue(first)
		must(t, err)
		s := subscribe(t, api, ca, dialect)
		s.await()
		_, err = ca.Issue(more)
		must(t, err)
		return c, s
	}
	c, s := follow()
	c.arm(0, nil)
	s.sync()
	s.await()
	whole := c.arm(0, nil)
	killedAt := whole * 2 / 3 // behind what comes before the first page

	c, s = follow()
	killed := make(chan struct{})
	c.arm(killedAt, func() { p.kill(); close(killed) })
	s.sync()
	select {
	case <-killed:
	case <-t.Context().Done():
		t.Fatalf("%s: the CA was not called %d times", s.address, killedAt)
	}
	c.arm(0, nil)
	p.begin()
	s.await()
	resumed := c.arm(0, nil)
	if n := s.count(); n != first+more {
		t.Errorf("%s: %d certificates are stored, want %d", s.address, n, first+more)
	}
	if resumed >= whole {
		t.Errorf("%s: after the kill the CA was called %d times, and a whole run takes %d: it began anew", s.address, resumed, whole)
	}
	t.Logf("%s: a whole run takes %d calls; killed at call %d, it went on with %d", s.address, whole, killedAt, resumed)
}

// A followed CA is subscribed to.
type followed struct {
	t       *testing.T
	api     program.API
	address string
}

func subscribe(t *testing.T, api program.API, ca *casim.CA, dialect string) followed {
	t.Helper()
	start, name := ca.Start, "symantec"
	for _, d := range casimall.Dialects() {
		if d.Name == dialect {
			name = dialect
			start = func(ctx context.Context, addr string) (*casim.Server, error) { return ca.StartAs(ctx, addr, d) }
		}
	}
	server, err := start(t.Context(), "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = server.Close() })
	pfx, password, err := ca.IssueRA("crash", time.Hour)
	must(t, err)
	body, err := json.Marshal(map[string]any{
		"cloudPkiProvider": name, "displayName": name, "serviceUri": server.URL, "serverCertificateAuthorities": ca.ServerCAs(),
		"credentials": map[string]any{"authenticationCertificate": pfx, "authenticationCertificatePassword": password},
	})
	must(t, err)
	s := followed{t, api, address(fmt.Sprintf("listing-%s-%d", name, time.Now().UnixNano()))}
	api.Must(t, http.MethodPost, s.address, body, http.StatusCreated)
	return s
}

func (s followed) sync() {
	s.t.Helper()
	s.api.Must(s.t, http.MethodPost, s.address+"/sync", nil, http.StatusAccepted)
}

// await waits until no run is open, and wants the last one to have succeeded.
func (s followed) await() {
	s.t.Helper()
	w := world{t: s.t, api: s.api}
	status, fault := w.outcome(filepath.Base(s.address), time.Now().Add(2*time.Minute))
	if status != "succeeded" {
		s.t.Fatalf("%s: syncStatus %q, %q", s.address, status, fault)
	}
}

func (s followed) count() (n int) {
	s.t.Helper()
	var list struct {
		Count int `json:"@odata.count"`
	}
	must(s.t, s.api.Must(s.t, http.MethodGet, fmt.Sprintf("%s/certificates?$count=true&$top=1", s.address), nil, http.StatusOK).Into(&list))
	return list.Count
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
