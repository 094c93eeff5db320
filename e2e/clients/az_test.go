package clients

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"cloudpki/e2e/program"
)

// testAzureCLI runs the commands of docs/clients/az.md.
func testAzureCLI(t *testing.T, c program.Connection) {
	az := azureCLI{t: t, env: append(os.Environ(), "AZURE_CONFIG_DIR="+t.TempDir(), "REQUESTS_CA_BUNDLE="+c.CA, "AZURE_CORE_COLLECT_TELEMETRY=no")}
	az.must("cloud", "register", "--name", "cloudpki", "--endpoint-active-directory", c.Authority+"/adfs",
		"--endpoint-active-directory-resource-id", c.Authority, "--endpoint-active-directory-graph-resource-id", c.Authority,
		"--endpoint-resource-manager", c.Authority, "--endpoint-management", c.Authority)
	az.must("cloud", "set", "--name", "cloudpki")
	for name, proof := range map[string]string{"certificate": c.Certificate, "secret": c.ClientSecret} {
		var accounts []map[string]any
		az.into(&accounts, "login", "--service-principal", "--username", c.ClientID, "--password", proof, "--tenant", c.Tenant, "--allow-no-subscriptions")
		if len(accounts) != 1 || accounts[0]["tenantId"] != c.Tenant {
			t.Fatalf("login by %s: %v", name, accounts)
		}
	}

	set := c.BaseURL + subscriptions
	rest := func(args ...string) []string { return append([]string{"rest", "--resource", c.Authority}, args...) }
	var made, changed map[string]any
	az.into(&made, rest("--method", "post", "--url", set, "--body", `{"displayName":"from az","cloudPkiProvider":"symantec","paused":true}`)...)
	id, _ := made["id"].(string)
	az.into(&changed, rest("--method", "patch", "--url", set+"/"+id, "--body", `{"description":"changed"}`)...)
	if changed["description"] != "changed" || changed["version"] != float64(2) {
		t.Errorf("changed %v", changed)
	}
	var found []map[string]any
	az.into(&found, rest("--url", set, "--url-parameters", "$filter=displayName eq 'from az'", "$top=10", "--query", "value")...)
	if len(found) != 1 || found[0]["id"] != id {
		t.Errorf("found %v", found)
	}
	az.must(rest("--method", "delete", "--url", set+"/"+id)...)
	if out, err := az.run(rest("--url", set+"/"+id)...); err == nil || !strings.Contains(out, "ResourceNotFound") {
		t.Errorf("after the delete: %s, %v", out, err)
	}
}

type azureCLI struct {
	t   *testing.T
	env []string
}

func (az azureCLI) run(args ...string) (string, error) {
	cmd := exec.CommandContext(az.t.Context(), "az", append(args, "--output", "json")...)
	cmd.Env = az.env
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	return string(out) + errs.String(), err
}

func (az azureCLI) must(args ...string) {
	az.t.Helper()
	if out, err := az.run(args...); err != nil {
		az.t.Fatalf("az %s: %v\n%s", strings.Join(args[:2], " "), err, out)
	}
}

func (az azureCLI) into(v any, args ...string) {
	az.t.Helper()
	out, err := az.run(append(args, "--only-show-errors")...)
	if err == nil {
		err = json.Unmarshal([]byte(out), v)
	}
	if err != nil {
		az.t.Fatalf("az %s: %v\n%s", strings.Join(args[:2], " "), err, out)
	}
}
