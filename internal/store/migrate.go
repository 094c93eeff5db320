package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*/*.sql
var migrations embed.FS

// steps are the changes of one database's schema, a file each, named
// NNNN_subject.sql. A file that was released is never changed again. Each is one
// statement to goose, which would look at every line for the end of one.
type steps struct {
	files   fs.FS
	latest  int64
	dialect goose.Dialect
	options []goose.ProviderOption
}

func sqliteSteps() (steps, error) { return newSteps("migrations/sqlite", goose.DialectSQLite3) }

func newSteps(dir string, d goose.Dialect, options ...goose.ProviderOption) (steps, error) {
	s := steps{dialect: d, options: options}
	var err error
	if s.files, err = fs.Sub(migrations, dir); err != nil {
		return s, fmt.Errorf("read schema steps: %w", err)
	}
	names, err := fs.Glob(s.files, "*.sql")
	if err != nil {
		return s, fmt.Errorf("read schema steps: %w", err)
	}
	for _, name := range names {
		number, _, _ := strings.Cut(name, "_")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return s, fmt.Errorf("read schema steps: %w", err)
		}
		s.latest = max(s.latest, n)
	}
	return s, nil
}

// apply brings the schema up to date. The version is looked up first: in most
// starts there is nothing to do. hasTable counts the tables called ?1.
func (s steps) apply(ctx context.Context, c conn, hasTable string, open func() (*sql.DB, error)) error {
	version, err := schemaVersion(ctx, c, hasTable)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if version > s.latest {
		return fmt.Errorf("the database has schema version %d, made by a newer cloudpki; this one knows up to %d: install the newer program, or restore a backup", version, s.latest)
	}
	if version == s.latest {
		return nil
	}
	db, err := open()
	if err != nil {
		return fmt.Errorf("open the database for its schema: %w", err)
	}
	options := append([]goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger())}, s.options...)
	p, err := goose.NewProvider(s.dialect, db, s.files, options...)
	if err == nil {
		_, err = p.Up(ctx)
	}
	if err = errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("bring the schema up to date: %w", err)
	}
	return nil
}

func schemaVersion(ctx context.Context, c conn, hasTable string) (int64, error) {
	tables, _, err := first(ctx, c, scanNumber, hasTable, goose.DefaultTablename)
	if err != nil || tables == 0 {
		return 0, err
	}
	version, _, err := first(ctx, c, scanNumber, "SELECT COALESCE(MAX(version_id), 0) FROM "+goose.DefaultTablename+" WHERE is_applied")
	return version, err
}
