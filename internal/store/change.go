package store

import (
	"context"

	"cloudpki/internal/pki"
)

// record is told of every change in the transaction that makes it: what
// follows changes cannot miss one, and none is told that was not made.
func (db *DB) record(ctx context.Context, c conn, changes ...pki.Change) error {
	return db.enqueue(ctx, c, changes)
}
