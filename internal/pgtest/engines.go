package pgtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
type Engines struct{ cluster *Cluster }

// Main runs the tests; on PostgreSQL it starts the cluster before.
func (e *Engines) Main(m *testing.M) int {
	if os.Getenv(onPostgres) == "" {
		return m.Run()
	}
	var err error
	if e.cluster, err = Start(Options{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer e.cluster.Stop()
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

// URL returns the address of an empty database.
func (e *Engines) URL(tb testing.TB) string {
	tb.Helper()
	if e.cluster != nil {
		return e.cluster.Database(tb)
	}
	return "sqlite:" + filepath.Join(tb.TempDir(), "cloudpki.db")
}
