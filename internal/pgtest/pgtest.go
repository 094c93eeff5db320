// Package pgtest gives tests a real PostgreSQL: one throw-away cluster for a
// test binary, reached over a unix socket so that no port can clash, and a
// fresh database for every test that asks.
//
// A test binary starts the cluster in TestMain and stops it after m.Run:
//
//	func TestMain(m *testing.M) { os.Exit(run(m)) }
//
//	func run(m *testing.M) int {
//		cluster, err := pgtest.Start(pgtest.Options{})
//		if err != nil {
//			fmt.Fprintln(os.Stderr, err)
//			return 1
//		}
//		defer cluster.Stop()
//		...
//	}
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// ErrMissing says that PostgreSQL's server is not installed. Tests fail on it,
// so that no machine passes without having run them.
var ErrMissing = errors.New("PostgreSQL server not found; install it with: apt-get install postgresql")

// errRunning says that the server need not be started.
var errRunning = errors.New("start PostgreSQL: it runs already")

const (
	startTimeout = 30 * time.Second
	stopTimeout  = 15 * time.Second
)

// Options say how a cluster is set up. The zero value is right for most tests.
type Options struct {
	// Durable makes the server write through to the disk as in production.
	// Tests that kill it and read back need this; the others are faster without.
	Durable bool

	// Settings are further server parameters by name, as in postgresql.conf.
	Settings map[string]string
}

// A Cluster is a running PostgreSQL server of this process alone. Its methods
// are safe for concurrent use.
type Cluster struct {
	bin    string // folder of the server's programs
	dir    string // holds the data, the socket and the log
	attr   *syscall.SysProcAttr
	args   []string // of the server
	number atomic.Int64

	mu     sync.Mutex
	server *exec.Cmd
	exited chan struct{} // closed once server has been waited for
}

// Start makes a cluster in a new temporary folder and waits until it answers.
// As root it runs the server as user postgres, as PostgreSQL demands. The
// error is ErrMissing where PostgreSQL is not installed.
func Start(o Options) (*Cluster, error) {
	bin, err := findPrograms("/usr/lib/postgresql")
	if err != nil {
		return nil, err
	}
	// A socket's path is limited to 107 bytes: t.TempDir() would be too long.
	dir, err := os.MkdirTemp("/tmp", "pg")
	if err != nil {
		return nil, fmt.Errorf("make the cluster's folder: %w", err)
	}
	c := &Cluster{bin: bin, dir: dir, args: serverArgs(dir, o)}
	if err := c.create(o); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	if err := c.launch(); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// Database makes an empty database and returns its URL
// (postgres://postgres@/NAME?host=FOLDER). It is dropped when the test ends.
func (c *Cluster) Database(tb testing.TB) string {
	tb.Helper()
	return c.Copy(tb, "template1")
}

// Make makes an empty database that lasts as long as the cluster, to be copied,
// and returns its name.
func (c *Cluster) Make(ctx context.Context, name string) (string, error) {
	return name, c.sql(ctx, "CREATE DATABASE "+name)
}

// Copy is Database with a copy of the named database, to which nothing is
// connected.
func (c *Cluster) Copy(tb testing.TB, of string) string {
	tb.Helper()
	name := "test" + strconv.FormatInt(c.number.Add(1), 10)
	if err := c.sql(tb.Context(), "CREATE DATABASE "+name+" TEMPLATE "+of); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		// The test's own context is done by now.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), stopTimeout)
		defer cancel()
		if err := c.sql(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			tb.Error(err)
		}
	})
	return c.URL(name)
}

// URL returns the address of the named database.
func (c *Cluster) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/" + database}
	u.RawQuery = url.Values{"host": {c.dir}}.Encode()
	return u.String()
}

// Kill ends the server as a power cut would, without a word to its clients.
// Restart brings it back.
func (c *Cluster) Kill() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server == nil {
		return nil
	}
	// Its children notice that their parent is gone, and leave.
	return c.end(syscall.SIGKILL)
}

// Restart starts the server again after Kill, on the same data, and waits
// until it has recovered.
func (c *Cluster) Restart() error {
	deadline := time.Now().Add(startTimeout)
	for {
		// The children of the killed server hold its memory for a moment more,
		// and a new server refuses to start next to them.
		err := c.launch()
		if err == nil || errors.Is(err, errRunning) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Stop ends the server and removes all that it wrote.
func (c *Cluster) Stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	if c.server != nil {
		err = c.end(syscall.SIGQUIT)
	}
	return errors.Join(err, os.RemoveAll(c.dir))
}

// sql runs one statement through psql, so that this package needs no driver.
func (c *Cluster) sql(ctx context.Context, statement string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement, c.URL("postgres"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run %q: %w: %s", statement, err, out)
	}
	return nil
}
