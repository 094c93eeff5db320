package app_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/app"
	"cloudpki/internal/config"
)

// signing names a new signer for bundles in cfg, whose certificate ends then.
func signing(t *testing.T, cfg *config.Config, usage x509.KeyUsage, end time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Signer of bundles"}, NotBefore: end.AddDate(-1, 0, 0), NotAfter: end, KeyUsage: usage,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cfg.Trust.SigningCertificate, cfg.Trust.SigningKey = filepath.Join(dir, "signer.pem"), filepath.Join(dir, "signer.key")
	write(t, cfg.Trust.SigningCertificate, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), 0o600)
	write(t, cfg.Trust.SigningKey, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})), 0o600)
}

// A service with a signer tells until when it may sign, and starts with one that
// has ended: the roots reach devices all the same.
func TestBundleSigner(t *testing.T) {
	cfg := settings(t)
	const day = 24 * time.Hour
	for _, c := range []struct {
		end  time.Duration
		want string
	}{{90 * day, "ok: good until "}, {10 * day, "warning: ends "}, {-day, "failed: ended "}, {400 * day, "failed: begins only "}} {
		signing(t, &cfg, x509.KeyUsageDigitalSignature, time.Now().Add(c.end))
		expect(t, examined(t, cfg), map[string]string{"bundle signer": c.want})
	}
	signing(t, &cfg, x509.KeyUsageDigitalSignature, time.Now().Add(-day))
	s := start(t, cfg, nil)
	if status, text := s.get("/metrics"); status != 200 || !strings.Contains(text, "cloudpki_trust_signer_expiry_seconds -8640") {
		t.Errorf("metrics: %d %s", status, text)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
}

// A signer that cannot sign is refused at the start, by the name of its setting.
func TestBundleSignerFaults(t *testing.T) {
	cfg := settings(t)
	refused := func(want string) {
		t.Helper()
		if err := app.Run(t.Context(), cfg, app.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("start: %v, want %q", err, want)
		}
		expect(t, examined(t, cfg), map[string]string{"bundle signer": "failed: trust.signing_certificate"})
	}
	signing(t, &cfg, x509.KeyUsageCertSign, time.Now().Add(time.Hour))
	refused("trust.signing_certificate: the certificate's key usage allows no digital signature")
	certificate := cfg.Trust.SigningCertificate
	signing(t, &cfg, x509.KeyUsageDigitalSignature, time.Now().Add(time.Hour))
	cfg.Trust.SigningCertificate = certificate
	refused("private key does not match")
}
