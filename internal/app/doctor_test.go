package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/app"
	"cloudpki/internal/config"
	"cloudpki/internal/secret"
)

// examined returns what the doctor finds, by check: "status: message".
func examined(t *testing.T, cfg config.Config) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, f := range app.Doctor(t.Context(), cfg, time.Now) {
		found[f.Check] = string(f.Status) + ": " + f.Message
		if f.Status == app.Failed && f.Action == "" {
			t.Errorf("%s fails, and nothing is said of what to do", f.Check)
		}
	}
	return found
}

// expect holds what was found to the beginnings that are wanted.
func expect(t *testing.T, found, want map[string]string) {
	t.Helper()
	for check, begin := range want {
		if !strings.HasPrefix(found[check], begin) {
			t.Errorf("%s: found %q, want %q", check, found[check], begin)
		}
	}
}

// The doctor looks at a service before its first start, beside it and after it.
func TestDoctorThroughTheLifeOfAService(t *testing.T) {
	cfg := settings(t)
	expect(t, examined(t, cfg), map[string]string{
		"data directory": "ok: ", "database": "ok: there is none yet", "root key": "ok: there is none yet", "TLS certificate": "ok: the first start", "clock": "skipped: ",
	})
	if _, err := os.Stat(cfg.Data.Directory); err == nil {
		t.Error("the doctor has made the data directory")
	}
	s := start(t, cfg, time.Now)
	expect(t, examined(t, cfg), map[string]string{
		"database": "ok: sqlite, schema version ", "database pages": "skipped: a running service", "root key": "ok: ", "TLS certificate": "ok: good until ",
	})
	if status, text := s.get("/readyz"); status != http.StatusOK {
		t.Errorf("the service answers %d %s", status, text)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	expect(t, examined(t, cfg), map[string]string{"database": "ok: ", "database pages": "ok: whole"})
}

func TestDoctorFindsWhatIsWrong(t *testing.T) {
	cfg := settings(t)
	if err := start(t, cfg, time.Now).stop(); err != nil {
		t.Fatal(err)
	}
	for _, damage := range []struct {
		name string
		do   func() error
		want map[string]string
	}{
		{"a folder that others enter", func() error { return os.Chmod(cfg.Data.Directory, 0o755) }, map[string]string{"data directory": "warning: "}},
		{"a root key that others read", func() error { return os.Chmod(cfg.Keys.RootFile, 0o644) }, map[string]string{"root key": "failed: "}},
		{"a file that is no root key", func() error {
			return os.WriteFile(cfg.Keys.RootFile, []byte("s3cret"), 0o600)
		}, map[string]string{"root key": "failed: "}},
		{"a file that is no database", func() error {
			return os.WriteFile(filepath.Join(cfg.Data.Directory, "cloudpki.db"), []byte(strings.Repeat("no database ", 1000)), 0o600)
		}, map[string]string{"database": "failed: "}},
		{"a key that is not the certificate's", func() error {
			return os.WriteFile(filepath.Join(cfg.Data.Directory, "tls.key"), []byte("s3cret"), 0o600)
		}, map[string]string{"TLS certificate": "failed: "}},
	} {
		if err := damage.do(); err != nil {
			t.Fatal(err)
		}
		found := examined(t, cfg)
		expect(t, found, damage.want)
		if all := fmt.Sprint(found); strings.Contains(all, "s3cret") {
			t.Errorf("%s: a secret is shown: %s", damage.name, all)
		}
	}
}

// Another root key than the database's is told, and a missing one.
func TestDoctorKnowsTheRootKeyOfADatabase(t *testing.T) {
	cfg := settings(t)
	s := start(t, cfg, time.Now)
	s.create("https://ca.example")
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	expect(t, examined(t, cfg), map[string]string{"root key": "ok: " + cfg.Keys.RootFile + " fits the database"})
	if err := os.Remove(cfg.Keys.RootFile); err != nil {
		t.Fatal(err)
	}
	expect(t, examined(t, cfg), map[string]string{"root key": "failed: " + cfg.Keys.RootFile + " does not exist"})
	if _, err := secret.CreateRoot(cfg.Keys.RootFile); err != nil {
		t.Fatal(err)
	}
	expect(t, examined(t, cfg), map[string]string{"root key": "failed: " + cfg.Keys.RootFile + " is not the key"})
}

// Issuers are asked for their documents, and for their time.
func TestDoctorAsksIssuers(t *testing.T) {
	off := time.Duration(0)
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	answer := func(path string, document any) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
			_ = json.NewEncoder(w).Encode(document)
		})
	}
	answer("/good/.well-known/openid-configuration", map[string]string{"issuer": server.URL + "/good", "jwks_uri": server.URL + "/keys"})
	answer("/other/.well-known/openid-configuration", map[string]string{"issuer": "https://elsewhere.example", "jwks_uri": server.URL + "/keys"})
	answer("/keys", map[string]any{"keys": []any{map[string]string{"kty": "EC"}}})
	cfg := settings(t)
	cfg.Auth.Issuers = []config.TrustedIssuer{
		{Issuer: server.URL + "/good"},
		{Issuer: server.URL + "/other"},
		{Issuer: server.URL + "/none"},
		{Issuer: "https://keys.example", JWKSURI: server.URL + "/keys"},
	}
	found := examined(t, cfg)
	expect(t, found, map[string]string{
		"issuer " + server.URL + "/good": "ok: ", "issuer " + server.URL + "/other": `failed: the discovery document is about "https://elsewhere.example"`,
		"issuer " + server.URL + "/none": "failed: ", "issuer https://keys.example": "ok: publishes 1 keys",
		"clock": "ok: ",
	})
	cfg.Auth.Issuers = cfg.Auth.Issuers[:1]
	off = -time.Hour
	expect(t, examined(t, cfg), map[string]string{"clock": "warning: 1h0m"})
	off = time.Hour
	expect(t, examined(t, cfg), map[string]string{"clock": "warning: "})
}

