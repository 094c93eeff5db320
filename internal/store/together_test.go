package store_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"cloudpki/internal/store/storetest"
)

func TestSQLiteAllTogether(t *testing.T) { storetest.Together(t, openSQLite(t)) }

// TestPostgresAllTogether: transactions wait for each other, but never in a
// circle.
func TestPostgresAllTogether(t *testing.T) {
	url := cluster.Database(t)
	t.Run("load", func(t *testing.T) { storetest.Together(t, open(t, url)) }) // what its connections have met is counted with their end
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	var deadlocks int
	if err := c.QueryRow(t.Context(), "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").Scan(&deadlocks); err != nil || deadlocks != 0 {
		t.Errorf("%d deadlocks, %v", deadlocks, err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
