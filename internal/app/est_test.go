package app_test

import (
	"crypto/tls"
	"net/http"
	"os"
	"strings"
	"testing"

	"cloudpki/internal/app"
	"cloudpki/internal/config"
)

// Both listeners answer EST. The one for devices answers nothing else, and it
// alone asks for a client certificate.
func TestESTListener(t *testing.T) {
	cfg := settings(t)
	cfg.EST.Address = "127.0.0.1:0"
	s := start(t, cfg, nil)
	for _, c := range []struct {
		base, path string
		text       string
		asks       bool
	}{
		{s.base, "/.well-known/est/nobody/cacerts", "There is no such endpoint.", false},
		{s.est, "/.well-known/est/nobody/cacerts", "There is no such endpoint.", true},
		{s.base, "/beta/", "cloudPkiSubscriptions", false},
		{s.est, "/beta/", "There is nothing here.", true},
		{s.est, "/metrics", "There is nothing here.", true},
	} {
		asked := false
		device := &service{t: t, base: c.base, client: trusting(t, s.caFile)}
		device.client.Transport.(*http.Transport).TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			asked = true
			return new(tls.Certificate), nil
		}
		if _, text := device.get(c.path); !strings.Contains(text, c.text) || asked != c.asks {
			t.Errorf("%s at %s: asked for a certificate: %t, then %s", c.path, c.base, asked, text)
		}
		device.client.CloseIdleConnections()
	}
	if err := s.stop(); err != nil {
		t.Errorf("an orderly stop: %v", err)
	}
}

// A port that is taken, and an address that is none, name the setting.
func TestESTAddressFaults(t *testing.T) {
	cfg := settings(t)
	s := start(t, cfg, nil)
	other := settings(t)
	other.EST.Address = strings.TrimPrefix(s.base, "https://")
	if err := app.Run(t.Context(), other, app.Options{}); err == nil || !strings.Contains(err.Error(), "est.address") {
		t.Errorf("a port that is taken: %v", err)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	file := t.TempDir() + "/cloudpki.yaml"
	if err := os.WriteFile(file, []byte("est:\n  address: nowhere\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(config.Sources{File: file}); err == nil || !strings.Contains(err.Error(), "est.address") {
		t.Errorf("no address: %v", err)
	}
}
