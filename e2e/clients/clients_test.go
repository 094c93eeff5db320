// Package clients drives the service with unmodified clients that were not
// written here: Microsoft's Graph client and identity libraries for Node.js and
// for Go. Nothing is imported from the service but the start of a PostgreSQL.
package clients

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cloudpki/internal/pgtest"
)

// program is the cloudpki binary under test.
func program(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "cloudpki")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./cmd/cloudpki")
	build.Dir = "../.."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v\n%s", err, out)
	}
	return path
}

// A connection is what dev.json tells.
type connection struct {
	path string

	BaseURL      string `json:"base_url"`
	Authority    string `json:"authority"`
	Tenant       string `json:"tenant"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	Certificate  string `json:"client_certificate_pem"`
	CA           string `json:"ca_pem"`
}

// start runs `cloudpki dev` until the test ends and returns its dev.json.
func start(t *testing.T, program string, args ...string) connection {
	t.Helper()
	data := t.TempDir()
	cmd := exec.Command(program, append([]string{"dev", "--data", data, "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan bool, 1)
	var lines []string
	go func() {
		for scan := bufio.NewScanner(out); scan.Scan(); {
			lines = append(lines, scan.Text())
			if strings.HasPrefix(scan.Text(), "Serving until") {
				ready <- true
			}
		}
		close(ready)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the program did not stop in order: %v", err)
		}
	})
	select {
	case ok := <-ready:
		if !ok {
			t.Fatalf("the program ended early:\n%s", strings.Join(lines, "\n"))
		}
	case <-time.After(time.Minute):
		t.Fatal("the program did not serve within a minute")
	}
	return readConnection(t, filepath.Join(data, "dev.json"))
}

func readConnection(t *testing.T, path string) connection {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := connection{path: path}
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// httpClient trusts the service's own CA, as a user is told to.
func (c connection) httpClient(t *testing.T) *http.Client {
	t.Helper()
	text, err := os.ReadFile(c.CA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		t.Fatalf("%s holds no certificate", c.CA)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

func TestClients(t *testing.T) {
	installPackages(t)
	binary := program(t, t.TempDir())
	cluster, err := pgtest.Start(pgtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cluster.Stop() })
	for name, args := range map[string][]string{
		"sqlite":     nil,
		"postgresql": {"--database", cluster.Database(t)},
	} {
		t.Run(name, func(t *testing.T) {
			c := start(t, binary, args...)
			t.Run("microsoft-graph-client", func(t *testing.T) { nodeTest(t, c, "graph.test.mjs") })
			t.Run("azidentity", func(t *testing.T) { testAzidentity(t, c) })
		})
	}
}

// installPackages brings the packages of package-lock.json, where make has not
// done so already.
func installPackages(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("node_modules/.package-lock.json"); err == nil {
		return
	}
	cmd := exec.CommandContext(t.Context(), "npm", "ci", "--omit=optional", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
}

func nodeTest(t *testing.T, c connection, file string) {
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, "node", "--test", "--test-reporter=spec", file)
	cmd.Env = append(os.Environ(), "CONNECTION="+c.path, "NODE_EXTRA_CA_CERTS="+c.CA)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", file, err, out)
	}
	t.Logf("%s", out)
}
