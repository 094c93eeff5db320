package program

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// startLimit is how long the program may take until it serves.
const startLimit = time.Minute

// Prepare lets `cloudpki dev --once` make a data directory with its
// configuration and clients.
func Prepare(tb testing.TB, program, data, database string) Connection {
	tb.Helper()
	args := append([]string{"dev", "--data", data, "--once", "--listen", "127.0.0.1:0"}, onDatabase(database)...)
	if out, err := exec.CommandContext(tb.Context(), program, args...).CombinedOutput(); err != nil {
		tb.Fatalf("prepare: %v\n%s", err, out)
	}
	return ReadConnection(tb, filepath.Join(data, "dev.json"))
}

func onDatabase(database string) []string {
	if database == "" {
		return nil
	}
	return []string{"--database", database}
}

// Serve starts `cloudpki serve` on a prepared data directory with further
// environment variables and waits until it is ready. Its output goes to the
// file log in the data directory. The caller ends it.
func Serve(tb testing.TB, program, data string, c Connection, env ...string) *exec.Cmd {
	tb.Helper()
	path := filepath.Join(data, "log")
	log, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = log.Close() }() // the program has its own
	cmd := exec.Command(program, "serve", "--config", filepath.Join(data, "cloudpki.yaml"))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), env...)
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithTimeout(tb.Context(), startLimit)
	defer stop()
	if err := AwaitReady(ctx, c.HTTPClient(tb), c.Authority); err != nil {
		Kill(cmd)
		text, _ := os.ReadFile(path)
		tb.Fatalf("%v\n%s", err, text[max(0, len(text)-4000):])
	}
	return cmd
}

// Kill ends a program with SIGKILL. It may have ended before.
func Kill(cmd *exec.Cmd) { _, _ = cmd.Process.Kill(), cmd.Wait() }
