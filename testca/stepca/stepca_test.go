// Package stepca_test drives the step-ca provider against real step-ca servers
// through the real transport.
package stepca_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/stepca"
	"cloudpki/testca/stepca/stepcatest"
)

func TestAuthoritiesAreThoseOfTheCA(t *testing.T) {
	t.Parallel()
	ca := stepcatest.Start(t)
	s := open(t, pinned(ca))
	if _, err := s.Probe(t.Context()); err != nil {
		t.Fatalf("probe: %v", err)
	}
	got, err := s.(provider.RootSource).Authorities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(got.List) != 1 {
		t.Fatalf("%d authorities, want 1", len(got.List))
	}
	a := got.List[0]
	if !a.Root.Equal(ca.Root()) {
		t.Errorf("root is %s, want that of the CA", a.Root.Subject)
	}
	if err := ca.Issue(t, "leaf.example.test").CheckSignatureFrom(a.Issuing); err != nil {
		t.Errorf("a certificate of the CA was not signed by the issuing authority: %v", err)
	}
	if len(a.Chain) != 0 {
		t.Errorf("%d certificates between issuer and root, want 0", len(a.Chain))
	}
}

func TestRevokedCertificateIsInTheCRLWithItsReason(t *testing.T) {
	t.Parallel()
	const keyCompromise = 1
	ca := stepcatest.Start(t)
	kept, revoked := ca.Issue(t, "kept.example.test"), ca.Issue(t, "revoked.example.test")
	s := open(t, pinned(ca))
	if list := crl(t, s); len(list.RevokedCertificateEntries) != 0 {
		t.Fatalf("a new CA's CRL has %d entries", len(list.RevokedCertificateEntries))
	}
	ca.Revoke(t, revoked, keyCompromise)
	list := crl(t, s)
	if len(list.RevokedCertificateEntries) != 1 {
		t.Fatalf("%d entries, want 1", len(list.RevokedCertificateEntries))
	}
	e := list.RevokedCertificateEntries[0]
	if e.SerialNumber.Cmp(revoked.SerialNumber) != 0 || e.SerialNumber.Cmp(kept.SerialNumber) == 0 || e.ReasonCode != keyCompromise {
		t.Errorf("entry %x reason %d, want %x reason %d", e.SerialNumber, e.ReasonCode, revoked.SerialNumber, keyCompromise)
	}
	if time.Since(e.RevocationTime).Abs() > time.Minute {
		t.Errorf("revoked at %v, want now", e.RevocationTime)
	}
	if !bytes.Equal(list.RawIssuer, revoked.RawIssuer) {
		t.Error("the CRL names another issuer than the certificate")
	}
}

func TestCAWithoutCRLHasNoRevocations(t *testing.T) {
	t.Parallel()
	s := open(t, pinned(stepcatest.Start(t, stepcatest.WithoutCRL())))
	lists, err := s.(provider.RevocationSource).CRLs(t.Context())
	if err != nil || len(lists) != 0 {
		t.Errorf("got %d lists and error %v, want neither", len(lists), err)
	}
}

