package store

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"cloudpki/internal/pki"
)

// TestSQLiteWriteThatCannotBeUndoneAlone keeps a write statement under way, so
// that its savepoint can neither be released nor undone.
func TestSQLiteWriteThatCannotBeUndoneAlone(t *testing.T) {
	e := openFile(t)
	var s *sqlite3.Stmt
	faulty := func(c conn) (err error) {
		s, _, err = c.(*sqliteConn).db.Prepare("INSERT INTO receipts (tenant, client, key, body_mac, id, created_at) VALUES ('t', 'c', 'faulty', x'00', 'i', 0) RETURNING 1")
		if err != nil || !s.Step() {
			t.Error("the statement is not under way", err)
		}
		return nil
	}
	hold, held := make(chan struct{}), make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		_ = e.write(t.Context(), func(conn) error { // shares the fate of the transaction
			close(held)
			<-hold
			return nil
		})
	})
	<-held
	result := make(chan error)
	go func() { result <- e.write(t.Context(), faulty) }()
	for e.stats().Queued < 1 {
		time.Sleep(time.Millisecond)
	}
	close(hold)
	if err := <-result; err == nil {
		t.Error("the write that cannot be released was told to be stored")
	}
	wait.Wait()
	_ = s.Close() // reports that it was undone
	err := e.write(t.Context(), func(c conn) error {
		_, err := c.exec(t.Context(), insertReceiptKey, "next")
		return err
	})
	if err != nil {
		t.Errorf("the next write: %v", err)
	}
	expectReceipts(t, e, "next")
}

const insertReceiptKey = "INSERT INTO receipts (tenant, client, key, body_mac, id, created_at) VALUES ('t', 'c', ?1, x'00', 'i', 0)"

// expectReceipts examines that the one receipt there is has this key.
func expectReceipts(t *testing.T, e *sqliteEngine, want string) {
	t.Helper()
	var keys []string
	err := e.read(t.Context(), func(c conn) (err error) {
		keys, err = all(t.Context(), c, scanText, "SELECT key FROM receipts")
		return err
	})
	if err != nil || len(keys) != 1 || keys[0] != want {
		t.Errorf("stored are %v, %v; want %s alone", keys, err, want)
	}
}

// A hiccup interrupts one statement.
type hiccup struct {
	context.Context

	over *bool
}

func (h hiccup) Err() error {
	if *h.over {
		return nil
	}
	*h.over = true
	return context.Canceled
}

// TestSQLiteWriteThatCannotBeReleased must leave nothing of what it was told to
// have failed.
func TestSQLiteWriteThatCannotBeReleased(t *testing.T) {
	e := openFile(t)
	for name, last := range map[string]func(*sqliteConn){
		"good":   func(*sqliteConn) {},
		"faulty": func(c *sqliteConn) { c.db.SetInterrupt(hiccup{t.Context(), new(false)}) },
	} {
		err := e.write(t.Context(), func(c conn) error {
			_, err := c.exec(t.Context(), insertReceiptKey, name)
			last(c.(*sqliteConn))
			return err
		})
		if (err != nil) != (name == "faulty") {
			t.Errorf("error is %v for the %s write", err, name)
		}
	}
	expectReceipts(t, e, "good")
}

// TestSQLiteWriteLeavesNoStatementUnderWay has writes that end in the middle of
// reading rows.
func TestSQLiteWriteLeavesNoStatementUnderWay(t *testing.T) {
	e := openFile(t)
	oops := errors.New("oops")
	for name, end := range map[string]func() error{
		"nil": func() error { return nil }, "an error": func() error { return oops }, "a panic": func() error { panic("oops") },
	} {
		for range 2 {
			err := e.write(t.Context(), func(c conn) error {
				r, err := c.query(t.Context(), "SELECT 1 UNION SELECT 2")
				if err != nil || !r.next() {
					t.Errorf("after %s: %v", name, err)
				}
				return end()
			})
			if (err != nil) != (name != "nil") {
				t.Errorf("error is %v for %s", err, name)
			}
		}
	}
}

// TestSQLiteWriteThatEndsItsGoroutine: nobody waits for a writer that is gone.
func TestSQLiteWriteThatEndsItsGoroutine(t *testing.T) {
	e := openFile(t)
	hold, held := make(chan struct{}), make(chan struct{})
	results := make(chan error)
	write := func(f func(conn) error) { results <- e.write(t.Context(), f) }
	go write(func(conn) error {
		close(held)
		<-hold
		runtime.Goexit() // as testing.T.FailNow does
		return nil
	})
	<-held
	go write(func(conn) error { return nil })
	for e.stats().Queued < 1 {
		time.Sleep(time.Millisecond)
	}
	close(hold)
	for range 2 {
		if err := <-results; pki.CodeOf(err) != pki.CodeUnavailable {
			t.Errorf("error is %v, want CodeUnavailable", err)
		}
	}
}
