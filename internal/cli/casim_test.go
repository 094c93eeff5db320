package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/casim"
	"cloudpki/internal/provider/all"
)

// The simulated CA takes commands, writes what a subscription needs, and ends
// with quit.
func TestCasim(t *testing.T) {
	for _, kind := range simulatedKinds() {
		t.Run(kind, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "ca")
			in := strings.NewReader("issue 2\nlist\nhalf-gone\nhonest\nschedule honest*1 cut\nschedule x\nissue none\nrevoke 00\nreplace-root\nhelp\nwhat\nquit\n")
			args := []string{"casim", "--kind", kind, "--listen", "127.0.0.1:0", "--dir", dir, "--issue", "3", "--seed", "7"}
			var text bytes.Buffer
			p := &program{in: in, out: &text, err: &text, now: time.Now}
			exit := p.run(t.Context(), args)
			out := text.String()
			if exit != exitOK {
				t.Fatalf("exit %d:\n%s", exit, out)
			}
			for _, want := range []string{
				"(3 certificates)", "Schedule:     " + casim.RandomSchedule(7, 10, nil).String(), "5 certificates", "half of the inventory", `no fault is called "x"`,
				"issue wants a number", "no certificate has the serial", "quit               stop", "no such command or fault", "Stopped.",
			} {
				if !strings.Contains(out, want) {
					t.Errorf("nothing is said of %q:\n%s", want, out)
				}
			}
			for _, name := range []string{"server-ca.pem", "client.p12", "client-password", "password", "api-key"} {
				if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 || info.Size() == 0 {
					t.Errorf("%s: %v, %v", name, info, err)
				}
			}
		})
	}
}

// Several kinds are services of one CA, one behind the other.
func TestCasimOfSeveralKinds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	var text bytes.Buffer
	p := &program{in: strings.NewReader("quit\n"), out: &text, err: &text, now: time.Now}
	if exit := p.run(t.Context(), []string{"casim", "--kind", "symantec,digicertOne", "--listen", "127.0.0.1:0", "--dir", dir, "--issue", "3"}); exit != exitOK {
		t.Fatalf("exit %d:\n%s", exit, text.String())
	}
	for _, want := range []string{"Simulated CA: symantec at https://127.0.0.1:", "Simulated CA: digicertOne at https://127.0.0.1:"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("nothing is said of %q:\n%s", want, text.String())
		}
	}
	for _, c := range []struct{ args, want string }{
		{"--kind symantec,nobody --listen 127.0.0.1:0", `--kind is "nobody"`},
		{"--listen nowhere", "missing port in address"},
	} {
		args := append([]string{"casim", "--dir", dir}, strings.Fields(c.args)...)
		if exit, _, errs := start(t, &program{}, args...); exit == exitOK || !strings.Contains(errs, c.want) {
			t.Errorf("%s: exit %d: %s", c.args, exit, errs)
		}
	}
	for from, want := range map[string]string{"127.0.0.1:8448": "127.0.0.1:8449", "[::1]:0": "[::1]:0", ":9": ":10"} {
		if got, err := nextPort(from); err != nil || got != want {
			t.Errorf("behind %s comes %s, %v; want %s", from, got, err, want)
		}
	}
}

func TestCasimFaults(t *testing.T) {
	exit, out, errs := start(t, &program{}, "casim", "faults")
	if exit != exitOK {
		t.Fatalf("exit %d: %s", exit, errs)
	}
	if got, want := strings.Count(out, "\n"), len(casim.Faults()); got != want {
		t.Errorf("%d lines for %d faults", got, want)
	}
}

// Programs read the kinds as JSON, with every setting.
func TestProvidersAsJSON(t *testing.T) {
	exit, out, errs := start(t, &program{}, "provider", "list", "-o", "json")
	if exit != exitOK {
		t.Fatalf("exit %d: %s", exit, errs)
	}
	var list []providerView
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	kinds := all.Kinds()
	if len(list) != len(kinds) {
		t.Fatalf("%d of %d kinds", len(list), len(kinds))
	}
	for i, k := range kinds {
		if list[i].Name != k.Name || len(list[i].Settings) != len(k.Settings) {
			t.Errorf("%+v does not tell of %s", list[i], k.Name)
		}
	}
}
