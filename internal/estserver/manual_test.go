package estserver_test

import (
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"cloudpki/internal/estserver"
	"cloudpki/internal/pki"
)

// TestManual runs what docs/est.md has devices do, with the OpenSSL and curl of
// the system.
func TestManual(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	page, err := os.ReadFile("../../docs/est.md")
	w.must(err)
	script := "set -e -o pipefail\n"
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		script += block[1]
	}
	if strings.Count(script, "enroll") != 2 {
		t.Fatalf("docs/est.md has devices do:\n%s", script)
	}
	w.change(pki.ESTEndpointDraft{UserName: pki.Given("printer"), Patterns: pki.Given([]string{"*.printers.example.com"})})
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	w.must(os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.server.Certificate().Raw}), 0o600))
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Dir = dir
	address := w.server.URL + estserver.Path + string(w.endpoint.ID)
	cmd.Env = append(os.Environ(), "CA="+ca, "EST="+address, "RENEW="+address, "PASSWORD="+password)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := len(w.ca.Certificates()); n != 2 {
		t.Errorf("the CA has issued %d certificates, want that of the device and its renewal", n)
	}
}
