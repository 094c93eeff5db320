// Package load keeps a server under closed-loop load: some connections over
// TLS, each sending its next HTTP/1.1 request when the answer to the last has
// come, and no answer left unexamined.
package load

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// A Target is a server.
type Target struct {
	Address string // host:port
	TLS     *tls.Config
}

// An Op is one kind of request with what its answers must look like.
type Op struct {
	Requests  [][]byte // whole requests, sent in turn, each connection from another place
	Status    int
	MinLength int // of the body
	MaxLength int
}

// Widen admits answers of length bytes and up to slack more or less.
func (op *Op) Widen(length, slack int) {
	if op.MaxLength == 0 {
		op.MinLength = length - slack
	}
	op.MinLength, op.MaxLength = min(op.MinLength, length-slack), max(op.MaxLength, length+slack)
}

// A Result tells of the requests of one Run.
type Result struct {
	Requests int
	Elapsed  time.Duration
	Median   time.Duration // latency of half the requests or less
	P99      time.Duration // latency of 99 in 100 or less
}

// Rate is the number of requests per second.
func (r Result) Rate() float64 { return float64(r.Requests) / r.Elapsed.Seconds() }

// grace is how long answers may take beyond the duration of a Run.
const grace = 10 * time.Second

// A Loader holds the connections to one server. Runs must not overlap.
type Loader struct{ conns []*conn }

// Dial opens n connections.
func Dial(ctx context.Context, to Target, n int) (*Loader, error) {
	l := &Loader{}
	for range n {
		c, err := dial(ctx, to)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("connect to %s: %w", to.Address, err), l.Close())
		}
		l.conns = append(l.conns, c)
	}
	return l, nil
}

// Close closes the connections.
func (l *Loader) Close() error {
	var errs []error
	for _, c := range l.conns {
		errs = append(errs, c.tls.Close())
	}
	return errors.Join(errs...)
}

// Run sends requests of op on every connection for the duration d. The first
// answer that is not as op wants it ends the run with an error: a failed
// request is cheap, and counting it would flatter the server.
func (l *Loader) Run(ctx context.Context, op Op, d time.Duration) (Result, error) {
	group, ctx := errgroup.WithContext(ctx)
	latencies := make([][]time.Duration, len(l.conns))
	start := time.Now()
	for i, c := range l.conns {
		group.Go(func() error {
			var err error
			latencies[i], err = c.loop(ctx, op, i*len(op.Requests)/len(l.conns), start.Add(d))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return Result{}, err
	}
	elapsed := time.Since(start)
	all := slices.Concat(latencies...)
	slices.Sort(all)
	if len(all) == 0 {
		return Result{}, errors.New("no request was answered in time")
	}
	return Result{
		Requests: len(all), Elapsed: elapsed,
		Median: all[(len(all)-1)/2], P99: all[(len(all)-1)*99/100],
	}, nil
}

// One sends a single request and returns the body of its answer.
func (l *Loader) One(request []byte, status int) ([]byte, error) {
	c := l.conns[0]
	if err := c.tls.SetDeadline(time.Now().Add(grace)); err != nil {
		return nil, err
	}
	got, err := c.exchange(request)
	if err == nil && got != status {
		err = fmt.Errorf("status %d, want %d: %s", got, status, c.start())
	}
	return slices.Clone(c.body), err
}

// loop sends requests until the end and returns how long each took.
func (c *conn) loop(ctx context.Context, op Op, next int, end time.Time) ([]time.Duration, error) {
	if err := c.tls.SetDeadline(end.Add(grace)); err != nil {
		return nil, err
	}
	var took []time.Duration
	for begun := time.Now(); begun.Before(end) && ctx.Err() == nil; {
		status, err := c.exchange(op.Requests[next%len(op.Requests)])
		if err != nil {
			return nil, err
		}
		if status != op.Status || len(c.body) < op.MinLength || len(c.body) > op.MaxLength {
			return nil, fmt.Errorf("status %d and %d bytes, want %d and %d to %d bytes: %s",
				status, len(c.body), op.Status, op.MinLength, op.MaxLength, c.start())
		}
		next++
		now := time.Now()
		took = append(took, now.Sub(begun))
		begun = now
	}
	return took, ctx.Err()
}
