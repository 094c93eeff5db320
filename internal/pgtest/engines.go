package pgtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// onPostgres tells a run of a test binary to keep its databases on PostgreSQL.
const onPostgres = "CLOUDPKI_TEST_POSTGRES"

// Engines runs all tests of a package twice, on SQLite and on PostgreSQL:
//
//	var engines pgtest.Engines
//
//	func TestMain(m *testing.M)          { os.Exit(engines.Main(m)) }
//	func TestOnPostgreSQL(t *testing.T) { engines.Again(t) }
//
// and opens what engines.URL returns. The zero value is ready for use.
type Engines struct {
	// Prepare fills the database with the address, and closes it. It is called
	// once: every database begins as a copy. Nil leaves them empty.
	Prepare func(ctx context.Context, url string) error

	cluster  *Cluster
	prepared sync.Once
	dir      string // of the SQLite file to copy
	fault    error
}

// prepared is the name of the database to copy.
const prepared = "prepared"

// Main runs the tests; on PostgreSQL it starts the cluster before.
func (e *Engines) Main(m *testing.M) int {
	var err error
	if os.Getenv(onPostgres) != "" {
		if e.cluster, err = Start(Options{}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer e.cluster.Stop()
	}
	if e.dir, err = os.MkdirTemp("", prepared); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(e.dir)
	return m.Run()
}

// Again runs all tests of the package but the calling one on PostgreSQL.
func (e *Engines) Again(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	again := exec.CommandContext(ctx, os.Args[0], "-test.skip=^"+t.Name()+"$", "-test.count=1")
	again.Env = append(os.Environ(), onPostgres+"=1")
	if out, err := again.CombinedOutput(); err != nil {
		t.Fatalf("on PostgreSQL: %v\n%s", err, out)
	}
}

// URL returns the address of a new database.
func (e *Engines) URL(tb testing.TB) string {
	tb.Helper()
	if e.Prepare != nil {
		e.prepared.Do(func() { e.fault = e.prepare(tb.Context()) })
	}
	if e.fault != nil {
		tb.Fatal(e.fault)
	}
	switch {
	case e.cluster != nil && e.Prepare != nil:
		return e.cluster.Copy(tb, prepared)
	case e.cluster != nil:
		return e.cluster.Database(tb)
	}
	file := filepath.Join(tb.TempDir(), "cloudpki.db")
	if e.Prepare != nil {
		if err := copyFile(file, filepath.Join(e.dir, prepared)); err != nil {
			tb.Fatal(err)
		}
	}
	return "sqlite:" + file
}

func (e *Engines) prepare(ctx context.Context) error {
	if e.cluster == nil {
		return e.Prepare(ctx, "sqlite:"+filepath.Join(e.dir, prepared))
	}
	if _, err := e.cluster.Make(ctx, prepared); err != nil {
		return err
	}
	return e.Prepare(ctx, e.cluster.URL(prepared))
}

func copyFile(to, from string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o600)
}
