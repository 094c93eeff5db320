package store

import (
	"context"
	"errors"
)

// A transaction is an open write transaction that travels in a context, so
// that several changes become one.
type transaction struct{ conn conn }

type transactionKey struct{}

func transactionOf(ctx context.Context) (transaction, bool) {
	t, ok := ctx.Value(transactionKey{}).(transaction)
	return t, ok
}

// Atomically implements pki.Store. On SQLite f runs on the goroutine of all
// writes.
func (db *DB) Atomically(ctx context.Context, f func(context.Context) error) error {
	err := db.engine.write(ctx, func(c conn) error {
		return f(context.WithValue(ctx, transactionKey{}, transaction{c}))
	})
	if err == nil {
		// What f did has told so before its commit, when there was nothing to see.
		db.shredOwed.Store(true)
		db.awaken()
	}
	return err
}

// A joining engine runs what comes with the context of a transaction inside
// it: reads see what was written there, and a write that fails undoes only
// itself, as it does alone.
type joining struct{ engine }

func (e joining) read(ctx context.Context, f func(conn) error) error {
	if t, ok := transactionOf(ctx); ok {
		return f(t.conn)
	}
	return e.engine.read(ctx, f)
}

func (e joining) view(ctx context.Context, f func(conn) error) error {
	if t, ok := transactionOf(ctx); ok {
		return f(t.conn)
	}
	return e.engine.view(ctx, f)
}

func (e joining) write(ctx context.Context, f func(conn) error) error {
	if t, ok := transactionOf(ctx); ok {
		return t.part(ctx, f)
	}
	return e.engine.write(ctx, f)
}

// part runs f in a savepoint.
func (t transaction) part(ctx context.Context, f func(conn) error) error {
	if _, err := t.conn.exec(ctx, "SAVEPOINT part"); err != nil {
		return err
	}
	err := f(t.conn)
	if err != nil {
		_, undo := t.conn.exec(ctx, "ROLLBACK TO SAVEPOINT part")
		if undo != nil {
			return errors.Join(err, undo)
		}
	}
	_, end := t.conn.exec(ctx, "RELEASE SAVEPOINT part")
	return errors.Join(err, end)
}
