package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/cobra"

	"cloudpki/internal/app"
	"cloudpki/internal/config"
	"cloudpki/internal/dev"
)

// start runs a command of a program whose service and dev are stand-ins.
func start(t *testing.T, p *program, args ...string) (exit int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	p.in, p.out, p.err, p.now = strings.NewReader(""), &out, &err, time.Now
	return p.run(t.Context(), args), out.String(), err.String()
}

func TestServeTakesItsConfigurationFromFlags(t *testing.T) {
	t.Parallel()
	var got config.Config
	p := &program{serve: func(_ context.Context, c config.Config, o app.Options) error {
		got = c
		o.Log.Info("started")
		return nil
	}}
	exit, _, stderr := start(t, p, "serve", "--listen-address", "127.0.0.1:9443", "--metrics-enabled=false", "--sync-minimum-interval", "20m", "--log-format", "json")
	if exit != exitOK || !strings.Contains(stderr, `"msg":"started"`) {
		t.Fatalf("exit %d, log %s", exit, stderr)
	}
	if got.Listen.Address != "127.0.0.1:9443" || got.Metrics.Enabled || got.Sync.MinimumInterval != 20*time.Minute {
		t.Errorf("configuration %+v", got)
	}
}

func TestServeFails(t *testing.T) {
	t.Parallel()
	p := &program{serve: func(context.Context, config.Config, app.Options) error { return errors.New("listen.address: taken") }}
	if exit, _, stderr := start(t, p, "serve"); exit != exitFailed || stderr != "error: listen.address: taken\n" {
		t.Errorf("exit %d, %q", exit, stderr)
	}
}

func TestEverySettingHasAFlag(t *testing.T) {
	t.Parallel()
	cmd := &cobra.Command{}
	addConfiguration(cmd)
	for _, s := range config.Settings() {
		f := cmd.Flags().Lookup(flagOf(s.Key))
		if want := s.Env != ""; (f != nil) != want {
			t.Errorf("%s: flag %v, want one: %v", s.Key, f, want)
		}
	}
}

func TestConfigPrintsOriginsAndNoPassword(t *testing.T) {
	t.Parallel()
	p := &program{environ: []string{"CLOUDPKI_LOG_LEVEL=debug", "CLOUDPKI_URL=https://pki.example"}}
	exit, out, stderr := start(t, p, "config", "--sync-interval", "2h", "--database-url", "postgres://u:s3cret@h/d")
	if exit != exitOK || strings.Contains(out+stderr, canary) {
		t.Fatalf("exit %d\n%s%s", exit, out, stderr)
	}
	for _, line := range []string{"  interval: 2h # flag\n", "  level: debug # environment\n", "  minimum_interval: 15m # default\n"} {
		if !strings.Contains(out, line) {
			t.Errorf("no line %q in\n%s", line, out)
		}
	}
}

func TestDev(t *testing.T) {
	t.Parallel()
	var got dev.Options
	p := &program{dev: func(_ context.Context, o dev.Options) error {
		got = o
		return dev.ErrSyncFailed
	}}
	exit, _, stderr := start(t, p, "dev", "--data", "d", "--once", "--with", "step-ca", "--database", "postgres://h/d", "--listen", "127.0.0.1:0")
	want := dev.Options{Program: os.Args[0], Data: "d", Once: true, With: []string{"step-ca"}, Database: "postgres://h/d", Listen: "127.0.0.1:0"}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(dev.Options{}, "Out", "Log")); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
	if exit != exitFailed || !strings.HasPrefix(stderr, "error: the sync did not succeed\nhint: ") {
		t.Errorf("exit %d, %q", exit, stderr)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"version"}, {"--version"}, {"version", "-o", "json"}} {
		if exit, out, _ := start(t, &program{}, args...); exit != exitOK || !strings.Contains(out, "go1.") {
			t.Errorf("%v: exit %d, %q", args, exit, out)
		}
	}
}

func TestCompletionScripts(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if exit, out, _ := start(t, &program{}, "completion", shell); exit != exitOK || !strings.Contains(out, "cloudpki") {
			t.Errorf("%s: exit %d, %d bytes", shell, exit, len(out))
		}
	}
}

// The program as it is started: real streams, the real service, a real signal.
func TestSignalStopsTheService(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	exit := make(chan int, 1)
	go func() {
		exit <- Main(t.Context(), []string{"serve", "--data-directory", data, "--listen-address", "127.0.0.1:0", "--issuer-tenants", "contoso"}, r, w, w)
		_ = w.Close()
	}()
	var log strings.Builder
	for lines := bufio.NewScanner(r); lines.Scan(); {
		fmt.Fprintln(&log, lines.Text())
		if strings.Contains(lines.Text(), "service started") {
			if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := <-exit; got != exitOK || !strings.Contains(log.String(), "service stopped") {
		t.Errorf("exit %d, log\n%s", got, log.String())
	}
}
