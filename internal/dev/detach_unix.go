//go:build unix

package dev

import (
	"os/exec"
	"syscall"
)

// detach keeps a terminal's Ctrl-C from the program: it is stopped after the
// service, which still talks to it.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
