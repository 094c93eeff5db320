package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Size{"0": 0, "1": 1, "1025": 1025, "4 MiB": 4 << 20, "4MiB": 4 << 20, "2 GiB": 2 << 30} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q is %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1", "4 MB", "9999999999 GiB", "MiB", "1.5 GiB"} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is accepted as %d", text, got)
		}
	}
}

func FuzzSize(f *testing.F) {
	f.Add("4 MiB")
	f.Add("18446744073709551615")
	f.Fuzz(func(t *testing.T, text string) {
		var first, again Size
		if first.UnmarshalText([]byte(text)) != nil {
			return
		}
		if err := again.UnmarshalText([]byte(first.String())); err != nil || again != first || first < 0 {
			t.Errorf("%q is %d, written %q, read back as %d, %v", text, first, first, again, err)
		}
	})
}

func TestDatabaseURLPrintsWithoutPassword(t *testing.T) {
	t.Parallel()
	for _, u := range []DatabaseURL{
		"postgres://u:s3cret@h/d", "postgres://h/d?password=s3cret&user=u", "postgres://u:s3cret%zz@h/d", "host=h password=s3cret",
	} {
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("start", "url", u)
		encoded, err := json.Marshal(u)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{u.String(), fmt.Sprintf("%v %s %q %#v", u, u, u, u), log.String(), string(encoded)} {
			if strings.Contains(text, "s3cret") || !strings.Contains(text, "xxxxx") {
				t.Errorf("%s shows the password or no mask", text)
			}
		}
	}
	if got := DatabaseURL("sqlite:data/a.db").String(); got != "sqlite:data/a.db" {
		t.Errorf("SQLite's address is printed as %s", got)
	}
}

func TestPrintShowsValueAndOrigin(t *testing.T) {
	t.Parallel()
	c, err := Load(Sources{
		File:    write(t, "c.yaml", "auth: {issuers: [{issuer: 'https://a.example', audiences: [b, c]}]}"),
		Environ: []string{"CLOUDPKI_SYNC_INTERVAL=90m", "CLOUDPKI_OUTBOUND_ALLOW=10.0.0.0/8"},
		Flags:   map[string]string{"database.url": "postgres://u:s3cret@h/d"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := c.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"  url: \"postgres://u:xxxxx@h/d\" # flag\n",
		"  interval: 1h30m # environment\n",
		"  minimum_interval: 15m # default\n",
		"  allow: [\"10.0.0.0/8\"] # environment\n",
		"  max_body_bytes: 4 MiB # default\n",
		"  level: info # default\n",
		"  issuers: # file\n    - issuer: \"https://a.example\"\n      jwks_uri: \"\"\n      discovery_uri: \"\"\n      audiences: [\"b\", \"c\"]\n",
	} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("no line %q in\n%s", line, out.String())
		}
	}
}

func TestWhatIsPrintedCanBeLoaded(t *testing.T) {
	t.Parallel()
	want, err := Load(Sources{File: write(t, "c.yaml", "tls: {hosts: [a.example]}\nauth: {issuers: [{issuer: 'https://a.example', audiences: [b]}]}\noutbound: {allow: [10.0.0.0/8]}")})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := want.Print(&out); err != nil {
		t.Fatal(err)
	}
	got, err := Load(Sources{File: write(t, "printed.yaml", out.String())})
	if err != nil {
		t.Fatal(err)
	}
	same := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
	if diff := cmp.Diff(want, got, same, cmpopts.IgnoreUnexported(Config{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}
