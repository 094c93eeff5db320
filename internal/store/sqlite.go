package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
)

func sqliteDialect() dialect { return dialect{contains: "instr", hints: true} }

// A sqliteEngine is a SQLite file in WAL mode: one connection writes
// (sqliteWriter), the others read, and readers never wait for the writer.
type sqliteEngine struct {
	lock        io.Closer
	writer      *sqliteWriter
	readers     chan *sqliteConn // the idle ones
	count       int              // of readers
	probe       chan *sqliteConn // the one of ping, which must not wait for readers
	readTimeout time.Duration
	closed      atomic.Bool
	closing     chan struct{}
}

const (
	minReaders = 2
	maxReaders = 8

	// busyTimeout is how long a statement waits for a foreign program, such as
	// a backup, that has the file locked.
	busyTimeout = 10 * time.Second

	// readTimeout is how long a reader may wait for its turn and read, as long
	// as a statement may take on PostgreSQL.
	readTimeout = 30 * time.Second

	// lockName is the file whose lock says who has the data directory open.
	lockName = "cloudpki.lock"

	// sqliteHasTable counts the tables called ?1.
	sqliteHasTable = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = ?1"

	// shredTimeout is how long writes wait for a reader to leave the log.
	shredTimeout = 50 * time.Millisecond
)

// openSQLite opens the file at path, which is made where it does not exist.
// vfs names another file system for tests; "" is that of the operating system.
func openSQLite(ctx context.Context, path, vfs string) (_ *sqliteEngine, err error) {
	if path == "" {
		return nil, errors.New("the path of the SQLite file is missing behind sqlite: in the database URL")
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("find the SQLite file: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	e := &sqliteEngine{readTimeout: readTimeout, closing: make(chan struct{})}
	if e.lock, err = lockFile(filepath.Join(filepath.Dir(path), lockName)); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.lock.Close())
		}
	}()
	if err := createPrivate(path); err != nil {
		return nil, err
	}
	address := sqliteAddress(path, vfs)
	first, err := openSQLiteConn(ctx, address, true)
	if err != nil {
		return nil, err
	}
	if err := migrateSQLite(ctx, first, address); err != nil {
		return nil, errors.Join(err, first.close())
	}
	e.writer = startWriter(first)
	if err := e.openReaders(ctx, address); err != nil {
		return nil, errors.Join(err, e.closeConns())
	}
	return e, nil
}

// createPrivate makes the file readable by its owner alone. What SQLite puts
// next to it gets the same mode (modeof).
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("make the SQLite file: %w", err)
	}
	return f.Close()
}

func sqliteAddress(path, vfs string) string {
	query := url.Values{"modeof": {path}}
	if vfs != "" {
		query.Set("vfs", vfs)
	}
	u := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: query.Encode()}
	return u.String()
}

func (e *sqliteEngine) openReaders(ctx context.Context, address string) error {
	e.count = min(max(runtime.GOMAXPROCS(0), minReaders), maxReaders)
	e.readers = make(chan *sqliteConn, e.count)
	for i := range e.count {
		c, err := openSQLiteConn(ctx, address, false)
		if err != nil {
			e.count = i
			return err
		}
		e.readers <- c
	}
	c, err := openSQLiteConn(ctx, address, false)
	if err != nil {
		return err
	}
	e.probe = make(chan *sqliteConn, 1)
	e.probe <- c
	return nil
}

func (e *sqliteEngine) read(ctx context.Context, f func(conn) error) error {
	return e.lend(ctx, e.readers, func(c *sqliteConn) error { return f(c) })
}

func (e *sqliteEngine) view(ctx context.Context, f func(conn) error) error {
	return e.lend(ctx, e.readers, func(c *sqliteConn) error {
		if _, err := c.run("BEGIN", nil); err != nil {
			return err
		}
		return f(c) // lend ends the transaction
	})
}

