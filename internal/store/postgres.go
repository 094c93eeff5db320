package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

func postgresDialect() dialect {
	return dialect{
		contains: "strpos", forUpdate: " FOR UPDATE", skipLocked: " FOR UPDATE SKIP LOCKED", shared: true,
		// The number is arbitrary; it must differ from that of other locks.
		takerLock: "SELECT pg_advisory_xact_lock(6272018864003)",
	}
}

const (
	wakeChannel = "cloudpki_wake"

	// A server that is asked for something that takes longer has lost its way.
	statementTimeout = "30s"
	lockTimeout      = "10s"
	idleTimeout      = "60s" // of a transaction whose process hangs

	// postgresHasTable counts the tables called ?1.
	postgresHasTable = "SELECT COUNT(*) FROM pg_class WHERE oid = to_regclass(CAST(?1 AS TEXT))"

	defaultConns = 16
	maxAttempts  = 8
)

// A postgresEngine is a database on a PostgreSQL server, which other processes
// may use at the same time.
type postgresEngine struct {
	pool     *pgxpool.Pool
	listener *postgresListener
	notifier *postgresNotifier

	writes, commits atomic.Int64
}

// openPostgres connects and brings the schema up to date. wake is called when
// any process has asked for a sync.
func openPostgres(ctx context.Context, url string, log *slog.Logger, wake func()) (_ *postgresEngine, err error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the database URL is not one that PostgreSQL knows") // err may quote the password
	}
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = defaultConns
	}
	for name, value := range map[string]string{
		"application_name": "cloudpki", "statement_timeout": statementTimeout,
		"lock_timeout": lockTimeout, "idle_in_transaction_session_timeout": idleTimeout,
	} {
		if _, ok := config.ConnConfig.RuntimeParams[name]; !ok {
			config.ConnConfig.RuntimeParams[name] = value
		}
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	e := &postgresEngine{pool: pool}
	if err := e.migrate(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	e.listener = startListener(ctx, config.ConnConfig.Copy(), log, wake)
	e.notifier = startNotifier(ctx, pool, log)
	return e, nil
}

func (e *postgresEngine) migrate(ctx context.Context) error {
	const second, tries = 1, 120
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(second, tries), lock.WithUnlockTimeout(second, tries))
	if err != nil {
		return fmt.Errorf("make migration lock: %w", err)
	}
	steps, err := newSteps("migrations/postgres", goose.DialectPostgres, goose.WithSessionLocker(locker))
	if err != nil {
		return err
	}
	return e.read(ctx, func(c conn) error {
		return steps.apply(ctx, c, postgresHasTable, func() (*sql.DB, error) {
			config := e.pool.Config().ConnConfig
			config.RuntimeParams["statement_timeout"] = "0" // a step may take long on much data
			return stdlib.OpenDB(*config), nil
		})
	})
}

func (e *postgresEngine) read(ctx context.Context, f func(conn) error) error {
	c, err := e.pool.Acquire(ctx)
	if err != nil {
		return postgresFault(ctx, err)
	}
	defer c.Release()
	return postgresFault(ctx, f(postgresConn{c}))
}

func (e *postgresEngine) view(ctx context.Context, f func(conn) error) error {
	return e.inTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, f)
}

// write runs f again when it has met another transaction in a way that only
// one of them survives.
func (e *postgresEngine) write(ctx context.Context, f func(conn) error) error {
	e.writes.Add(1)
	for attempt := 1; ; attempt++ {
		err := e.inTx(ctx, pgx.TxOptions{}, f)
		if err == nil {
			e.commits.Add(1)
			return nil
		}
		if attempt == maxAttempts || !isCollision(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(time.Millisecond << attempt)):
		}
	}
}

func (e *postgresEngine) inTx(ctx context.Context, o pgx.TxOptions, f func(conn) error) error {
	err := pgx.BeginTxFunc(ctx, e.pool, o, func(tx pgx.Tx) error { return f(postgresConn{tx}) })
	return postgresFault(ctx, err)
}

func (e *postgresEngine) ping(ctx context.Context) error {
	return e.read(ctx, func(c conn) error {
		_, _, err := first(ctx, c, scanNumber, "SELECT 1")
		return err
	})
}

// shred implements engine. Removing dead rows is the server's own task (VACUUM).
func (e *postgresEngine) shred(context.Context) (done bool, err error) { return true, nil }

func (e *postgresEngine) announce() { e.notifier.announce() }

func (e *postgresEngine) stats() Stats {
	s := e.pool.Stat()
	return Stats{
		Engine: "postgres", Writes: e.writes.Load(), Commits: e.commits.Load(),
		Connections: int(s.TotalConns()), Busy: int(s.AcquiredConns()),
	}
}

func (e *postgresEngine) close() error {
	e.listener.close()
	e.notifier.close()
	e.pool.Close()
	return nil
}

// isCollision reports whether a transaction may succeed when it is run again.
func isCollision(err error) bool {
	const serializationFailure, deadlockDetected = "40001", "40P01"
	state := sqlState(err)
	return state == serializationFailure || state == deadlockDetected
}

func sqlState(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// isDisconnect reports whether there is, or was in the middle of it, no
// connection.
func isDisconnect(err error) bool {
	_, refused := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	return refused || network || pgconn.SafeToRetry(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// postgresFault gives the faults that a caller may be told their code.
func postgresFault(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return err
	}
	if isDisconnect(err) {
		return errUnavailable("The database cannot be reached. Try again.", err)
	}
	state := sqlState(err)
	switch {
	case state == "22021", state == "54000": // character_not_in_repertoire; program_limit_exceeded
		return errUnstorable(err)
	case state == "55P03", state == "57014", // lock_not_available, query_canceled
		strings.HasPrefix(state, "08"), // connection exception
		strings.HasPrefix(state, "53"), // insufficient resources
		strings.HasPrefix(state, "57P"):
		return errUnavailable("The database is overloaded or stopping. Try again.", err)
	}
	return err
}

// A postgresConn runs statements on a connection or in a transaction.
type postgresConn struct {
	q interface {
		Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
		Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	}
}

// dollars writes the parameters as PostgreSQL does. No text of the store has a
// question mark for anything else.
func dollars(text string) string { return strings.ReplaceAll(text, "?", "$") }

func (c postgresConn) exec(ctx context.Context, text string, args ...any) (int64, error) {
	tag, err := c.q.Exec(ctx, dollars(text), args...)
	return tag.RowsAffected(), err
}

func (c postgresConn) query(ctx context.Context, text string, args ...any) (rows, error) {
	r, err := c.q.Query(ctx, dollars(text), args...)
	if err != nil {
		return nil, err
	}
	return postgresRows{r}, nil
}

type postgresRows struct{ r pgx.Rows }

func (r postgresRows) next() bool             { return r.r.Next() }
func (r postgresRows) scan(dest ...any) error { return r.r.Scan(dest...) }

func (r postgresRows) close() error {
	r.r.Close()
	return r.r.Err()
}
