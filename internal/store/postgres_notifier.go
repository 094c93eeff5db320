package store

import (
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"
)

// A postgresNotifier sends the notifications that a sync was asked for.
// PostgreSQL lets transactions with a notification commit one after another, so
// they are sent apart from the writes, and many as one. One that is lost does
// no harm: workers look by themselves after a while.
type postgresNotifier struct {
	pool    *pgxpool.Pool
	log     *slog.Logger
	pending chan struct{}
	stop    context.CancelFunc
	done    chan struct{}
}

// startNotifier starts the goroutine that close waits for.
func startNotifier(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger) *postgresNotifier {
	n := &postgresNotifier{pool: pool, log: log, pending: make(chan struct{}, 1), done: make(chan struct{})}
	ctx, n.stop = context.WithCancel(context.WithoutCancel(ctx))
	go n.loop(ctx)
	return n
}

// announce asks for a notification. One that waits stands for all.
func (n *postgresNotifier) announce() {
	select {
	case n.pending <- struct{}{}:
	default:
	}
}

func (n *postgresNotifier) close() {
	n.stop()
	<-n.done
}

func (n *postgresNotifier) loop(ctx context.Context) {
	defer close(n.done)
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.pending:
		}
		if _, err := n.pool.Exec(ctx, "SELECT pg_notify($1, '')", wakeChannel); err != nil && ctx.Err() == nil {
			n.log.Warn("other processes were not told of a sync; they will find it later", slog.Any("error", err))
		}
	}
}
