package store

import (
	"context"
	"database/sql"

	"github.com/pressly/goose/v3"
)

// MigrateTo brings an empty database up to an old version of the schema; engine
// is the name of its folder below migrations.
func MigrateTo(ctx context.Context, db *sql.DB, engine string, version int64) error {
	dialect := map[string]goose.Dialect{"sqlite": goose.DialectSQLite3, "postgres": goose.DialectPostgres}[engine]
	s, err := newSteps("migrations/"+engine, dialect)
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(s.dialect, db, s.files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = p.UpTo(ctx, version)
	return err
}
