package secret

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

const (
	keySize = 32 // AES-256

	// rootPrefix opens a root key file, so that another file given by mistake
	// is told apart from a damaged key.
	rootPrefix = "cloudpki-root-key-1:"
)

// A Root is the key that wraps the tenants' data keys. It lives in a file, not
// in the database, so that a copy of the database alone opens nothing.
type Root struct {
	id  [idSize]byte // first bytes of SHA-256 over the key: names it in what it wrapped
	key [keySize]byte
}

// LoadRoot reads a root key file. Errors are those of ReadKeyFile.
func LoadRoot(path string) (*Root, error) {
	text, err := ReadKeyFile(path)
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
	if err := WriteKeyFile(path, []byte(text)); err != nil {
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
		if !errors.Is(err, fs.ErrExist) {
			return root, err == nil, err
		}
		root, err = LoadRoot(path) // another process was first
	}
	return root, false, err
}

// Wrapped reports whether key was wrapped by r, by the key id that it names.
func (r *Root) Wrapped(key WrappedKey) bool {
	id, err := keyID(key.Wrapped)
	return err == nil && id == r.id
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