// The servers of CAs are reached as syncs reach them, through the same bounds.
func TestDoctorReachesCAs(t *testing.T) {
	ca := httptest.NewUnstartedServer(http.NotFoundHandler())
	ca.Config.ErrorLog = log.New(io.Discard, "", 0) // its certificate is trusted by nobody
	ca.StartTLS()
	t.Cleanup(ca.Close)
	host := strings.TrimPrefix(ca.URL, "https://")
	cfg := settings(t)
	s := start(t, cfg, time.Now)
	s.create(ca.URL)
	s.create("https://127.0.0.1:1")
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	expect(t, examined(t, cfg), map[string]string{"CA " + host: "failed: connect: ", "CA 127.0.0.1:1": "failed: connect: "})
	loopback, err := config.Load(config.Sources{Flags: map[string]string{"data.directory": cfg.Data.Directory, "outbound.allow": "127.0.0.0/8", "issuer.tenants": "t"}})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, examined(t, loopback), map[string]string{"CA " + host: "warning: reached; ", "CA 127.0.0.1:1": "failed: connect: "})
	ctx, stop := context.WithCancel(t.Context())
	stop()
	for _, f := range app.Doctor(ctx, loopback, time.Now) {
		if strings.HasPrefix(f.Check, "CA ") && f.Status == app.Healthy {
			t.Errorf("after the end: %+v", f)
		}
	}
}

// create registers a CA at the running service, with a password that is sealed.
func (s *service) create(uri string) {
	s.t.Helper()
	const tenant = "8c3f1c8e-0000-4000-8000-000000000001"
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"test"}, "client_secret": {"a-secret-that-nobody-guesses"},
		"scope": {"https://localhost:8443/.default"},
	}
	resp, err := s.client.PostForm(s.base+"/"+tenant+"/oauth2/v2.0/token", form)
	if err != nil {
		s.t.Fatal(err)
	}
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := errors.Join(json.NewDecoder(resp.Body).Decode(&answer), resp.Body.Close()); err != nil {
		s.t.Fatal(err)
	}
	body := fmt.Sprintf(`{"cloudPkiProvider":"symantec","paused":true,"serviceUri":%q,"credentials":{"adminPassword":"s3cret"}}`, uri)
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.base+"/beta/cloudPkiSubscriptions", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+answer.Token)
	r.Header.Set("Content-Type", "application/json")
	if resp, err = s.client.Do(r); err != nil {
		s.t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusCreated {
		s.t.Fatalf("create: %d %s %v", resp.StatusCode, text, err)
	}
}