func TestServerCertificateAuthoritiesInsteadOfFingerprint(t *testing.T) {
	t.Parallel()
	ca := stepcatest.Start(t)
	c := config(ca)
	c.ServerCAs = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Root().Raw})
	if _, err := open(t, c).(provider.RootSource).Authorities(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWrongFingerprintIsRefused(t *testing.T) {
	t.Parallel()
	ca, other := stepcatest.Start(t), stepcatest.Start(t)
	c := pinned(ca)
	c.Settings["rootFingerprint"] = fingerprint(other.Root())
	_, err := stepca.Kind().Open(t.Context(), c)
	wantCode(t, err, provider.CodeTLSServer)
}

func TestReplacedCAIsRefused(t *testing.T) {
	t.Parallel()
	ca := stepcatest.Start(t)
	c := pinned(ca)
	s := open(t, c)
	if _, err := s.Probe(t.Context()); err != nil {
		t.Fatalf("probe before the replacement: %v", err)
	}
	ca.Replace(t)
	_, err := s.Probe(t.Context())
	wantCode(t, err, provider.CodeTLSServer)
	_, err = stepca.Kind().Open(t.Context(), c)
	wantCode(t, err, provider.CodeTLSServer)
}

func TestStoppedCAIsTriedAgainLater(t *testing.T) {
	t.Parallel()
	ca := stepcatest.Start(t)
	c := pinned(ca)
	s := open(t, c)
	ca.Stop()
	_, err := s.Probe(t.Context())
	wantCode(t, err, provider.CodeConnect)
	_, err = stepca.Kind().Open(t.Context(), c)
	wantCode(t, err, provider.CodeConnect)
	if retry := provider.CodeConnect.Retry(); retry != provider.RetryBackOff {
		t.Errorf("retry %s, want %s", retry, provider.RetryBackOff)
	}
}

// TestProgram runs the step-ca program on a directory that the standard
// library alone has written.
func TestProgram(t *testing.T) {
	t.Parallel()
	address, err := stepcatest.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files, err := stepcatest.WriteConfig(dir, address)
	if err != nil {
		t.Fatal(err)
	}
	run(t, exec.CommandContext(t.Context(), stepCAProgram(t), files.ConfigFile), dir)
	c := provider.Config{ServiceURI: "https://" + address + "/", Settings: map[string]string{"rootFingerprint": fingerprint(files.Root)}}
	if err := files.WaitHealthy(t.Context(), "https://"+address); err != nil {
		t.Fatal(err)
	}
	s := open(t, withTransport(c))
	got, err := s.(provider.RootSource).Authorities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(got.List) != 1 || !got.List[0].Root.Equal(files.Root) {
		t.Errorf("%d authorities, want 1 under the configured root", len(got.List))
	}
	crl(t, s)
}

// stepCAProgram returns the path of the step-ca program, building it if need be.
// Without CGO, since with it step-ca wants the smart card library.
func stepCAProgram(t *testing.T) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "tool", "-n", "step-ca")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("build step-ca: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// run keeps cmd running until the test ends.
func run(t *testing.T, cmd *exec.Cmd, stepPath string) {
	t.Helper()
	cmd.Env = append(os.Environ(), "STEPPATH="+stepPath)
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		var exit *exec.ExitError
		if err := cmd.Wait(); err != nil && !errors.Is(err, context.Canceled) && !errors.As(err, &exit) {
			t.Errorf("end step-ca: %v", err)
		}
	})
}

func config(ca *stepcatest.CA) provider.Config {
	return withTransport(provider.Config{ServiceURI: ca.URL(), Settings: map[string]string{}})
}

func pinned(ca *stepcatest.CA) provider.Config {
	c := config(ca)
	c.Settings["rootFingerprint"] = fingerprint(ca.Root())
	return c
}

func withTransport(c provider.Config) provider.Config {
	c.Now = time.Now
	c.Transport = provider.NewTransport(provider.TransportOptions{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	return c
}

func open(t *testing.T, c provider.Config) provider.Session {
	t.Helper()
	for _, p := range stepca.Kind().Validate(c) {
		t.Fatalf("validate: %+v", p)
	}
	s, err := stepca.Kind().Open(t.Context(), c)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func crl(t *testing.T, s provider.Session) *x509.RevocationList {
	t.Helper()
	lists, err := s.(provider.RevocationSource).CRLs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(lists) != 1 {
		t.Fatalf("%d lists, want 1", len(lists))
	}
	return lists[0]
}

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

func wantCode(t *testing.T, err error, want provider.Code) {
	t.Helper()
	var fault *provider.Error
	if !errors.As(err, &fault) || fault.Code != want {
		t.Errorf("got %v, want an error with code %s", err, want)
	}
}
