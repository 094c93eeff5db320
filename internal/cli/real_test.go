package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/casim"
	"cloudpki/internal/dev"
)

// A started is a real service with a simulated CA behind it, as
// `cloudpki dev` makes it.
type started struct {
	t    *testing.T
	data string
}

func startDev(t *testing.T) *started {
	t.Helper()
	s := &started{t: t, data: filepath.Join(t.TempDir(), "data")}
	ctx, stop := context.WithCancel(t.Context())
	serving, done := make(chan struct{}), make(chan struct{})
	var report bytes.Buffer
	p := &program{in: strings.NewReader(""), out: &watched{w: &report, word: "Serving", met: serving}, err: &bytes.Buffer{}, now: time.Now, dev: dev.Run}
	var exit int
	go func() {
		defer close(done)
		exit = p.run(ctx, []string{"dev", "--data", s.data, "--listen", "127.0.0.1:0"})
	}()
	t.Cleanup(func() {
		stop()
		<-done
		if exit != exitOK {
			t.Errorf("dev ended with %d:\n%s", exit, report.String())
		}
	})
	select {
	case <-serving:
	case <-done:
		t.Fatalf("dev ended with %d:\n%s", exit, report.String())
	}
	return s
}

// A watched writer tells when a word has been written.
type watched struct {
	w    *bytes.Buffer
	word string
	met  chan struct{}
}

func (w *watched) Write(p []byte) (int, error) {
	before := strings.Contains(w.w.String(), w.word)
	n, err := w.w.Write(p)
	if !before && strings.Contains(w.w.String(), w.word) {
		close(w.met)
	}
	return n, err
}

// run runs a client command and holds it to its exit code.
func (s *started) run(exit int, args ...string) (stdout, stderr string) {
	s.t.Helper()
	var out, err bytes.Buffer
	p := &program{
		in: strings.NewReader(""), out: &out, err: &err, now: time.Now, poll: 10 * time.Millisecond,
		environ: []string{"CLOUDPKI_CONNECTION=" + filepath.Join(s.data, "dev.json")},
	}
	got := p.run(s.t.Context(), args)
	if got != exit {
		s.t.Errorf("%v: exit %d, want %d\n%s%s", args, got, exit, out.String(), err.String())
	}
	return out.String(), err.String()
}

func TestCommandsAgainstTheRealService(t *testing.T) {
	t.Parallel()
	s := startDev(t)
	var listed []struct{ ID, SyncStatus string }
	out, _ := s.run(exitOK, "subscription", "list", "-o", "json")
	if err := json.Unmarshal([]byte(out), &listed); err != nil || len(listed) != 1 || listed[0].SyncStatus != "succeeded" {
		t.Fatalf("listed %+v, %v", listed, err)
	}
	id := listed[0].ID
	out, _ = s.run(exitOK, "subscription", "get", id)
	if !strings.Contains(out, "certificate   CN=cloudpki dev RA") || !strings.Contains(out, "trusted root  CN=Simulated Root CA") {
		t.Errorf("subscription:\n%s", out)
	}
	out, progress := s.run(exitOK, "sync", id, "--watch")
	if !strings.Contains(out, "status        succeeded") || !strings.Contains(progress, "new 0, changed 0") {
		t.Errorf("sync:\n%s%s", out, progress)
	}
	out, _ = s.run(exitOK, "certificate", "list", id, "--status", "revoked", "--all")
	if strings.Count(out, "revoked") != 3 {
		t.Errorf("revoked certificates:\n%s", out)
	}
	var certificates []json.RawMessage
	out, _ = s.run(exitOK, "certificate", "list", id, "--all", "-o", "json")
	if err := json.Unmarshal([]byte(out), &certificates); err != nil || len(certificates) < 120 {
		t.Errorf("%d certificates, %v", len(certificates), err)
	}
	s.exports(id, len(certificates))
	out, _ = s.run(exitOK, "trust", "list", id, "--filter", "kind eq 'root'")
	if !strings.Contains(out, "trusted  root  CN=Simulated Root CA") {
		t.Errorf("authorities:\n%s", out)
	}
	s.trusts(id)
	found, _ := s.run(exitOK, "doctor", "--config", filepath.Join(s.data, "cloudpki.yaml"))
	for _, line := range []string{"✓ configuration: understood\n", "✓ root key: ", "- database pages: a running service has the file open - ", "✓ CA 127.0.0.1:"} {
		if !strings.Contains(found, line) {
			t.Errorf("the doctor does not say %q:\n%s", line, found)
		}
	}
	out, _ = s.run(exitOK, "run", "list", id)
	if strings.Count(out, "succeeded") != 2 {
		t.Errorf("runs:\n%s", out)
	}
}

