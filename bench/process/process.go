// Package process starts a program and reads what the kernel knows of it:
// processor time and memory, from /proc (Linux, proc(5)).
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A Process is a running program.
type Process struct {
	cmd    *exec.Cmd
	output bytes.Buffer
}

// Start runs the program with further environment variables. It ends with ctx
// if it was not stopped before.
func Start(ctx context.Context, env []string, program string, args ...string) (*Process, error) {
	p := &Process{cmd: exec.CommandContext(ctx, program, args...)} //nolint:gosec // the caller's own program
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	return p, nil
}

// farewell is how long a program may take to end before it is killed.
const farewell = 30 * time.Second

// Stop asks the program to end, waits for it and returns an error with what it
// wrote when it did not end well.
func (p *Process) Stop() error {
	defer time.AfterFunc(farewell, func() { _ = p.cmd.Process.Kill() }).Stop()
	err := p.Signal(syscall.SIGTERM)
	if err = errors.Join(err, p.cmd.Wait()); err != nil {
		return fmt.Errorf("stop %s: %w\n%s", p.cmd.Path, err, p.output.Bytes())
	}
	return nil
}

// Signal sends a signal to the program.
func (p *Process) Signal(sig os.Signal) error { return p.cmd.Process.Signal(sig) }

// clockTick is the unit of times in /proc/PID/stat, which Linux keeps at a
// hundredth of a second for user space on all its platforms.
const clockTick = time.Second / 100

// CPU returns the processor time that the process has used so far, its own and
// the kernel's on its behalf, in steps of 10 ms.
func (p *Process) CPU() (time.Duration, error) {
	text, err := os.ReadFile(p.file("stat"))
	if err != nil {
		return 0, fmt.Errorf("read the processor time: %w", err)
	}
	// The second field is the program's name in parentheses and may hold anything.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0, errors.New("read the processor time: too few fields")
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * clockTick, errors.Join(err, err2)
}

// Memory is what a process occupies, in bytes.
type Memory struct {
	Resident int64 // now (VmRSS)
	Peak     int64 // at most since the start (VmHWM)
}

// Memory returns what the process occupies.
func (p *Process) Memory() (Memory, error) {
	text, err := os.ReadFile(p.file("status"))
	if err != nil {
		return Memory{}, fmt.Errorf("read the memory: %w", err)
	}
	var m Memory
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		var to *int64
		switch name {
		case "VmRSS":
			to = &m.Resident
		case "VmHWM":
			to = &m.Peak
		default:
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return Memory{}, fmt.Errorf("read %s: %w", name, err)
		}
		*to = kib << 10
	}
	return m, nil
}

func (p *Process) file(name string) string {
	return fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, name)
}
