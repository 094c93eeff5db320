package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"
)

// inspectPostgres looks at the database in a transaction that can only read.
func inspectPostgres(ctx context.Context, url string) (found Inspection, err error) {
	found.Engine = "postgres"
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return found, errors.New("the database URL is not one that PostgreSQL knows") // err may quote the password
	}
	c, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return found, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer func() { err = errors.Join(err, c.Close(context.WithoutCancel(ctx))) }()
	found.Exists = true
	steps, err := newSteps("migrations/postgres", goose.DialectPostgres)
	if err != nil {
		return found, err
	}
	return found, pgx.BeginTxFunc(ctx, c, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		return found.look(ctx, postgresConn{tx}, steps, postgresHasTable)
	})
}
