package store

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	firstReconnect = 200 * time.Millisecond
	lastReconnect  = 15 * time.Second
)

// A postgresListener waits on a connection of its own for the notifications
// that a sync was asked for.
type postgresListener struct {
	config *pgx.ConnConfig
	log    *slog.Logger
	wake   func()
	stop   context.CancelFunc
	done   chan struct{}
}

// startListener starts the goroutine that close waits for.
func startListener(ctx context.Context, config *pgx.ConnConfig, log *slog.Logger, wake func()) *postgresListener {
	l := &postgresListener{config: config, log: log, wake: wake, done: make(chan struct{})}
	ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	go l.loop(ctx)
	return l
}

func (l *postgresListener) close() {
	l.stop()
	<-l.done
}

func (l *postgresListener) loop(ctx context.Context) {
	defer close(l.done)
	delay := firstReconnect
	for {
		began := time.Now()
		err := l.listen(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > lastReconnect {
			delay = firstReconnect
		}
		l.log.Warn("notifications of PostgreSQL are interrupted", slog.Any("error", err), slog.Duration("retry", delay))
		select {
		case <-ctx.Done():
			return
		case <-time.After(delay):
		}
		delay = min(2*delay, lastReconnect)
	}
}

// listen returns only with an error. What was missed while there was no
// connection is made good by waking once.
func (l *postgresListener) listen(ctx context.Context) error {
	c, err := pgx.ConnectConfig(ctx, l.config)
	if err != nil {
		return err
	}
	defer func() {
		limited, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer stop()
		_ = c.Close(limited) // it is gone either way
	}()
	if _, err := c.Exec(ctx, "LISTEN "+wakeChannel); err != nil {
		return err
	}
	l.wake()
	for {
		if _, err := c.WaitForNotification(ctx); err != nil {
			return err
		}
		l.wake()
	}
}