func TestLifeOfASubscriptionAtTheRealService(t *testing.T) {
	t.Parallel()
	s := startDev(t)
	pfx, password := filepath.Join(t.TempDir(), "a.p12"), filepath.Join(t.TempDir(), "password")
	write(t, pfx, "0 is no PKCS#12")
	write(t, password, "s3cret\n")
	_, message := s.run(exitFailed, "subscription", "create", "--id", "mine", "--provider", "symantec", "--pfx", pfx, "--pfx-password-file", password,
		"--user", "admin", "--admin-password-file", password, "--schedule", "6h", "--setting", "profileOIDs="+casim.ProfileUser, "--wait")
	if !strings.Contains(message, "error: sync failed: credential_invalid: ") || !strings.Contains(message, "hint: ") || strings.Contains(message, canary) {
		t.Errorf("message:\n%s", message)
	}
	s.run(exitConflict, "subscription", "create", "--id", "mine", "--name", "x")
	out, _ := s.run(exitOK, "subscription", "update", "mine", "--name", "Mine", "--paused", "--clear", "syncSchedule")
	if !strings.Contains(out, "name          Mine\n") || !strings.Contains(out, "next sync     paused\n") || !strings.Contains(out, "schedule      -\n") {
		t.Errorf("subscription:\n%s", out)
	}
	out, _ = s.run(exitOK, "__complete", "sync", "mi")
	if !strings.HasPrefix(out, "mine\tMine\n") {
		t.Errorf("completion:\n%s", out)
	}
	s.run(exitUsage, "subscription", "delete", "mine")
	s.run(exitOK, "subscription", "delete", "mine", "--yes")
	s.run(exitNotFound, "subscription", "get", "mine")

	text, err := os.ReadFile(filepath.Join(s.data, "dev.json"))
	if err != nil {
		t.Fatal(err)
	}
	for member, exit := range map[string]int{"norole_client": exitDenied, "client": exitOK} {
		var connection map[string]any
		if err := json.Unmarshal(text, &connection); err != nil {
			t.Fatal(err)
		}
		connection["client_id"], connection["client_secret"] = connection[member+"_id"], connection[member+"_secret"]
		changed, err := json.Marshal(connection)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(s.data, "dev.json"), string(changed))
		s.run(exit, "subscription", "list")
	}
}

// exports holds the three forms of an export to the list, and finds one
// certificate by each of its names.
func (s *started) exports(id string, count int) {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "inventory.csv")
	s.run(exitOK, "certificate", "export", id, "--file", file)
	f, err := os.Open(file)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil || len(records) != count+1 {
		s.t.Fatalf("%d records for %d certificates, %v", len(records), count, err)
	}
	for _, name := range []string{records[1][0], records[1][1], records[1][13]} {
		if out, _ := s.run(exitOK, "certificate", "show", id, name); !strings.Contains(out, "SHA-256            "+records[1][13]) {
			s.t.Errorf("certificate %s:\n%s", name, out)
		}
	}
	s.run(exitNotFound, "certificate", "show", id, "de:ad:be:ef")
	text, _ := s.run(exitOK, "certificate", "export", id, "--format", "pem")
	rest, read := []byte(text), 0
	for block, left := pem.Decode(rest); block != nil; block, left = pem.Decode(left) {
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			s.t.Error(err)
		}
		read++
	}
	if read != count {
		s.t.Errorf("%d certificates in PEM, %d are listed", read, count)
	}
	soon, _ := s.run(exitOK, "certificate", "list", id, "--expiring-within", "720h", "-o", "csv", "--all")
	if !strings.HasPrefix(soon, "id,serialNumber,") {
		s.t.Errorf("CSV:\n%s", soon)
	}
}

// trusts holds what is written for devices to what the subscription trusts.
func (s *started) trusts(id string) {
	s.t.Helper()
	listed, _ := s.run(exitOK, "trust", "list", "--state", "trusted")
	text, _ := s.run(exitOK, "trust", "export", id)
	block, rest := pem.Decode([]byte(text))
	if block == nil || len(rest) > 0 {
		s.t.Fatalf("not one certificate:\n%s", text)
	}
	sum := sha256.Sum256(block.Bytes)
	thumbprint := hex.EncodeToString(sum[:])
	if !strings.Contains(listed, thumbprint) {
		s.t.Errorf("%s is exported, trusted is\n%s", thumbprint, listed)
	}
	if shown, _ := s.run(exitOK, "trust", "show", id, strings.ToUpper(thumbprint)); !strings.Contains(shown, "state       trusted") {
		s.t.Errorf("root:\n%s", shown)
	}
	if _, note := s.run(exitOK, "trust", "diff", id); !strings.Contains(note, "no root waits") {
		s.t.Errorf("diff: %s", note)
	}
	s.run(exitConflict, "trust", "approve", id, "--yes")
}
