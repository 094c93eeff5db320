package store

import (
	"context"

	"cloudpki/internal/pki"
)

// A dialect holds what differs between the databases in the text of SQL.
// Parameters are written ?1, ?2 for both.
type dialect struct {
	contains   string // function (text, part) that returns the place of part, 0 for none
	forUpdate  string // suffix that locks the rows read until the transaction ends
	skipLocked string // the same, leaving out rows that others have locked
	hints      bool   // the planner does not know how often a value occurs, and takes a hint
	takerLock  string // statement that admits one who takes leases at a time; "" where all writes are
	shared     bool   // many processes may use the database at the same time
}

// An engine is an open database. The function that a method is given may run
// more than once.
type engine interface {
	// read lends a connection for a single query.
	read(ctx context.Context, f func(conn) error) error
	// view lends a connection for queries that all see the same state.
	view(ctx context.Context, f func(conn) error) error
	// write runs f in a transaction; when it returns nil, what f wrote is
	// durable. An error of f undoes it.
	write(ctx context.Context, f func(conn) error) error
	// ping asks the database for an answer. It does not wait for readers.
	ping(ctx context.Context) error
	// shred removes what deleted and changed rows have left behind in files, as
	// far as that is the engine's task. Where something is in the way it is not
	// done, and to be tried again.
	shred(ctx context.Context) (done bool, err error)
	// announce tells the other processes that a sync was asked for. It returns
	// at once and may fail: they look by themselves, later.
	announce()
	stats() Stats
	close() error
}

// A conn runs statements. Arguments are nil, string, []byte, the integer types
// and pointers to string and int64, where nil is NULL.
type conn interface {
	// exec returns how many rows were changed.
	exec(ctx context.Context, text string, args ...any) (int64, error)
	// query's rows must be closed before the next statement.
	query(ctx context.Context, text string, args ...any) (rows, error)
}

// rows are what a query found.
type rows interface {
	next() bool
	// scan reads a row into pointers to string, []byte, integers, and for
	// columns that may be NULL to pointers to string and int64.
	scan(dest ...any) error
	// close ends the query and returns its first error.
	close() error
}

// all returns every row that a query finds.
func all[T any](ctx context.Context, c conn, scan func(rows) (T, error), text string, args ...any) (list []T, err error) {
	r, err := c.query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer end(r, &err)
	list = []T{}
	for r.next() {
		item, err := scan(r)
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	return list, nil
}

// end closes r. Its error counts where there was none before.
func end(r rows, err *error) {
	if fault := r.close(); *err == nil {
		*err = fault
	}
}

// first returns the first row that a query finds, and whether there was one.
func first[T any](ctx context.Context, c conn, scan func(rows) (T, error), text string, args ...any) (item T, found bool, err error) {
	r, err := c.query(ctx, text, args...)
	if err != nil {
		return item, false, err
	}
	defer end(r, &err)
	if found = r.next(); found {
		item, err = scan(r)
	}
	return item, found && err == nil, err
}

func scanNumber(r rows) (n int64, err error) { return n, r.scan(&n) }

func scanText(r rows) (s string, err error) { return s, r.scan(&s) }

// errUnstorable is for a text that cannot be stored: it holds U+0000 or is not
// UTF-8, which PostgreSQL refuses, and so both do.
func errUnstorable(cause error) error {
	return &pki.Error{Code: pki.CodeInvalid, Msg: "A text holds a character that cannot be stored (U+0000), or is too long.", Err: cause}
}

func errUnavailable(msg string, cause error) error {
	return &pki.Error{Code: pki.CodeUnavailable, Msg: msg, Err: cause}
}
