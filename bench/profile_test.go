package bench_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"cloudpki/e2e/program"
)

var profileDir = flag.String("profile", "", "folder for a CPU profile of cloudpki for each operation; nothing is compared then")

// profileTime is how long an operation is profiled.
const profileTime = 10 * time.Second

// profile writes OPERATION.pprof into the folder for each operation.
func profile(b *testing.B, dir string) {
	b.Helper()
	dir, err := filepath.Abs(dir)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	s := newProduct(b)
	s.env = append(s.env, "PROFILE_DIR="+dir)
	s.begin(b, *connections)
	work := s.prepare(b, *rows)
	for i, name := range operations() {
		s.round(b, work[name], warmUp)
		if err := s.running.Signal(syscall.SIGUSR1); err != nil {
			b.Fatal(err)
		}
		s.round(b, work[name], profileTime)
		if err := s.running.Signal(syscall.SIGUSR1); err != nil {
			b.Fatal(err)
		}
		to := filepath.Join(dir, name+".pprof")
		await(b, filepath.Join(dir, fmt.Sprint(i+1, ".pprof")), to)
		fmt.Println(to)
	}
}

// await waits for a file and renames it.
func await(tb testing.TB, from, to string) {
	tb.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		err := os.Rename(from, to)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatal(err)
		}
	}
}

// build compiles cloudpki, with -profile so that it can be profiled.
func build(tb testing.TB) string {
	tb.Helper()
	if *profileDir == "" {
		return program.Build(tb, "..")
	}
	replaced, err := filepath.Abs("../cmd/cloudpki/main.go")
	if err != nil {
		tb.Fatal(err)
	}
	by, err := filepath.Abs("testdata/profiled.go")
	if err != nil {
		tb.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{replaced: by}})
	if err != nil {
		tb.Fatal(err)
	}
	dir := tb.TempDir()
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		tb.Fatal(err)
	}
	binary := filepath.Join(dir, "cloudpki")
	build := exec.CommandContext(tb.Context(), "go", "build", "-overlay", list, "-o", binary, "./cmd/cloudpki")
	build.Dir, build.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("build the program: %v\n%s", err, out)
	}
	return binary
}
