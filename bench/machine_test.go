package bench_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// describeMachine tells what the figures depend on: processor, load, and how
// long a flush to the disk takes.
func describeMachine(tb testing.TB) string {
	tb.Helper()
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		tb.Fatal(err)
	}
	model := "processor of unknown make"
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	average, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		tb.Fatal(err)
	}
	load, _, _ := strings.Cut(string(average), " ")
	return fmt.Sprintf("%s\n%d cores, %s, load %s at the start, a flush to disk takes %d us",
		model, runtime.NumCPU(), runtime.Version(), load, flushTime(tb).Microseconds())
}

// flushTime is the median time of appending a page to a file and flushing it
// to the disk, where the databases of the measurement are.
func flushTime(tb testing.TB) time.Duration {
	tb.Helper()
	f, err := os.Create(filepath.Join(tb.TempDir(), "flush"))
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var took []time.Duration
	for range 100 {
		begun := time.Now()
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			tb.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			tb.Fatal(err)
		}
		took = append(took, time.Since(begun))
	}
	return median(took)
}
