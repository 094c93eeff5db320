// Package clients drives the service with unmodified clients that were not
// written here: Microsoft's Graph client and identity libraries for Node.js and
// for Go.
package clients

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"cloudpki/e2e/program"
)

func TestClients(t *testing.T) {
	installPackages(t)
	binary := program.Build(t, "../..")
	program.EachEngine(t, func(t *testing.T, database string) {
		c := program.Dev(t, binary, t.TempDir(), database)
		t.Run("microsoft-graph-client", func(t *testing.T) { nodeTest(t, c, "graph.test.mjs") })
		t.Run("azidentity", func(t *testing.T) { testAzidentity(t, c) })
	})
}

// installPackages brings the packages of package-lock.json, where make has not
// done so already.
func installPackages(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("node_modules/.package-lock.json"); err == nil {
		return
	}
	cmd := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
}

func nodeTest(t *testing.T, c program.Connection, file string) {
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, "node", "--test", "--test-reporter=spec", file)
	cmd.Env = append(os.Environ(), "CONNECTION="+c.Path, "NODE_EXTRA_CA_CERTS="+c.CA)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", file, err, out)
	}
	t.Logf("%s", out)
}
