// Package store keeps the nouns of package pki in SQLite or PostgreSQL. There
// is one implementation: the SQL is written once, a dialect value holds the few
// differences, and sqlite*.go and postgres*.go alone name a driver.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"cloudpki/internal/notify"
	"cloudpki/internal/pki"
	"cloudpki/internal/secret"
	"cloudpki/internal/syncer"
)

// Options say which database to open. Log and Now may be left out.
type Options struct {
	// URL is sqlite:PATH for a file that this process alone opens, or the
	// address of a PostgreSQL database as postgres://… or in the key=value
	// form of libpq.
	URL string
	Log *slog.Logger
	Now func() time.Time

	// ServiceURI tells the usual base address of a kind of CA, "" where it has
	// none; nil where no kind has.
	ServiceURI func(provider string) string
}

// A DB is an open store. It is safe for concurrent use. Functions that are
// handed to it run inside a transaction and must not call it.
type DB struct {
	engine  engine
	dialect dialect
	log     *slog.Logger
	now     func() time.Time
	wake    chan struct{}
	nouns   nouns

	serviceURI func(provider string) string // of Options

	outboxWake chan struct{} // of NotificationWake

	newCertificates, newBodies bulk

	// shredOwed says that a secret was removed since the last shred, or may
	// have been before the start.
	shredOwed atomic.Bool
}

var (
	_ pki.Store       = (*DB)(nil)
	_ secret.DataKeys = (*DB)(nil)
	_ syncer.Leases   = (*DB)(nil)

	_ pki.NotificationStore = (*DB)(nil)
	_ pki.BundleStore       = (*DB)(nil)
	_ notify.Queue          = (*DB)(nil)
)

// Stats tells how busy a store is. Counters only grow.
type Stats struct {
	Engine      string // "sqlite" or "postgres"
	Writes      int64  // write transactions asked for that were carried out
	Commits     int64  // commits they took; fewer on SQLite, which groups them
	Queries     int64  // queries of reads, those inside write transactions not counted
	Queued      int    // writes that wait for their turn
	Connections int    // open connections
	Busy        int    // connections in use
}

// Open opens the database, brings its schema up to date and returns the store.
// A schema newer than this program knows is refused, and so is a SQLite file
// that another process has open.
func Open(ctx context.Context, o Options) (*DB, error) {
	db := newDB(o)
	var err error
	if path, ok := strings.CutPrefix(o.URL, "sqlite:"); ok {
		db.dialect = sqliteDialect()
		db.engine, err = openSQLite(ctx, path, "")
	} else if isPostgres(o.URL) {
		db.dialect = postgresDialect()
		db.engine, err = openPostgres(ctx, o.URL, db.log, func() {
			db.signal()
			db.signalOutbox()
		})
	} else {
		return nil, errors.New("open store: the database URL must begin with sqlite: or postgres://")
	}
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	db.engine = joining{telling{counting{db.engine, new(atomic.Int64)}, db.outboxFilled}}
	return db, nil
}

func newDB(o Options) *DB {
	db := &DB{log: o.Log, now: o.Now, wake: make(chan struct{}, 1), outboxWake: make(chan struct{}, 1), nouns: newNouns()}
	db.newCertificates, db.newBodies = newCertificateInserts(), newBodyInserts()
	db.serviceURI = o.ServiceURI
	db.shredOwed.Store(true)
	if db.serviceURI == nil {
		db.serviceURI = func(string) string { return "" }
	}
	if db.log == nil {
		db.log = slog.New(slog.DiscardHandler)
	}
	if db.now == nil {
		db.now = time.Now
	}
	return db
}

func isPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") ||
		!strings.Contains(url, ":") && strings.Contains(url, "=") || strings.HasPrefix(url, "host=")
}

// Close ends the store in order: writes under way are finished, those that
// wait are refused with pki.CodeUnavailable.
func (db *DB) Close() error { return db.engine.close() }

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.engine.ping(ctx) }

// Stats returns how busy the store is.
func (db *DB) Stats() Stats { return db.engine.stats() }

// Wake returns the channel that syncer.Leases describes.
func (db *DB) Wake() <-chan struct{} { return db.wake }

// signal fills Wake. One pending signal is enough.
func (db *DB) signal() {
	select {
	case db.wake <- struct{}{}:
	default:
	}
}

// awaken tells this process and the others that a sync was asked for. It is
// called after the commit.
func (db *DB) awaken() {
	db.signal()
	db.engine.announce()
}
