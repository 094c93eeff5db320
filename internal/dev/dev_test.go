package dev_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"cloudpki/internal/dev"
	"cloudpki/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

var cluster *pgtest.Cluster

func run(m *testing.M) int {
	var err error
	if cluster, err = pgtest.Start(pgtest.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer cluster.Stop()
	return m.Run()
}

// The main job on each engine, then again on what the first time left.
func TestOnce(t *testing.T) {
	for name, database := range map[string]string{"sqlite": "", "postgresql": cluster.Database(t)} {
		t.Run(name, func(t *testing.T) {
			options := dev.Options{Data: t.TempDir(), Listen: "127.0.0.1:0", Database: database, Once: true}
			first := once(t, options)
			for _, want := range []string{
				"✓ syncStatus     succeeded", "125 found: 125 new, 0 changed, 0 unchanged, 0 skipped; 3 became revoked",
				"thumbprint", "next sync", "curl ", "/sync",
			} {
				if !strings.Contains(first, want) {
					t.Errorf("the first time does not print %q:\n%s", want, first)
				}
			}
			again := once(t, options)
			if want := "125 found: 0 new, 0 changed, 125 unchanged, 0 skipped"; !strings.Contains(again, want) {
				t.Errorf("the second time does not print %q:\n%s", want, again)
			}
			checkConnection(t, filepath.Join(options.Data, "dev.json"))
		})
	}
}

func once(t *testing.T, o dev.Options) string {
	t.Helper()
	var out bytes.Buffer
	o.Out = &out
	if err := dev.Run(t.Context(), o); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("escape codes were printed without colour")
	}
	return out.String()
}

func checkConnection(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("dev.json: %v %v, want mode 0600", info, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]string
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"base_url", "authority", "tenant", "client_id", "client_secret", "client_certificate_pem", "ca_pem",
		"norole_client_id", "norole_client_secret", "limited_client_id", "limited_client_secret", "public_client_id", "user", "password",
	} {
		if members[name] == "" {
			t.Errorf("dev.json lacks %s", name)
		}
	}
	for _, name := range []string{"client_certificate_pem", "ca_pem"} {
		if _, err := os.Stat(members[name]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUnknownCA(t *testing.T) {
	err := dev.Run(t.Context(), dev.Options{Data: t.TempDir(), Listen: "127.0.0.1:0", Once: true, With: []string{"other"}, Out: &bytes.Buffer{}})
	if err == nil || !strings.Contains(err.Error(), "only step-ca is known") || errors.Is(err, dev.ErrSyncFailed) {
		t.Errorf("err = %v", err)
	}
}

// A second one on the same directory is refused before it touches anything.
func TestTwoOnOneDirectory(t *testing.T) {
	data := t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	serving := &awaited{text: "Serving until", met: make(chan struct{})}
	go func() { ended <- dev.Run(ctx, dev.Options{Data: data, Listen: "127.0.0.1:0", Out: serving}) }()
	<-serving.met
	before := content(t, data)
	err := dev.Run(t.Context(), dev.Options{Data: data, Once: true, Out: &bytes.Buffer{}})
	if err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("err = %v", err)
	}
	if after := content(t, data); after != before {
		t.Errorf("the second one changed the files of the first:\n%s\n%s", before, after)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// content is what the second one must not touch.
func content(t *testing.T, data string) string {
	var all []string
	for _, name := range []string{"cloudpki.yaml", "dev-state.json", "dev.json"} {
		text, err := os.ReadFile(filepath.Join(data, name))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text))
	}
	return strings.Join(all, "\n")
}

// awaited closes met once text was written.
type awaited struct {
	text string
	met  chan struct{}
	once sync.Once
}

func (a *awaited) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(a.text)) {
		a.once.Do(func() { close(a.met) })
	}
	return len(p), nil
}
