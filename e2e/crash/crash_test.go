// Package crash kills the program as it works and looks at what is left.
package crash

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"cloudpki/e2e/program"
	"cloudpki/internal/casim"
	"cloudpki/internal/pgtest"
)

const (
	writers   = 4
	startTime = 20 * time.Second
)

// TestKill is about kill -9 at random moments under write load: what was
// acknowledged is there, and no run stays unfinished. -short and -rounds make
// it shorter or longer.
func TestKill(t *testing.T) {
	binary := program.Build(t, "../..")
	cluster, err := pgtest.Start(pgtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cluster.Stop() })
	for name, database := range map[string]string{"sqlite": "", "postgresql": cluster.Database(t)} {
		t.Run(name, func(t *testing.T) { kill(t, binary, database) })
	}
}

func kill(t *testing.T, binary, database string) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	data := t.TempDir()
	connection := prepare(t, binary, data, database)
	// A token of one process is as good at the next, whose keys are the same.
	first := serve(t, binary, data, connection)
	w := world{t: t, api: connection.Login(t), ca: startCA(t), objects: map[string]*object{}}
	_, _ = first.Process.Kill(), first.Wait()
	for round := range *rounds {
		p := serve(t, binary, data, connection)
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
	p := serve(t, binary, data, connection)
	defer func() { _, _ = p.Process.Kill(), p.Wait() }()
	w.check()
	w.awaitRuns()
}

// rounds is how often the program is killed.
var rounds = flag.Int("rounds", 100, "how often to kill the program")

// prepare lets `cloudpki dev --once` make a data directory with its clients.
func prepare(t *testing.T, binary, data, database string) program.Connection {
	t.Helper()
	args := []string{"dev", "--data", data, "--once", "--listen", "127.0.0.1:0"}
	if database != "" {
		args = append(args, "--database", database)
	}
	if out, err := exec.CommandContext(t.Context(), binary, args...).CombinedOutput(); err != nil {
		t.Fatalf("prepare: %v\n%s", err, out)
	}
	return program.ReadConnection(t, filepath.Join(data, "dev.json"))
}

// serve starts `cloudpki serve` and waits until it is ready.
func serve(t *testing.T, binary, data string, c program.Connection) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(binary, "serve", "--config", filepath.Join(data, "cloudpki.yaml"))
	log, err := os.OpenFile(filepath.Join(data, "log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "CLOUDPKI_API_REQUESTS_PER_MINUTE=0") // no budget: the load is the point
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), startTime)
	defer stop()
	if err := program.AwaitReady(ctx, c.HTTPClient(t), c.Authority); err != nil {
		text, _ := os.ReadFile(filepath.Join(data, "log"))
		t.Fatalf("%v\n%s", err, tail(text))
	}
	return cmd
}

func tail(text []byte) []byte { return text[max(0, len(text)-4000):] }

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
