package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"
)

// inspectSQLite looks at the file at path. One that nobody has open is read as
// a file that does not change, so that nothing appears beside it; one in use,
// or with a log that a crash has left, is read beside its writer, as SQLite
// allows. Its pages are looked at only where nobody has it open: that takes
// long and would keep the log from being emptied.
func inspectSQLite(ctx context.Context, path string) (found Inspection, err error) {
	found.Engine = "sqlite"
	if path, err = filepath.Abs(path); err != nil {
		return found, fmt.Errorf("find the SQLite file: %w", err)
	}
	if info, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return found, nil
	} else if err != nil {
		return found, fmt.Errorf("find the SQLite file: %w", err)
	}
	found.Exists = true
	lock := filepath.Join(filepath.Dir(path), lockName)
	if found.InUse, err = isLocked(lock); err != nil {
		return found, err
	}
	address := sqliteAddress(path, "") + "&mode=ro"
	log, err := os.Stat(path + "-wal")
	if !found.InUse && (err != nil || log.Size() == 0) {
		address += "&immutable=1"
	}
	c, err := openSQLiteConn(ctx, address, false)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	c.db.SetInterrupt(ctx)
	steps, err := sqliteSteps()
	if err != nil {
		return found, err
	}
	if err := found.look(ctx, c, steps, sqliteHasTable); err != nil || found.InUse {
		return found, err
	}
	return found, found.checkPages(ctx, c, lock)
}

// checkPages looks at every page of the file. What is found counts for nothing
// where a service has begun to write meanwhile, or the time was too short.
func (i *Inspection) checkPages(ctx context.Context, c *sqliteConn, lock string) error {
	said, _, err := first(ctx, c, scanText, "PRAGMA quick_check(1)")
	if errors.Is(err, sqlite3.INTERRUPT) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("check the pages: %w", err)
	}
	if i.InUse, err = isLocked(lock); err != nil || i.InUse {
		return err
	}
	i.Checked = true
	if said != "ok" {
		i.Damage = said
	}
	return nil
}
