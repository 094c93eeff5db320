package config

import (
	"errors"
	"io/fs"
	"os"
)

// othersRead is the permission bit that lets everybody read a file.
const othersRead = 0o004

// publicFile checks that a file can be read.
func publicFile(f *Faults, setting, path string) {
	file, err := os.Open(path)
	if err != nil {
		unreadable(f, setting, path, err)
		return
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		f.add(setting, "%s is no file", path)
	}
}

// secretFile checks that a file can be read, and not by everybody.
func secretFile(f *Faults, setting, path string) {
	before := len(*f)
	publicFile(f, setting, path)
	if len(*f) > before {
		return
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&othersRead != 0 {
		f.add(setting, "%s can be read by everybody; run: chmod 600 %s", path, path)
	}
}

// unreadable says why a file cannot be read.
func unreadable(f *Faults, setting, path string, err error) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.add(setting, "%s does not exist", path)
	case errors.Is(err, fs.ErrPermission):
		f.add(setting, "%s may not be read by the user the service runs as", path)
	default:
		f.add(setting, "%v", err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
