// Package clients drives the service with unmodified clients that were not
// written here: Microsoft's Graph clients and identity libraries for Node.js and
// for Go, OData clients, OpenID Connect clients, and the tools that judge the
// service's documents.
package clients

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"cloudpki/e2e/program"
)

// TestClients runs what depends on the database on both engines, and what does
// not, logging in and documents, on SQLite alone.
func TestClients(t *testing.T) {
	installPackages(t)
	binary := program.Build(t, "../..")
	receiverCertificate(t)
	program.EachEngine(t, func(t *testing.T, database string) {
		c := program.Dev(t, binary, t.TempDir(), database)
		for _, file := range []string{"graph", "batch", "delta", "pages", "notifications", "odata"} {
			t.Run(file, func(t *testing.T) { nodeTest(t, c, file+".test.mjs") })
		}
		t.Run("azidentity", func(t *testing.T) { testAzidentity(t, c) })
		t.Run("msgraph-sdk-go-core", func(t *testing.T) { testGraphCore(t, c) })
		if database != "" {
			return
		}
		for _, file := range []string{"identity", "people", "oidc", "documents", "contract", "postman"} {
			t.Run(file, func(t *testing.T) { nodeTest(t, c, file+".test.mjs") })
		}
		t.Run("device code", func(t *testing.T) { testDeviceCode(t, c) })
		t.Run("oauth2", func(t *testing.T) { testOAuth2(t, c) })
		if _, err := exec.LookPath("az"); err == nil { // a heavy package, which .ci/setup does not install
			t.Run("azure cli", func(t *testing.T) { testAzureCLI(t, c) })
		} else {
			t.Log("the Azure CLI is not installed: docs/clients/az.md was not run")
		}
		t.Run("msal", func(t *testing.T) { testMSAL(t, c) })
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

// nodeTest runs a file of tests with Node.js' own runner.
func nodeTest(t *testing.T, c program.Connection, file string) {
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
	defer stop()
	out, err := node(ctx, c, "--test", "--test-reporter=spec", file).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", file, err, out)
	}
	t.Logf("%s", out)
	for _, want := range []string{"pass ", "skipped 0\n", "todo 0\n"} {
		if !strings.Contains(string(out), want) || strings.Contains(string(out), "pass 0\n") {
			t.Fatalf("%s left tests out, or ran none:\n%s", file, out)
		}
	}
}

// node runs Node.js with the connection of the service.
func node(ctx context.Context, c program.Connection, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "node", args...)
	cmd.Env = append(os.Environ(), "CONNECTION="+c.Path, "NODE_EXTRA_CA_CERTS="+c.CA)
	return cmd
}
