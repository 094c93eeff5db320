package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"cloudpki/internal/pgtest"
	"cloudpki/internal/store"
	"cloudpki/internal/store/storetest"
)

// cluster is the PostgreSQL server of this test binary.
var cluster *pgtest.Cluster

// prepared are databases whose tables are made: the content of a file, and a
// name.
var prepared struct {
	sqlite   []byte
	postgres string
}

func prepare(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "prepared")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "cloudpki.db")
	if prepared.postgres, err = cluster.Make(ctx, "prepared"); err != nil {
		return err
	}
	for _, url := range []string{"sqlite:" + file, cluster.URL(prepared.postgres)} {
		db, err := store.Open(ctx, store.Options{URL: url})
		if err != nil {
			return err
		}
		if err := db.Close(); err != nil {
			return err
		}
	}
	prepared.sqlite, err = os.ReadFile(file)
	return err
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if cluster, err = pgtest.Start(pgtest.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := 1
	if err := prepare(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	if err := cluster.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

// The stores of most tests begin as copies of one whose tables are made.
func openSQLite(tb testing.TB) *store.DB {
	tb.Helper()
	return open(tb, "sqlite:"+cloneSQLite(tb))
}

// cloneSQLite returns the path of a new file with the tables.
func cloneSQLite(tb testing.TB) string {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "cloudpki.db")
	if err := os.WriteFile(file, prepared.sqlite, 0o600); err != nil {
		tb.Fatal(err)
	}
	return file
}

func openPostgres(tb testing.TB) *store.DB {
	tb.Helper()
	return open(tb, cluster.Copy(tb, prepared.postgres))
}

func open(tb testing.TB, url string) *store.DB {
	tb.Helper()
	db, err := store.Open(tb.Context(), store.Options{URL: url})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

func TestSQLite(t *testing.T) { storetest.Run(t, openSQLite) }

func TestPostgres(t *testing.T) { storetest.Run(t, openPostgres) }
