package app_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cloudpki/internal/app"
	"cloudpki/internal/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// settings is a configuration for a service of its own at a free port.
func settings(t *testing.T) config.Config {
	t.Helper()
	dir := t.TempDir()
	secretFile := filepath.Join(dir, "secret")
	if err := os.WriteFile(secretFile, []byte("a-secret-that-nobody-guesses"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "cloudpki.yaml")
	text := `
data:
  directory: ` + filepath.Join(dir, "data") + `
listen:
  address: 127.0.0.1:0
  public_origin: https://localhost:8443
issuer:
  clients:
    - id: test
      tenant: 8c3f1c8e-0000-4000-8000-000000000001
      secret_file: ` + secretFile + `
      roles: [DeviceManagementConfiguration.ReadWrite.All]
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(config.Sources{File: file})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// A service is a running one, as a client sees it.
type service struct {
	t      *testing.T
	client *http.Client
	base   string
	est    string // base of the listener for devices, where there is one
	caFile string
	stop   func() error
}

func start(t *testing.T, cfg config.Config, now func() time.Time) *service {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	started, ended := make(chan app.Running, 1), make(chan error, 1)
	go func() {
		ended <- app.Run(ctx, cfg, app.Options{Now: now, Started: func(r app.Running) { started <- r }})
	}()
	select {
	case err := <-ended:
		cancel()
		t.Fatalf("Run: %v", err)
		return nil
	case r := <-started:
		s := &service{t: t, base: "https://" + r.Addr, est: "https://" + r.ESTAddr, caFile: r.CAFile, client: trusting(t, r.CAFile)}
		s.stop = func() error {
			s.client.CloseIdleConnections()
			cancel()
			return <-ended
		}
		return s
	}
}

func trusting(t *testing.T, caFile string) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}}
}

func (s *service) get(path string) (int, string) {
	s.t.Helper()
	resp, err := s.client.Get(s.base + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func TestLifeOfAService(t *testing.T) {
	cfg := settings(t)
	s := start(t, cfg, nil)
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/livez":          {200, "ok"},
		"/readyz":         {200, "ok"},
		"/beta/":          {200, "cloudPkiSubscriptions"},
		"/beta/$metadata": {200, "edmx:Edmx"},
		"/openapi.json":   {200, `"servers":[{"url":"https://localhost:8443/beta"}]`},
		"/metrics":        {200, "cloudpki_sync_queue_lag_seconds 0"},
		"/8c3f1c8e-0000-4000-8000-000000000001/v2.0/.well-known/openid-configuration": {200, `"issuer":"https://localhost:8443/8c3f1c8e-0000-4000-8000-000000000001/v2.0"`},
		"/beta/cloudPkiSubscriptions": {401, "InvalidAuthenticationToken"},
		"/console/static/console.css": {200, "color-scheme"},
		"/docs/errors/dns":            {200, "<h1"},
		"/docs/errors/nobody":         {404, "ResourceNotFound"},
		"/trust/tenant/devices.pem":   {401, "InvalidAuthenticationToken"},
		"/trust/tenant/devices.exe":   {404, "devices.exe"},
		"/nowhere":                    {404, "Resource not found for the segment 'nowhere'."},
	} {
		if status, text := s.get(path); status != want.status || !strings.Contains(text, want.text) {
			t.Errorf("GET %s: %d %.300s, want %d with %q", path, status, text, want.status, want.text)
		}
	}
	s.checkProviders()
	if err := s.stop(); err != nil {
		t.Errorf("an orderly stop: %v", err)
	}
	for name, mode := range map[string]os.FileMode{"root.key": 0o600, "issuer.key": 0o600, "tls.key": 0o600, "tls-ca.key": 0o600, "cloudpki.db": 0o600} {
		if info, err := os.Stat(filepath.Join(cfg.Data.Directory, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v, want mode %v", name, info, err, mode)
		}
	}
}

func TestMetricsOfTheirOwnListener(t *testing.T) {
	cfg := settings(t)
	cfg.Metrics.Address = "127.0.0.1:0"
	s := start(t, cfg, nil)
	if status, _ := s.get("/metrics"); status != 404 {
		t.Errorf("/metrics on the HTTPS listener: %d", status)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

// A second service on the same data directory, or at the same port, is refused
// with a text that names what is wrong, and leaves the first alone.
func TestTwoServices(t *testing.T) {
	cfg := settings(t)
	s := start(t, cfg, nil)
	err := app.Run(t.Context(), cfg, app.Options{})
	if err == nil || !strings.Contains(err.Error(), "database.url") || !strings.Contains(err.Error(), "another cloudpki process") {
		t.Errorf("the same data directory: %v", err)
	}
	other := settings(t)
	other.Listen.Address = strings.TrimPrefix(s.base, "https://")
	if err := app.Run(t.Context(), other, app.Options{}); err == nil || !strings.Contains(err.Error(), "listen.address") {
		t.Errorf("the same port: %v", err)
	}
	if status, _ := s.get("/readyz"); status != 200 {
		t.Errorf("the first service answers %d", status)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

// Faults at start name their setting; nothing is left running or locked.
func TestStartFaults(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, cfg *config.Config)
		want  string
	}{
		"root key of others": {func(t *testing.T, cfg *config.Config) { write(t, cfg.Keys.RootFile, "x", 0o644) }, "keys.root_file"},
		"damaged root key":   {func(t *testing.T, cfg *config.Config) { write(t, cfg.Keys.RootFile, "x", 0o600) }, "not a root key file"},
		"damaged issuer key": {func(t *testing.T, cfg *config.Config) { write(t, cfg.Issuer.KeyFile, "x", 0o600) }, "issuer.key_file"},
		"a secret to guess": {func(t *testing.T, cfg *config.Config) {
			write(t, cfg.Issuer.Clients[0].SecretFile, "fifteen letters", 0o600)
		}, "fewer than 16 characters"},
		"no tenant": {func(_ *testing.T, cfg *config.Config) { cfg.Issuer.Clients = nil }, "issuer.tenants"},
		"no database": {func(_ *testing.T, cfg *config.Config) {
			cfg.Database.URL = "postgres://nobody@127.0.0.1:1/none?connect_timeout=1"
		}, "database.url"},
		"damaged database": {func(t *testing.T, cfg *config.Config) {
			write(t, filepath.Join(cfg.Data.Directory, "cloudpki.db"), strings.Repeat("not a database ", 1000), 0o600)
		}, "database.url"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := settings(t)
			if err := os.MkdirAll(cfg.Data.Directory, 0o700); err != nil {
				t.Fatal(err)
			}
			c.spoil(t, &cfg)
			err := app.Run(t.Context(), cfg, app.Options{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("err = %v, want it to say %q", err, c.want)
			}
		})
	}
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// The certificate that the service makes is made anew before it ends, under
// the same CA, and after its files were torn.
func TestOwnCertificate(t *testing.T) {
	cfg := settings(t)
	cfg.TLS.Hosts = []string{"pki.example.com"}
	first := served(t, cfg, nil)
	if err := first.VerifyHostname("pki.example.com"); err != nil {
		t.Error(err)
	}
	if again := served(t, cfg, nil); !again.Equal(first) {
		t.Error("a good certificate was replaced")
	}
	later := func() time.Time { return time.Now().Add(380 * 24 * time.Hour) }
	renewed := served(t, cfg, later)
	if renewed.Equal(first) || !renewed.NotAfter.After(first.NotAfter) {
		t.Error("a certificate near its end was not renewed")
	}
	write(t, filepath.Join(cfg.Data.Directory, "tls.key"), "torn", 0o600)
	if mended := served(t, cfg, nil); mended.Equal(renewed) {
		t.Error("a torn pair was not mended")
	}
	cfg.TLS.Hosts = append(cfg.TLS.Hosts, "new.example.com")
	if err := served(t, cfg, nil).VerifyHostname("new.example.com"); err != nil {
		t.Error(err)
	}
}

// served starts the service and returns the certificate it shows.
func served(t *testing.T, cfg config.Config, now func() time.Time) *x509.Certificate {
	t.Helper()
	s := start(t, cfg, now)
	transport, ok := s.client.Transport.(*http.Transport)
	if !ok {
		t.Fatal("not a *http.Transport")
	}
	if now != nil {
		transport.TLSClientConfig.Time = now
	}
	resp, err := s.client.Get(s.base + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	return resp.TLS.PeerCertificates[0]
}

// A token of the embedded issuer opens the API, before and after a restart.
func TestTokenOutlivesARestart(t *testing.T) {
	cfg := settings(t)
	s := start(t, cfg, nil)
	form := "grant_type=client_credentials&client_id=test&client_secret=a-secret-that-nobody-guesses&scope=https://localhost:8443/.default"
	resp, err := s.client.Post(s.base+"/8c3f1c8e-0000-4000-8000-000000000001/oauth2/v2.0/token", "application/x-www-form-urlencoded", strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Token == "" {
		t.Fatalf("no token: %d %v", resp.StatusCode, err)
	}
	_ = resp.Body.Close()
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s = start(t, cfg, nil)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.base+"/beta/cloudPkiSubscriptions", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+answer.Token)
	resp, err = s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("after the restart: %d", resp.StatusCode)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}
