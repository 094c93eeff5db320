package main

import (
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// tenant stands in the column that every row of cloudpki begins with.
const tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47"

// schema has one index, the primary key, which serves get and list. Times are
// steps of 100 ns since 1970, offsets minutes east of UTC.
const schema = `
CREATE TABLE IF NOT EXISTS subscriptions (
	tenant TEXT NOT NULL,
	id TEXT NOT NULL,
	provider TEXT NOT NULL,
	created INTEGER NOT NULL,
	description TEXT,
	last_modified INTEGER NOT NULL,
	last_modified_offset INTEGER NOT NULL,
	display_name TEXT,
	sync_status TEXT NOT NULL,
	last_sync_error TEXT,
	last_sync INTEGER NOT NULL,
	last_sync_offset INTEGER NOT NULL,
	credentials INTEGER NOT NULL,
	user_name TEXT,
	trusted_root BLOB,
	version INTEGER NOT NULL,
	paused INTEGER,
	password BLOB,
	certificate BLOB,
	certificate_password BLOB,
	PRIMARY KEY (tenant, id)
) STRICT;`

const (
	columns = `id, provider, created, description, last_modified, last_modified_offset, display_name,
	sync_status, last_sync_error, last_sync, last_sync_offset, credentials, user_name, trusted_root, version, paused`
	insertRow = `INSERT INTO subscriptions (tenant, ` + columns + `, password, certificate, certificate_password)
	VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)`
	selectOne  = `SELECT ` + columns + ` FROM subscriptions WHERE tenant = ?1 AND id = ?2`
	selectPage = `SELECT ` + columns + ` FROM subscriptions WHERE tenant = ?1 AND id > ?2 ORDER BY id LIMIT ?3`
)

// A store is one SQLite file: a connection that writes behind a mutex, and
// others that read.
type store struct {
	mu      sync.Mutex
	writer  *sqlite3.Conn
	insert  *sqlite3.Stmt
	readers chan *reader
	count   int
}

// A reader is a connection with its two queries.
type reader struct {
	db        *sqlite3.Conn
	one, page *sqlite3.Stmt
}

func openStore(path string) (_ *store, err error) {
	address := (&url.URL{Scheme: "file", OmitHost: true, Path: path}).String()
	writer, err := openConn(address)
	if err != nil {
		return nil, err
	}
	s := &store{writer: writer}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err := writer.Exec(schema); err != nil {
		return nil, fmt.Errorf("make the schema: %w", err)
	}
	if s.insert, _, err = writer.Prepare(insertRow); err != nil {
		return nil, fmt.Errorf("prepare the insert: %w", err)
	}
	n := max(2, runtime.GOMAXPROCS(0))
	s.readers = make(chan *reader, n)
	for range n {
		r, err := openReader(address)
		if err != nil {
			return nil, err
		}
		s.readers <- r
		s.count++
	}
	return s, nil
}

// openConn opens a connection whose commits wait for the disk.
func openConn(address string) (*sqlite3.Conn, error) {
	db, err := sqlite3.Open(address)
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		db.BusyTimeout(10*time.Second),
		db.Exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -3072; PRAGMA temp_store = MEMORY"),
	)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func openReader(address string) (*reader, error) {
	db, err := openConn(address)
	if err != nil {
		return nil, err
	}
	r := &reader{db: db}
	if r.one, _, err = db.PrepareFlags(selectOne, sqlite3.PREPARE_PERSISTENT); err == nil {
		r.page, _, err = db.PrepareFlags(selectPage, sqlite3.PREPARE_PERSISTENT)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare the queries: %w", err), db.Close())
	}
	return r, nil
}

// close waits for the requests under way.
func (s *store) close() error {
	var errs []error
	for range s.count {
		r := <-s.readers
		errs = append(errs, r.one.Close(), r.page.Close(), r.db.Close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(append(errs, s.insert.Close(), s.writer.Close())...)
}

// create stores sub with its sealed secrets and returns when it is on disk.
func (s *store) create(sub *subscription, secrets [3][]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := bindRow(s.insert, sub, secrets); err != nil {
		return err
	}
	return s.insert.Exec()
}

// get returns the subscription called id, and whether there is one.
func (s *store) get(id string) (sub subscription, found bool, err error) {
	r := <-s.readers
	defer func() { s.readers <- r }()
	if err := errors.Join(r.one.BindText(1, tenant), r.one.BindText(2, id)); err != nil {
		return sub, false, err
	}
	if found = r.one.Step(); found {
		sub = readRow(r.one)
	}
	return sub, found, r.one.Reset()
}

// list returns the first n subscriptions after the id.
func (s *store) list(after string, n int) ([]subscription, error) {
	r := <-s.readers
	defer func() { s.readers <- r }()
	if err := errors.Join(r.page.BindText(1, tenant), r.page.BindText(2, after), r.page.BindInt(3, n)); err != nil {
		return nil, err
	}
	list := make([]subscription, 0, n)
	for r.page.Step() {
		list = append(list, readRow(r.page))
	}
	return list, r.page.Reset()
}
