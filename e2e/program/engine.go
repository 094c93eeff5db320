package program

import (
	"testing"

	"cloudpki/internal/pgtest"
)

// EachEngine runs a test on SQLite, where database is "", and on a PostgreSQL
// of its own, where it is the URL of an empty database.
func EachEngine(t *testing.T, run func(t *testing.T, database string)) {
	t.Helper()
	cluster, err := pgtest.Start(pgtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Stop() })
	t.Run("sqlite", func(t *testing.T) { run(t, "") })
	t.Run("postgresql", func(t *testing.T) { run(t, cluster.Database(t)) })
}