func (e *sqliteEngine) ping(ctx context.Context) error {
	return e.lend(ctx, e.probe, func(c *sqliteConn) error {
		_, _, err := first(ctx, c, scanNumber, "SELECT 1")
		return err
	})
}

// lend runs f with an idle connection. Its query is interrupted when caller is
// done, and when it has taken too long: other readers wait for the connection.
// However f ends, with a panic too, the connection is as good as before.
func (e *sqliteEngine) lend(caller context.Context, idle chan *sqliteConn, f func(*sqliteConn) error) (err error) {
	ctx, stop := context.WithTimeout(caller, e.readTimeout)
	defer stop()
	var c *sqliteConn
	select {
	case c = <-idle:
	case <-e.closing:
		return errStopping()
	case <-ctx.Done():
		return interrupted(caller, ctx, ctx.Err())
	}
	defer func() {
		c.db.SetInterrupt(context.WithoutCancel(ctx)) // the end is reached in any case
		if end := c.settle(); err == nil {
			err = end
		}
		idle <- c
	}()
	c.db.SetInterrupt(ctx)
	if err = f(c); err != nil && errors.Is(err, sqlite3.INTERRUPT) {
		err = interrupted(caller, ctx, err)
	}
	return err
}

// interrupted tells the reason why ctx, made from caller, has interrupted a
// query.
func interrupted(caller, ctx context.Context, err error) error {
	switch {
	case caller.Err() != nil:
		return caller.Err()
	case ctx.Err() != nil:
		return errUnavailable("The database takes too long to answer. Ask for less, or try again.", err)
	}
	return err
}

func (e *sqliteEngine) write(ctx context.Context, f func(conn) error) error {
	return e.writer.do(ctx, &sqliteWrite{run: f})
}

// shred implements engine. secure_delete has overwritten the rows in the file;
// the log may hold copies, so it is emptied. It is not done where a reader or a
// backup is in the way.
func (e *sqliteEngine) shred(ctx context.Context) (done bool, err error) {
	c := e.writer.conn // the writer runs what follows
	err = e.writer.do(ctx, &sqliteWrite{alone: true, run: func(conn) error {
		if err := c.db.BusyTimeout(shredTimeout); err != nil {
			return err
		}
		scan := func(r rows) (busy int64, err error) {
			var frames, moved int64
			err = r.scan(&busy, &frames, &moved)
			return busy, err
		}
		busy, _, err := first(ctx, c, scan, "PRAGMA wal_checkpoint(TRUNCATE)")
		done = err == nil && busy == 0
		return errors.Join(err, c.db.BusyTimeout(busyTimeout))
	}})
	return done && err == nil, err
}

// announce implements engine: there are no other processes.
func (e *sqliteEngine) announce() {}

func (e *sqliteEngine) stats() Stats {
	const others = 2 // the writer's and that of ping
	s := e.writer.stats()
	s.Connections, s.Busy = e.count+others, e.count-len(e.readers)
	return s
}

func (e *sqliteEngine) close() error {
	if e.closed.Swap(true) {
		return nil
	}
	close(e.closing)
	return errors.Join(e.closeConns(), e.lock.Close())
}

func (e *sqliteEngine) closeConns() error {
	var errs []error
	for range e.count {
		errs = append(errs, (<-e.readers).close())
	}
	if e.probe != nil {
		errs = append(errs, (<-e.probe).close())
	}
	return errors.Join(append(errs, e.writer.close())...)
}

// migrateSQLite brings the schema up to date. Looking first saves goose's
// start where there is nothing to do.
func migrateSQLite(ctx context.Context, c *sqliteConn, address string) error {
	steps, err := sqliteSteps()
	if err != nil {
		return err
	}
	return steps.apply(ctx, c, sqliteHasTable, func() (*sql.DB, error) {
		return driver.Open(address, func(c *sqlite3.Conn) error { return c.Exec(sqlitePragmas) })
	})
}

func errInUse(path string) error {
	return fmt.Errorf("another cloudpki process has %s open; stop it, or give this one a data directory of its own", filepath.Dir(path))
}
