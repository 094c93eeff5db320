package cli

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"cloudpki/internal/app"
)

// Every fault of the configuration is told, and what can be looked at all the
// same is.
func TestDoctorTellsFaults(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p := &program{environ: []string{"CLOUDPKI_SYNC_WORKERS=many"}}
	exit, out, stderr := start(t, p, "doctor", "--data-directory", data, "--log-format", "xml", "--database-url", "mysql://u:s3cret@h/d")
	if exit != exitFailed || strings.Contains(out+stderr, canary) {
		t.Fatalf("exit %d\n%s%s", exit, out, stderr)
	}
	for _, begin := range []string{"✗ configuration: sync.workers: ", "✗ configuration: log.format: ", "✓ data directory: " + data + " does not exist yet"} {
		if !strings.Contains("\n"+out, "\n"+begin) {
			t.Errorf("no line %q in\n%s", begin, out)
		}
	}
	if !strings.Contains(stderr, " checks failed\n") {
		t.Errorf("message %q", stderr)
	}
}

func TestDoctorWithoutItsConfiguration(t *testing.T) {
	t.Parallel()
	exit, out, _ := start(t, &program{}, "doctor", "--config", filepath.Join(t.TempDir(), "none.yaml"), "-o", "json")
	var findings []app.Finding
	if err := json.Unmarshal([]byte(out), &findings); err != nil || exit != exitFailed {
		t.Fatalf("exit %d, %v\n%s", exit, err, out)
	}
	if len(findings) != 1 || findings[0].Check != "configuration" || findings[0].Status != app.Failed || findings[0].Action == "" {
		t.Errorf("findings %+v", findings)
	}
}
