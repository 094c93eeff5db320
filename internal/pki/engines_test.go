package pki_test

import (
	"context"
	"os"
	"testing"

	"cloudpki/internal/pgtest"
	"cloudpki/internal/store"
)

var engines = pgtest.Engines{Prepare: prepare}

// prepare makes the tables.
func prepare(ctx context.Context, url string) error {
	db, err := store.Open(ctx, store.Options{URL: url})
	if err != nil {
		return err
	}
	return db.Close()
}

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

func TestOnPostgreSQL(t *testing.T) { engines.Again(t) }
