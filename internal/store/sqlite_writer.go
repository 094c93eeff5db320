package store

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"
)

const (
	// maxQueue is how many writes may wait; more are refused, so that an
	// overload is told at once.
	maxQueue = 1024

	// A commit takes at most maxBatch writes and begins no other after
	// maxBatchTime, so that the first of them does not wait for long.
	maxBatch     = 256
	maxBatchTime = 25 * time.Millisecond
)

// A sqliteWriter runs all writes on one goroutine. Those that wait together
// share a transaction, each in a savepoint of its own, and are answered after
// its commit: the disk is waited for once for all of them.
type sqliteWriter struct {
	conn  *sqliteConn
	queue chan *sqliteWrite
	stop  chan struct{} // closed by close
	once  sync.Once
	done  chan struct{} // closed when the goroutine has ended

	writes, commits atomic.Int64
}

// A sqliteWrite is one write on its way.
type sqliteWrite struct {
	run    func(conn) error
	alone  bool        // outside any transaction
	taken  atomic.Bool // by the writer, or by a caller that gives up
	result chan error  // receives once where the writer took it
}

func startWriter(c *sqliteConn) *sqliteWriter {
	w := &sqliteWriter{
		conn: c, queue: make(chan *sqliteWrite, maxQueue),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	go w.loop()
	return w
}

// do runs job and returns when what it wrote is on the disk. A caller that gives
// up while it waits for its turn leaves nothing behind; later the outcome is
// waited for, as it could not be told otherwise.
func (w *sqliteWriter) do(ctx context.Context, job *sqliteWrite) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	job.result = make(chan error, 1)
	select {
	case <-w.stop:
		return errStopping()
	default:
	}
	select {
	case w.queue <- job:
	default:
		return errUnavailable("The service has more to write than it can. Try again in a moment.", nil)
	}
	for abandoned := ctx.Done(); ; {
		select {
		case err := <-job.result:
			return err
		case <-abandoned:
			if job.taken.CompareAndSwap(false, true) {
				return ctx.Err()
			}
			abandoned = nil
		case <-w.done:
			select {
			case err := <-job.result:
				return err
			default: // it was not taken, or has ended the goroutine
				return errStopping()
			}
		}
	}
}

func errStopping() error { return errUnavailable("The service is stopping. Try again.", nil) }

func (w *sqliteWriter) stats() Stats {
	return Stats{Engine: "sqlite", Writes: w.writes.Load(), Commits: w.commits.Load(), Queued: len(w.queue)}
}

// close lets the commit under way end and refuses what waits.
func (w *sqliteWriter) close() error {
	w.once.Do(func() { close(w.stop) })
	<-w.done
	return w.conn.close()
}

func (w *sqliteWriter) loop() {
	defer close(w.done)
	for {
		select {
		case <-w.stop:
			return
		default:
		}
		select {
		case <-w.stop:
			return
		case job := <-w.queue:
			w.batch(job)
		}
	}
}

// batch runs job and what else waits in one transaction, and answers. A write
// that wants to be alone comes after it.
func (w *sqliteWriter) batch(job *sqliteWrite) {
	var alone *sqliteWrite
	var ran []*sqliteWrite
	var results []error
	err := w.begin()
	begun := time.Now()
	for ; job != nil && err == nil; job = w.next(len(ran), begun) {
		if job.alone {
			alone = job
			break
		}
		if !job.taken.CompareAndSwap(false, true) {
			continue // its caller has given up
		}
		var result error
		result, err = w.attempt(job)
		ran, results = append(ran, job), append(results, result)
	}
	if job != nil && job != alone && job.taken.CompareAndSwap(false, true) {
		ran, results = append(ran, job), append(results, err)
	}
	if err == nil {
		err = w.statement("COMMIT")
	}
	w.answer(ran, results, err)
	if alone != nil && alone.taken.CompareAndSwap(false, true) {
		alone.result <- guarded(alone.run, w.conn)
	}
}

// begin starts a transaction, whatever the last one has left behind.
func (w *sqliteWriter) begin() error {
	if err := w.conn.settle(); err != nil {
		return err
	}
	return w.statement("BEGIN IMMEDIATE")
}

// next returns another waiting write that fits into the transaction, or nil.
func (w *sqliteWriter) next(n int, begun time.Time) *sqliteWrite {
	if n >= maxBatch || time.Since(begun) > maxBatchTime {
		return nil
	}
	select {
	case job := <-w.queue:
		return job
	default:
		return nil
	}
}

func (w *sqliteWriter) answer(ran []*sqliteWrite, results []error, failure error) {
	if failure != nil && !w.conn.db.GetAutocommit() {
		failure = errors.Join(failure, w.statement("ROLLBACK"))
	}
	if failure == nil {
		w.commits.Add(1)
		w.writes.Add(int64(len(ran)))
	}
	for i, job := range ran {
		result := results[i]
		if result == nil && failure != nil {
			result = sqliteFault(failure)
		}
		job.result <- result
	}
}

// sqliteFault says which faults pass by themselves.
func sqliteFault(err error) error {
	if errors.Is(err, sqlite3.BUSY) || errors.Is(err, sqlite3.FULL) {
		return errUnavailable("The database cannot be written to at the moment. Try again.", err)
	}
	return fmt.Errorf("write to the database: %w", err)
}

// attempt runs one write so that its failure leaves the others alone. Where it
// cannot be undone alone, broken says why the whole transaction must be.
func (w *sqliteWriter) attempt(job *sqliteWrite) (result, broken error) {
	if err := w.statement("SAVEPOINT one"); err != nil {
		return err, err
	}
	result = guarded(job.run, w.conn)
	if result == nil {
		result = w.statement("RELEASE one")
	}
	if result == nil {
		return nil, nil
	}
	if w.conn.db.GetAutocommit() {
		// A fault such as a full disk has undone the whole transaction.
		return result, fmt.Errorf("transaction was undone: %w", result)
	}
	if undo := errors.Join(w.statement("ROLLBACK TO one"), w.statement("RELEASE one")); undo != nil {
		broken = fmt.Errorf("undo one write of several: %w", undo)
	}
	return result, broken
}

// guarded turns a panic into an error: it must cost the request that caused
// it, not all writes from then on. No statement of f stays under way.
func guarded(f func(conn) error, c *sqliteConn) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("panic in a write: %v\n%s", fault, debug.Stack())
		}
		if end := c.reset(); err == nil {
			err = end
		}
	}()
	return f(c)
}

func (w *sqliteWriter) statement(text string) error {
	_, err := w.conn.run(text, nil)
	return err
}
