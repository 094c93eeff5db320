package secret

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// ErrKeyPermissions reports a key file that others than its owner may read.
var ErrKeyPermissions = errors.New("key file is accessible to group or others; set its mode to 0600")

// ReadKeyFile returns the content of a file that its owner alone may read:
// ErrKeyPermissions otherwise, fs.ErrNotExist where there is none.
func ReadKeyFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	// Windows has other permissions, which Go shows as 0666.
	if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%s: %w", path, ErrKeyPermissions)
	}
	return os.ReadFile(path)
}

// WriteKeyFile creates path with mode 0600 so that a crash leaves either no
// file or the whole file: a torn key would lock everybody out. An existing file
// is never overwritten: fs.ErrExist.
func WriteKeyFile(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, ".key-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(tmp.Name())) }()
	_, err = tmp.Write(data)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil {
		return err
	}
	return syncDirectory(dir)
}

// syncDirectory makes a new name durable; Windows does so by itself and knows
// no such call.
func syncDirectory(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
