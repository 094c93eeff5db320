package secret

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	keySize = 32 // AES-256

	// rootPrefix opens a root key file, so that another file given by mistake
	// is told apart from a damaged key.
	rootPrefix = "cloudpki-root-key-1:"
)

// ErrRootPermissions reports a root key file that others may read.
var ErrRootPermissions = errors.New("root key file is accessible to group or others; set its mode to 0600")

// A Root is the key that wraps the tenants' data keys. It lives in a file, not
// in the database, so that a copy of the database alone opens nothing.
type Root struct {
	id  [idSize]byte // first bytes of SHA-256 over the key: names it in what it wrapped
	key [keySize]byte
}

// LoadRoot reads a root key file. The file must not be accessible to others:
// ErrRootPermissions. A missing file is fs.ErrNotExist.
func LoadRoot(path string) (*Root, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read root key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: %w", path, ErrRootPermissions)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read root key: %w", err)
	}
	encoded, ok := strings.CutPrefix(strings.TrimSpace(string(text)), rootPrefix)
	if !ok {
		return nil, fmt.Errorf("%s is not a root key file: it does not begin with %q", path, rootPrefix)
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("%s is damaged: it does not hold a key of %d bytes", path, keySize)
	}
	return newRoot([keySize]byte(key)), nil
}

// CreateRoot writes a new random root key to path with mode 0600 and returns
// it. An existing file is never overwritten: fs.ErrExist.
func CreateRoot(path string) (*Root, error) {
	var key [keySize]byte
	if _, err := rand.Read(key[:]); err != nil {
		return nil, fmt.Errorf("make root key: %w", err)
	}
	text := rootPrefix + base64.StdEncoding.EncodeToString(key[:]) + "\n"
	if err := writeNew(path, []byte(text)); err != nil {
		return nil, fmt.Errorf("write root key: %w", err)
	}
	return newRoot(key), nil
}

// LoadOrCreateRoot reads the root key at path, or makes it where there is no
// file yet, and says which.
func LoadOrCreateRoot(path string) (root *Root, created bool, err error) {
	root, err = LoadRoot(path)
	if errors.Is(err, fs.ErrNotExist) {
		root, err = CreateRoot(path)
		return root, err == nil, err
	}
	return root, false, err
}

// Derive returns 32 bytes for another purpose than wrapping data keys, by
// HKDF-SHA256 (RFC 5869). Different purposes give unrelated keys.
func (r *Root) Derive(purpose string) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, r.key[:], nil, "cloudpki "+purpose, keySize)
	if err != nil {
		return nil, fmt.Errorf("derive key for %s: %w", purpose, err)
	}
	return key, nil
}

func newRoot(key [keySize]byte) *Root {
	sum := sha256.Sum256(append([]byte("cloudpki root key id"), key[:]...))
	return &Root{id: [idSize]byte(sum[:idSize]), key: key}
}

// writeNew creates path with mode 0600 so that a crash leaves either no file
// or the whole file: a torn key would lock out every tenant.
func writeNew(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, ".key-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(tmp.Name())) }()
	if _, err := tmp.Write(data); err != nil {
		return errors.Join(err, tmp.Close())
	}
	if err := errors.Join(tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil {
		return err // fs.ErrExist where another process was first
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
