package storetest

import (
	"context"

	"cloudpki/internal/store"
)

// Prepare makes the tables in the database with the address, so that tests can
// begin with a copy of it.
func Prepare(ctx context.Context, url string) error {
	db, err := store.Open(ctx, store.Options{URL: url})
	if err != nil {
		return err
	}
	return db.Close()
}
