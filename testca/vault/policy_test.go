package vault_test

import (
	"os"
	"strings"
	"testing"
)

// policyFor returns the policy that the documentation tells admins to write,
// for a mount.
func policyFor(t testing.TB, mount string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/providers/vault.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "```hcl\n")
	policy, _, closed := strings.Cut(rest, "```")
	if !found || !closed || !strings.Contains(policy, `"pki/`) {
		t.Fatal("the page has no policy for the mount pki")
	}
	return strings.ReplaceAll(policy, `"pki/`, `"`+mount+`/`)
}
