package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/ncruces/go-sqlite3"
)

// sqlitePragmas set a connection up. synchronous=FULL makes a commit wait for
// the disk; secure_delete overwrites what is removed, as deleted secrets must
// be; the cache is 3 MiB a connection, and 16 MiB for the one that writes.
const sqlitePragmas = `
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON;
PRAGMA checkpoint_fullfsync = ON;
PRAGMA foreign_keys = ON;
PRAGMA secure_delete = ON;
PRAGMA temp_store = MEMORY;
PRAGMA trusted_schema = OFF;
PRAGMA cache_size = -3072;
PRAGMA journal_size_limit = 67108864;
PRAGMA wal_autocheckpoint = 4000;
`

// maxStatements bounds the prepared statements of a connection: filters make
// new texts without end.
const maxStatements = 128

// A sqliteConn is one connection with its prepared statements. It is used by
// one goroutine at a time.
type sqliteConn struct {
	db         *sqlite3.Conn
	statements map[string]*sqlite3.Stmt
	open       *sqlite3.Stmt // the one under way; nil for none
}

func openSQLiteConn(ctx context.Context, address string, writes bool) (*sqliteConn, error) {
	db, err := sqlite3.OpenContext(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("open SQLite file: %w", err)
	}
	c := &sqliteConn{db: db, statements: make(map[string]*sqlite3.Stmt)}
	setup := sqlitePragmas
	if writes {
		// A page of an inventory touches all over the indexes: with a small
		// cache they are written and read again within one transaction.
		setup = "PRAGMA journal_mode = WAL;" + setup + "PRAGMA cache_size = -16384;"
	} else {
		setup += "PRAGMA query_only = ON;"
	}
	err = db.BusyTimeout(busyTimeout)
	if err == nil {
		// Plans do not depend on the values bound, so that statements stay
		// prepared: lists would be planned anew each time.
		_, err = db.Config(sqlite3.DBCONFIG_ENABLE_QPSG, true)
	}
	if err == nil {
		err = db.Exec(setup)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("set up SQLite connection: %w", err), db.Close())
	}
	return c, nil
}

func (c *sqliteConn) close() error {
	c.forget()
	return c.db.Close()
}

// prepare returns the statement for text, ready to be run.
func (c *sqliteConn) prepare(text string) (*sqlite3.Stmt, error) {
	if c.open != nil {
		return nil, errors.New("prepare statement: the rows of another are still being read")
	}
	if s, ok := c.statements[text]; ok {
		return s, nil
	}
	if len(c.statements) >= maxStatements {
		c.forget()
	}
	s, tail, err := c.db.PrepareFlags(text, sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return nil, fmt.Errorf("prepare statement: %w", err)
	}
	if strings.TrimSpace(tail) != "" {
		return nil, errors.Join(errors.New("prepare statement: more than one in a text"), s.Close())
	}
	c.statements[text] = s
	return s, nil
}

func (c *sqliteConn) forget() {
	for _, s := range c.statements {
		_ = s.Close() // reports the last error of the statement, told before
	}
	clear(c.statements)
}

// settle ends what is under way, be it for a panic: a statement, and a
// transaction.
func (c *sqliteConn) settle() error {
	err := c.reset()
	if c.db.GetAutocommit() {
		return err
	}
	_, undo := c.run("ROLLBACK", nil)
	return errors.Join(err, undo)
}

// reset ends the statement under way, if there is one. It returns the error
// that the statement met; Reset alone does not know of an interrupt between two
// rows, and what was read until then would look like all there is.
func (c *sqliteConn) reset() error {
	if c.open == nil {
		return nil
	}
	s := c.open
	c.open = nil
	err := s.Err()
	if end := s.Reset(); err == nil {
		err = end
	}
	return errors.Join(err, s.ClearBindings())
}

// exec implements conn. A context is heeded by the connection as a whole, see
// sqliteEngine.lend.
func (c *sqliteConn) exec(_ context.Context, text string, args ...any) (int64, error) {
	return c.run(text, args)
}

func (c *sqliteConn) run(text string, args []any) (int64, error) {
	s, err := c.prepare(text)
	if err != nil {
		return 0, err
	}
	if err := bind(s, args); err != nil {
		return 0, err
	}
	before := c.db.TotalChanges()
	c.open = s
	for s.Step() {
		// A statement may answer rows that nobody wants.
	}
	err = c.reset()
	return c.db.TotalChanges() - before, err
}

func (c *sqliteConn) query(_ context.Context, text string, args ...any) (rows, error) {
	s, err := c.prepare(text)
	if err != nil {
		return nil, err
	}
	if err := bind(s, args); err != nil {
		return nil, err
	}
	c.open = s
	return &sqliteRows{c, s}, nil
}

func bind(s *sqlite3.Stmt, args []any) error {
	for i, arg := range args {
		if err := bindOne(s, i+1, arg); err != nil {
			return err
		}
	}
	return nil
}

func bindOne(s *sqlite3.Stmt, i int, arg any) error {
	switch v := arg.(type) {
	case nil:
		return s.BindNull(i)
	case string:
		return bindText(s, i, v)
	case *string:
		if v == nil {
			return s.BindNull(i)
		}
		return bindText(s, i, *v)
	case []byte:
		return s.BindBlob(i, v)
	case int64:
		return s.BindInt64(i, v)
	case int:
		return s.BindInt64(i, int64(v))
	case int32:
		return s.BindInt64(i, int64(v))
	case int16:
		return s.BindInt64(i, int64(v))
	default:
		return fmt.Errorf("bind argument %d: no such type: %T", i, arg)
	}
}

func bindText(s *sqlite3.Stmt, i int, v string) error {
	if strings.IndexByte(v, 0) >= 0 || !utf8.ValidString(v) {
		return errUnstorable(nil)
	}
	return s.BindText(i, v)
}

// sqliteRows are the rows of a running statement.
type sqliteRows struct {
	c *sqliteConn
	s *sqlite3.Stmt
}

func (r *sqliteRows) next() bool { return r.s.Step() }

func (r *sqliteRows) close() error { return r.c.reset() }

func (r *sqliteRows) scan(dest ...any) error {
	if n := r.s.ColumnCount(); n != len(dest) {
		return fmt.Errorf("scan row: %d columns into %d places", n, len(dest))
	}
	for i, d := range dest {
		if err := r.scanOne(i, d); err != nil {
			return err
		}
	}
	return r.s.Err()
}

func (r *sqliteRows) scanOne(i int, dest any) error {
	switch d := dest.(type) {
	case *string:
		*d = r.s.ColumnText(i)
	case *int64:
		*d = r.s.ColumnInt64(i)
	case *int:
		*d = r.s.ColumnInt(i)
	case *int32:
		*d = int32(r.s.ColumnInt64(i))
	case *int16:
		*d = int16(r.s.ColumnInt64(i))
	case *int8:
		*d = int8(r.s.ColumnInt64(i))
	case **string:
		if *d = nil; !r.isNull(i) {
			v := r.s.ColumnText(i)
			*d = &v
		}
	case **int64:
		if *d = nil; !r.isNull(i) {
			v := r.s.ColumnInt64(i)
			*d = &v
		}
	case *[]byte:
		if *d = nil; !r.isNull(i) {
			*d = append([]byte{}, r.s.ColumnRawBlob(i)...)
		}
	default:
		return fmt.Errorf("scan column %d: no such type: %T", i, dest)
	}
	return nil
}

func (r *sqliteRows) isNull(i int) bool { return r.s.ColumnType(i) == sqlite3.NULL }
