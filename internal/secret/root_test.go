package secret_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cloudpki/internal/secret"
)

func TestRootKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "root.key")
	if _, err := secret.LoadRoot(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("missing file: err = %v", err)
	}
	made, created, err := secret.LoadOrCreateRoot(path)
	if err != nil || !created {
		t.Fatalf("LoadOrCreateRoot = %v, created %v", err, created)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode = %v, %v; want 0600", info.Mode(), err)
	}
	read, created, err := secret.LoadOrCreateRoot(path)
	if err != nil || created {
		t.Fatalf("second start: %v, created %v", err, created)
	}
	if !bytes.Equal(derive(t, made, "a"), derive(t, read, "a")) {
		t.Error("the key read is not the key written")
	}
	if bytes.Equal(derive(t, made, "a"), derive(t, made, "b")) {
		t.Error("two purposes give the same key")
	}
	if _, err := secret.CreateRoot(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("CreateRoot over an existing key: err = %v, want fs.ErrExist", err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("files left behind: %v, %v", entries, err)
	}
}

func TestRootKeyFileFaults(t *testing.T) {
	good := func(t *testing.T) string {
		path := filepath.Join(t.TempDir(), "root.key")
		if _, err := secret.CreateRoot(path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct {
		spoil func(t *testing.T, path string)
		want  string
	}{
		"readable by others": {func(t *testing.T, p string) { check(t, os.Chmod(p, 0o640)) }, "mode to 0600"},
		"another file":       {func(t *testing.T, p string) { check(t, os.WriteFile(p, []byte("-----BEGIN"), 0o600)) }, "not a root key file"},
		"empty":              {func(t *testing.T, p string) { check(t, os.Truncate(p, 0)) }, "not a root key file"},
		"cut short":          {func(t *testing.T, p string) { check(t, os.Truncate(p, 40)) }, "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			path := good(t)
			c.spoil(t, path)
			_, err := secret.LoadRoot(path)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("err = %v, want it to say %q", err, c.want)
			}
		})
	}
}

func derive(t *testing.T, r *secret.Root, purpose string) []byte {
	t.Helper()
	key, err := r.Derive(purpose)
	check(t, err)
	return key
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
