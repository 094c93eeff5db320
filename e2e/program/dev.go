package program

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Dev runs `cloudpki dev` on a database ("" is SQLite) until the test ends,
// checks that it stops in order, and returns its dev.json and the link that it
// prints.
func Dev(tb testing.TB, program, data, database string) Connection {
	tb.Helper()
	cmd := exec.Command(program, append([]string{"dev", "--data", data, "--listen", "127.0.0.1:0"}, onDatabase(database)...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	ready := make(chan string, 1)
	read := make(chan string, 1)
	go func() {
		var text strings.Builder
		link := ""
		for scan := bufio.NewScanner(out); scan.Scan(); {
			text.WriteString(scan.Text() + "\n")
			switch line := strings.TrimSpace(scan.Text()); {
			case strings.Contains(line, "/console/signin/link/"):
				link = line
			case strings.HasPrefix(line, "Serving until"):
				ready <- link
			}
		}
		read <- text.String()
	}()
	tb.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT) // it may have ended by itself
		text := <-read
		if err := cmd.Wait(); err != nil {
			tb.Errorf("the program did not stop in order: %v\n%s", err, text)
		}
	})
	link := ""
	select {
	case link = <-ready:
	case text := <-read:
		read <- text
		tb.Fatalf("the program ended early:\n%s", text)
	case <-time.After(startLimit):
		tb.Fatal("the program did not serve in time")
	}
	c := ReadConnection(tb, filepath.Join(data, "dev.json"))
	c.Link = link
	return c
}
