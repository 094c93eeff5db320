package stepca_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cloudpki/e2e/program"
)

// `cloudpki dev --with step-ca` runs the program that it finds on the path and
// syncs it, the second time with what the first has left.
func TestDevWithStepCA(t *testing.T) {
	binary, folder, data := program.Build(t, "../.."), t.TempDir(), t.TempDir()
	if err := os.Symlink(stepCAProgram(t), filepath.Join(folder, "step-ca")); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"Creating", "Updating"} {
		cmd := exec.CommandContext(t.Context(), binary, "dev", "--once", "--data", data, "--listen", "127.0.0.1:0", "--with", "step-ca")
		cmd.Env = append(os.Environ(), "PATH="+folder+string(os.PathListSeparator)+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if n := strings.Count(string(out), "✓ syncStatus     succeeded"); n != 2 || !strings.Contains(string(out), what+" a subscription to step-ca") && !strings.Contains(string(out), what+" the subscription to step-ca") {
			t.Errorf("%d syncs succeeded, want 2 (%s):\n%s", n, what, out)
		}
	}
}
