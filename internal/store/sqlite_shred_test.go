package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/secret"
	"cloudpki/internal/store"
)

const shredded = "a ciphertext that is to vanish"

// traces names the files in dir that hold the ciphertext.
func traces(t *testing.T, dir string) (found []string) {
	t.Helper()
	for _, name := range []string{"cloudpki.db", "cloudpki.db-wal"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(shredded)) {
			found = append(found, name)
		}
	}
	return found
}

func purge(t *testing.T, db *store.DB) {
	t.Helper()
	if _, err := db.Purge(t.Context(), odata.Never(), 1000); err != nil {
		t.Fatal(err)
	}
}

// keepSecrets stores objects whose every secret is the ciphertext, and sees to
// it that nothing is owed from the start.
func keepSecrets(t *testing.T, dir string, n int) *store.DB {
	t.Helper()
	db := open(t, "sqlite:"+filepath.Join(dir, "cloudpki.db"))
	for i := range n {
		s := subscription(pki.ID(fmt.Sprint(i)), int64(i))
		s.Credentials = &pki.Credentials{
			Password: secret.Sealed(shredded), Certificate: bytes.Repeat([]byte(shredded), 300), CertificatePassword: secret.Sealed(shredded),
			Key: secret.Sealed(shredded), Accepted: odata.Never(),
		}
		if err := db.CreateSubscription(t.Context(), s, pki.Effects{}, nil); err != nil {
			t.Fatal(err)
		}
	}
	purge(t, db)
	if len(traces(t, dir)) == 0 {
		t.Fatal("the secrets are not there to begin with")
	}
	return db
}

// ways are how a secret ends.
func ways() map[string]func(*testing.T, *store.DB, pki.ID) error {
	update := func(change func(*pki.Subscription)) func(*testing.T, *store.DB, pki.ID) error {
		return func(t *testing.T, db *store.DB, id pki.ID) error {
			_, err := db.UpdateSubscription(t.Context(), "t", id, func(s *pki.Subscription) (pki.Effects, error) {
				change(s)
				return pki.Effects{}, nil
			})
			return err
		}
	}
	return map[string]func(*testing.T, *store.DB, pki.ID) error{
		"deleted": func(t *testing.T, db *store.DB, id pki.ID) error {
			return db.DeleteSubscription(t.Context(), "t", id, nil, pki.AuditEvent{ID: id})
		},
		"credentials null": update(func(s *pki.Subscription) { s.Credentials = nil }),
		"replaced": update(func(s *pki.Subscription) {
			other := secret.Sealed("another")
			s.Credentials.Password, s.Credentials.Certificate, s.Credentials.CertificatePassword, s.Credentials.Key = other, other, other, other
		}),
	}
}

// TestSQLiteShredsSecrets looks into the files themselves for what a deleted
// or replaced secret was.
func TestSQLiteShredsSecrets(t *testing.T) {
	const n = 20
	for name, remove := range ways() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			db := keepSecrets(t, dir, n)
			for i := range n {
				if err := remove(t, db, pki.ID(fmt.Sprint(i))); err != nil {
					t.Fatal(err)
				}
			}
			purge(t, db)
			if found := traces(t, dir); len(found) > 0 {
				t.Errorf("secrets are still in %v", found)
			}
		})
		t.Run(name+", with a backup in the way", func(t *testing.T) {
			dir := t.TempDir()
			db := keepSecrets(t, dir, 1)
			end := read(t, dir)
			if err := remove(t, db, "0"); err != nil {
				t.Fatal(err)
			}
			purge(t, db)
			if len(traces(t, dir)) == 0 {
				t.Fatal("the backup was not in the way")
			}
			end()
			purge(t, db)
			if found := traces(t, dir); len(found) > 0 {
				t.Errorf("secrets are still in %v after the backup", found)
			}
		})
		t.Run(name+", before a start", func(t *testing.T) {
			dir := t.TempDir()
			db := keepSecrets(t, dir, 1)
			end := read(t, dir) // keeps the log when the store is closed
			if err := errors.Join(remove(t, db, "0"), db.Close()); err != nil {
				t.Fatal(err)
			}
			db = open(t, "sqlite:"+filepath.Join(dir, "cloudpki.db"))
			end()
			if len(traces(t, dir)) == 0 {
				t.Fatal("nothing was left to shred")
			}
			purge(t, db)
			if found := traces(t, dir); len(found) > 0 {
				t.Errorf("secrets are still in %v after a start", found)
			}
		})
	}
}

// read holds a transaction that reads, as a backup does, until end is called.
func read(t *testing.T, dir string) (end func()) {
	t.Helper()
	c, err := sqlite3.Open(filepath.Join(dir, "cloudpki.db"))
	if err != nil {
		t.Fatal(err)
	}
	s, _, err := c.Prepare("SELECT id FROM subscriptions")
	if err != nil || c.Exec("BEGIN") != nil || !s.Step() {
		t.Fatal("the file cannot be read", err)
	}
	return func() {
		if err := errors.Join(s.Close(), c.Close()); err != nil {
			t.Error(err)
		}
	}
}
