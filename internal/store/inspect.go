package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"cloudpki/internal/secret"
)

// An Inspection is what a database shows to somebody who changes nothing in it.
type Inspection struct {
	Engine string // "sqlite" or "postgres"
	Exists bool   // false for a SQLite file that the first start will make; the rest is zero then
	InUse  bool   // another process has the SQLite file open

	Version, Latest int64 // of the schema: found, and known to this program; the rest is read where they are equal

	Checked bool   // the pages of the SQLite file were looked at
	Damage  string // what is wrong with them; "" for nothing

	Sealed bool // there are keys that a root key has wrapped
	Key    secret.WrappedKey

	Endpoints []Endpoint // of the CAs, each once; MaxEndpoints at most
	Further   int64      // endpoints beyond those

	AlertSinks []AlertSink // those that something waits for or was sent to
}

// An Endpoint is a server that syncs call.
type Endpoint struct {
	Host      string // "ca.example.com:443"
	ServerCAs []byte // PEM or DER that may sign its certificate; nil for the system's
}

// MaxEndpoints bounds the servers that an inspection names.
const MaxEndpoints = 500

// Inspect looks at the database at url, as Options has it, without changing it:
// no schema is brought up to date, and a SQLite file is not locked against the
// process that has it open.
func Inspect(ctx context.Context, url string) (found Inspection, err error) {
	path, isFile := strings.CutPrefix(url, "sqlite:")
	switch {
	case isFile:
		found, err = inspectSQLite(ctx, path)
	case isPostgres(url):
		found, err = inspectPostgres(ctx, url)
	default:
		err = errors.New("the database URL must begin with sqlite: or postgres://")
	}
	if err != nil {
		return found, fmt.Errorf("inspect the database: %w", err)
	}
	return found, nil
}

// look reads what both engines have. hasTable is that of steps.apply.
func (i *Inspection) look(ctx context.Context, c conn, steps steps, hasTable string) (err error) {
	i.Latest = steps.latest
	if i.Version, err = schemaVersion(ctx, c, hasTable); err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if i.Version != i.Latest {
		return nil
	}
	i.Key, i.Sealed, err = first(ctx, c, scanKey, "SELECT id, wrapped FROM tenant_keys ORDER BY tenant LIMIT 1")
	if err != nil {
		return fmt.Errorf("look for sealed keys: %w", err)
	}
	if i.AlertSinks, err = all(ctx, c, scanAlertSink, alertSinksText); err != nil {
		return fmt.Errorf("look at what waits of alerts: %w", err)
	}
	scan := func(r rows) (e Endpoint, err error) { return e, r.scan(&e.Host, &e.ServerCAs) }
	const endpoints = "SELECT DISTINCT ca_host, server_certificate_authorities FROM subscriptions WHERE ca_host <> ''"
	if i.Endpoints, err = all(ctx, c, scan, endpoints+" ORDER BY ca_host LIMIT ?1", MaxEndpoints); err != nil {
		return fmt.Errorf("look for the servers of CAs: %w", err)
	}
	if len(i.Endpoints) < MaxEndpoints {
		return nil
	}
	n, _, err := first(ctx, c, scanNumber, "SELECT COUNT(*) FROM ("+endpoints+") AS endpoints")
	if err != nil {
		return fmt.Errorf("count the servers of CAs: %w", err)
	}
	i.Further = n - MaxEndpoints
	return nil
}
