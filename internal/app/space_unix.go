//go:build linux || darwin

package app

import (
	"fmt"
	"syscall"
)

// freeSpace returns the bytes that an ordinary user may still write at path.
func freeSpace(path string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return 0, fmt.Errorf("look for the free space of %s: %w", path, err)
	}
	return s.Bavail * uint64(s.Bsize), nil
}
