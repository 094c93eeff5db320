package config

import (
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestDefaultIsValid(t *testing.T) {
	t.Parallel()
	c := Default()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	want := []string{"sqlite:data/cloudpki.db", "data/root.key", "data/issuer.key", "https://127.0.0.1:8443"}
	got := []string{string(c.Database.URL), c.Keys.RootFile, c.Issuer.KeyFile, c.Listen.PublicOrigin}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("derived values (-want +got):\n%s", diff)
	}
}

func TestFlagOverridesEnvironmentOverridesFileOverridesDefault(t *testing.T) {
	t.Parallel()
	c, err := Load(Sources{
		File:    write(t, "c.yaml", "sync:\n  interval: 1h\n  workers: 2\n  per_tenant: 2\nlog:\n  level: debug\n"),
		Environ: []string{"CLOUDPKI_SYNC_INTERVAL=2h", "CLOUDPKI_SYNC_WORKERS=3", "PATH=/bin"},
		Flags:   map[string]string{"sync.interval": "3h"},
	})
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		Value  any
		Origin Origin
	}
	want := map[string]row{
		"sync.interval":   {3 * time.Hour, FromFlag},
		"sync.workers":    {3, FromEnvironment},
		"sync.per_tenant": {2, FromFile},
		"sync.lease":      {30 * time.Second, FromDefault},
		"log.level":       {slog.LevelDebug, FromFile},
	}
	got := map[string]row{
		"sync.interval":   {c.Sync.Interval, c.Origin("sync.interval")},
		"sync.workers":    {c.Sync.Workers, c.Origin("sync.workers")},
		"sync.per_tenant": {c.Sync.PerTenant, c.Origin("sync.per_tenant")},
		"sync.lease":      {c.Sync.Lease, c.Origin("sync.lease")},
		"log.level":       {c.Log.Level, c.Origin("log.level")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("effective values (-want +got):\n%s", diff)
	}
}

