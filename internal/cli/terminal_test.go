package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal returns both ends of a pseudo terminal (pty(7)).
func openTerminal(t *testing.T) (keyboard, screen *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slave.Close() })
	return master, slave
}

func echoes(t *testing.T, f *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// untilSilent waits until the terminal no longer echoes.
func untilSilent(t *testing.T, f *os.File) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); echoes(t, f); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the terminal still echoes")
		}
	}
}

func TestPasswordIsReadWithoutEcho(t *testing.T) {
	t.Parallel()
	keyboard, screen := openTerminal(t)
	if err := unix.IoctlSetWinsize(int(screen.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: 77, Row: 20}); err != nil {
		t.Fatal(err)
	}
	terminal := terminalOf(screen, screen, screen)
	if !terminal.in || !terminal.out || !terminal.err || terminal.width != 77 {
		t.Errorf("terminal %+v, want one of 77 columns", terminal)
	}
	go func() {
		untilSilent(t, screen)
		_, _ = keyboard.WriteString("s3cret\n")
	}()
	got, err := terminal.readSecret(t.Context())
	if err != nil || string(got) != "s3cret" {
		t.Fatalf("read %q, %v", got, err)
	}
	if _, err := screen.WriteString("shown"); err != nil {
		t.Fatal(err)
	}
	seen := make([]byte, 64)
	n, err := keyboard.Read(seen)
	if err != nil || strings.Contains(string(seen[:n]), "s3cret") {
		t.Errorf("the screen shows %q, %v", seen[:n], err)
	}
}

func TestInterruptedPromptEchoesAgain(t *testing.T) {
	t.Parallel()
	keyboard, screen := openTerminal(t)
	// The read outlives the call, so it gets a descriptor that stays open:
	// one that is closed would soon be that of another test's terminal.
	fd, err := unix.Dup(int(screen.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := readSecret(ctx, fd)
		done <- err
	}()
	untilSilent(t, screen)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
	if !echoes(t, screen) {
		t.Error("the terminal stays without echo")
	}
	if _, err := keyboard.WriteString("\n"); err != nil { // ends the read that nothing else ends
		t.Fatal(err)
	}
}

func TestPipesAreNoTerminals(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close(); _ = w.Close() })
	if got := terminalOf(r, w, w); got.in || got.out || got.err || got.width != 0 {
		t.Errorf("terminal %+v for pipes", got)
	}
}
