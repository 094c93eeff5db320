package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

func openFile(t *testing.T) *sqliteEngine {
	t.Helper()
	e, err := openSQLite(t.Context(), filepath.Join(t.TempDir(), "cloudpki.db"), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// A query without end stands for one that takes too long.
const endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT COUNT(*) FROM n"

func TestSQLiteQueryIsInterrupted(t *testing.T) {
	e := openFile(t)
	for _, lend := range []func(context.Context, func(conn) error) error{e.read, e.view} {
		ctx, stop := context.WithTimeout(t.Context(), 30*time.Millisecond)
		err := lend(ctx, func(c conn) error {
			_, _, err := first(ctx, c, scanNumber, endless)
			return err
		})
		stop()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error is %v, want context.DeadlineExceeded", err)
		}
		// The connections are as good as before.
		for range e.count {
			err := lend(t.Context(), func(c conn) error {
				_, _, err := first(t.Context(), c, scanNumber, "SELECT 1")
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
	}
}

func TestSQLiteStatementsAreBounded(t *testing.T) {
	e := openFile(t)
	for i := range 3 * maxStatements {
		err := e.read(t.Context(), func(c conn) error {
			n, _, err := first(t.Context(), c, scanNumber, fmt.Sprint("SELECT ", i))
			if n != int64(i) {
				t.Errorf("got %d, want %d", n, i)
			}
			if kept := len(c.(*sqliteConn).statements); kept > maxStatements {
				t.Errorf("a connection keeps %d statements", kept)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}
