package graph_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"cloudpki/internal/pgtest"
)

// onPostgres tells a run of these tests to keep its worlds on PostgreSQL.
const onPostgres = "GRAPH_TEST_POSTGRES"

// cluster is the PostgreSQL of this run; nil where worlds are on SQLite.
var cluster *pgtest.Cluster

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	if os.Getenv(onPostgres) == "" {
		return m.Run()
	}
	var err error
	if cluster, err = pgtest.Start(pgtest.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer cluster.Stop()
	return m.Run()
}

// databaseURL returns the address of an empty database.
func databaseURL(t testing.TB) string {
	if cluster != nil {
		return cluster.Database(t)
	}
	return "sqlite:" + filepath.Join(t.TempDir(), "cloudpki.db")
}

// TestOnPostgreSQL runs all tests of this package once more, on PostgreSQL.
func TestOnPostgreSQL(t *testing.T) {
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.skip=^TestOnPostgreSQL$", "-test.count=1")
	again.Env = append(os.Environ(), onPostgres+"=1")
	out, err := again.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
