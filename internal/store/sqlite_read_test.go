package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"cloudpki/internal/pki"
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

// TestSQLiteInterruptIsTold interrupts where no statement is running: what was
// read so far must not pass for all there is.
func TestSQLiteInterruptIsTold(t *testing.T) {
	e := openFile(t)
	for name, when := range map[string]int{"before the first row": 0, "between rows": 1} {
		ctx, stop := context.WithCancel(t.Context())
		var list []int64
		err := e.read(ctx, func(c conn) (err error) {
			if when == 0 {
				stop()
			}
			list, err = all(ctx, c, func(r rows) (int64, error) {
				stop()
				return scanNumber(r)
			}, "SELECT 1 UNION SELECT 2 UNION SELECT 3")
			return err
		})
		stop()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: read %v, %v; want context.Canceled", name, list, err)
		}
	}
}

// TestSQLitePingPassesReaders has all readers busy with queries without end.
func TestSQLitePingPassesReaders(t *testing.T) {
	db := newDB(Options{})
	e := openFile(t)
	e.readTimeout = time.Second
	db.engine = e
	results := make(chan error)
	for range 2 * e.count { // as many again wait for their turn
		go func() {
			results <- e.view(t.Context(), func(c conn) error {
				_, _, err := first(t.Context(), c, scanNumber, endless)
				return err
			})
		}()
	}
	for e.stats().Busy < e.count {
		time.Sleep(time.Millisecond)
	}
	begun := time.Now()
	if err := db.Ping(t.Context()); err != nil || time.Since(begun) > e.readTimeout/2 {
		t.Errorf("ping: %v after %v, want an answer at once", err, time.Since(begun))
	}
	for range 2 * e.count {
		if err := <-results; pki.CodeOf(err) != pki.CodeUnavailable {
			t.Errorf("error is %v, want CodeUnavailable for what takes too long", err)
		}
	}
}

// TestSQLiteReaderSurvivesAPanic leaves a transaction and a statement behind.
func TestSQLiteReaderSurvivesAPanic(t *testing.T) {
	e := openFile(t)
	const text = "SELECT 1 UNION SELECT 2"
	for name, lend := range map[string]func(context.Context, func(conn) error) error{"read": e.read, "view": e.view} {
		for range e.count {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: the panic was lost", name)
					}
				}()
				err := lend(t.Context(), func(c conn) error {
					_, _, err := first(t.Context(), c, func(rows) (int, error) { panic("oops") }, text)
					return err
				})
				t.Errorf("%s returned %v", name, err)
			}()
		}
		for _, unclosed := range []bool{true, false} {
			for range e.count {
				err := lend(t.Context(), func(c conn) error {
					r, err := c.query(t.Context(), text)
					if err == nil && r.next() && !unclosed {
						err = r.close()
					}
					return err
				})
				if err != nil {
					t.Errorf("%s after a panic, unclosed %v: %v", name, unclosed, err)
				}
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