func TestFileHoldsEverySort(t *testing.T) {
	t.Parallel()
	secret := write(t, "secret", "s3cret")
	c, err := Load(Sources{File: write(t, "c.yaml", `
data: {directory: /var/lib/cloudpki}
listen:
  address: 0.0.0.0:443
  public_origin: https://pki.example.com
database:
issuer:
  token_lifetime: 90m
  tenants: [t1]
  clients:
    - id: console
      tenant: t1
      secret_file: `+secret+`
      roles: [DeviceManagementConfiguration.Read.All]
      requests_per_minute: 60
auth:
  issuers:
    - issuer: https://login.example.com/v2.0
      audiences: [api, https://pki.example.com]
api:
  max_body_bytes: 1 MiB
outbound:
  allow: [10.20.0.0/16, "fd00::/8"]
metrics:
  enabled: false
`)})
	if err != nil {
		t.Fatal(err)
	}
	want := raw()
	want.Data.Directory = "/var/lib/cloudpki"
	want.Listen = Listen{Address: "0.0.0.0:443", PublicOrigin: "https://pki.example.com"}
	want.Issuer.TokenLifetime = 90 * time.Minute
	want.Issuer.Tenants = []string{"t1"}
	want.Issuer.Clients = []Client{{ID: "console", Tenant: "t1", SecretFile: secret, Roles: []string{"DeviceManagementConfiguration.Read.All"}, RequestsPerMinute: 60}}
	want.Auth.Issuers = []TrustedIssuer{{Issuer: "https://login.example.com/v2.0", Audiences: []string{"api", "https://pki.example.com"}, TenantClaim: "tid"}}
	want.API.MaxBodyBytes = 1 << 20
	want.Outbound.Allow = []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16"), netip.MustParsePrefix("fd00::/8")}
	want.Metrics.Enabled = false
	want.derive()
	if diff := cmp.Diff(want, c, cmpopts.IgnoreUnexported(Config{}), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestEnvironmentSplitsLists(t *testing.T) {
	t.Parallel()
	c, err := Load(Sources{Environ: []string{"CLOUDPKI_TLS_HOSTS=a.example, b.example", "CLOUDPKI_OUTBOUND_ALLOW=10.0.0.0/8", "CLOUDPKI_LOG_FORMAT="}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a.example", "b.example"}, c.TLS.Hosts); diff != "" {
		t.Errorf("tls.hosts (-want +got):\n%s", diff)
	}
	if len(c.Outbound.Allow) != 1 || c.Log.Format != "text" {
		t.Errorf("outbound.allow is %v and log.format %q", c.Outbound.Allow, c.Log.Format)
	}
}

func TestVariablesThatAreNoSettingsAreLeftAlone(t *testing.T) {
	t.Parallel()
	_, err := Load(Sources{
		Environ: []string{"CLOUDPKI_TOKEN=x", "CLOUDPKI_SERVICE_HOST=10.0.0.1", "CLOUDPKI_PORT=tcp://10.0.0.1:8443", "CLOUDPKI_PORT_8443_TCP_PORT=8443"},
		Ignore:  []string{"CLOUDPKI_TOKEN"},
	})
	if err != nil {
		t.Error(err)
	}
}

func TestEveryFaultIsToldAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Load(Sources{
		File:    write(t, "c.yaml", "sync:\n  intervall: 6h\n  workers: many\n"),
		Environ: []string{"CLOUDPKI_LISTEN_ADRESS=:1"},
		Flags:   map[string]string{"log.format": "xml"},
	})
	var faults Faults
	if !errors.As(err, &faults) {
		t.Fatalf("error %v, want Faults", err)
	}
	want := "4 settings are wrong:\n" +
		"  CLOUDPKI_LISTEN_ADRESS: unknown variable; did you mean CLOUDPKI_LISTEN_ADDRESS?\n" +
		"  sync.intervall: unknown setting; did you mean sync.interval?\n" +
		"  sync.workers: \"many\" is no whole number\n" +
		"  log.format: \"xml\" is no format; write text or json"
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
}

func TestFileThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, want string }{
		"absent":      {filepath.Join(t.TempDir(), "none.yaml"), "no such file"},
		"folder":      {t.TempDir(), "is a directory"},
		"no YAML":     {write(t, "c.yaml", "sync: [\n"), "yaml: line"},
		"told twice":  {write(t, "c.yaml", "log: {}\nlog: {}\n"), "already defined"},
		"no mapping":  {write(t, "c.yaml", "hello\n"), "cannot unmarshal"},
		"much of it":  {write(t, "c.yaml", strings.Repeat("#\n", maxFileBytes)), "larger than 1 MiB"},
		"alias bombs": {write(t, "c.yaml", bomb()), "excessive aliasing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(Sources{File: c.file})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that contains %q", err, c.want)
			}
		})
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("sync:\n  interval: 1h\n", "1h", "10.0.0.0/8")
	f.Add("issuer:\n  clients: [{id: 1}]\n", "-1", "::/0")
	f.Add("sync: 5\nx: {1: 2}\n", "6", "10.0.0.1")
	path := filepath.Join(f.TempDir(), "c.yaml")
	f.Fuzz(func(t *testing.T, file, interval, prefix string) {
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(Sources{File: path, Environ: []string{"CLOUDPKI_SYNC_INTERVAL=" + interval, "CLOUDPKI_OUTBOUND_ALLOW=" + prefix}})
		if err == nil && c.Validate() != nil {
			t.Errorf("Load accepts what Validate refuses: %v", c.Validate())
		}
	})
}

// bomb returns a small file that would unfold to a large one.
func bomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := range 9 {
		one := string(rune('0' + i))
		next := string(rune('1' + i))
		b.WriteString("a" + next + ": &a" + next + " [" + strings.TrimSuffix(strings.Repeat("*a"+one+", ", 10), ", ") + "]\n")
	}
	return b.String()
}

// write makes a file that only its owner can read and returns its path.
func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
