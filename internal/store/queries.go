package store

import (
	"context"
	"sync/atomic"
)

// A counting engine counts the queries of reads: what a page costs is told by
// it, and held to.
type counting struct {
	engine

	queries *atomic.Int64
}

// A countedConn is lent for reading.
type countedConn struct {
	conn

	queries *atomic.Int64
}

func (e counting) read(ctx context.Context, f func(conn) error) error {
	return e.engine.read(ctx, func(c conn) error { return f(countedConn{c, e.queries}) })
}

func (e counting) view(ctx context.Context, f func(conn) error) error {
	return e.engine.view(ctx, func(c conn) error { return f(countedConn{c, e.queries}) })
}

func (e counting) stats() Stats {
	s := e.engine.stats()
	s.Queries = e.queries.Load()
	return s
}

func (c countedConn) query(ctx context.Context, text string, args ...any) (rows, error) {
	c.queries.Add(1)
	return c.conn.query(ctx, text, args...)
}
