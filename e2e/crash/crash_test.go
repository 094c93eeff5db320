// Package crash kills the program as it works and looks at what is left.
package crash

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"sync"
	"testing"
	"time"

	"cloudpki/e2e/program"
	"cloudpki/internal/casim"
)

// writers work at the same time.
const writers = 4

// TestKill is about kill -9 at random moments under write load: what was
// acknowledged is there, and no run stays unfinished. -short and -rounds make
// it shorter or longer.
func TestKill(t *testing.T) {
	binary := program.Build(t, "../..")
	program.EachEngine(t, func(t *testing.T, database string) { kill(t, binary, database) })
}

func kill(t *testing.T, binary, database string) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	data := t.TempDir()
	connection := program.Prepare(t, binary, data, database)
	// A token of one process is as good at the next, whose keys are the same.
	start := func() *exec.Cmd {
		// No budget: the load is the point.
		return program.Serve(t, binary, data, connection, "CLOUDPKI_API_REQUESTS_PER_MINUTE=0", "CLOUDPKI_API_TENANT_REQUESTS_PER_MINUTE=0")
	}
	first := start()
	w := world{t: t, api: connection.Login(t), ca: startCA(t), objects: map[string]*object{}}
	program.Kill(first)
	for round := range *rounds {
		p := start()
		ctx, stop := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		for n := range writers {
			wait.Go(func() { w.write(ctx, fmt.Sprintf("w%d-r%d", n, round)) })
		}
		time.Sleep(time.Duration(20+random.IntN(180)) * time.Millisecond)
		if err := p.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		stop()
		wait.Wait()
		_ = p.Wait() // killed
	}
	p := start()
	defer program.Kill(p)
	w.check()
	w.awaitRuns()
}

// rounds is how often the program is killed.
var rounds = flag.Int("rounds", 100, "how often to kill the program")

func startCA(t *testing.T) *account {
	t.Helper()
	ca, err := casim.New(casim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ca.Issue(3); err != nil {
		t.Fatal(err)
	}
	server, err := ca.Start(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	pfx, password, err := ca.IssueRA("crash", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return &account{uri: server.URL, serverCA: ca.ServerCAs(), pfx: pfx, password: password}
}
