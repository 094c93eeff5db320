// The program with a CPU profile: what -profile builds in the place of
// cmd/cloudpki/main.go. SIGUSR1 begins a profile, and the next one ends it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"syscall"

	"cloudpki/internal/cli"
)

func main() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	go profile(os.Getenv("PROFILE_DIR"), signals)
	os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// profile writes the profiles 1.pprof, 2.pprof, ... into dir.
func profile(dir string, signals <-chan os.Signal) {
	for n := 1; ; n++ {
		<-signals
		f, err := os.Create(filepath.Join(dir, fmt.Sprint(n, ".part")))
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "profile:", err)
			return
		}
		<-signals
		pprof.StopCPUProfile()
		_ = f.Close()
		_ = os.Rename(f.Name(), filepath.Join(dir, fmt.Sprint(n, ".pprof")))
	}
}
