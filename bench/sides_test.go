package bench_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"cloudpki/bench/load"
	"cloudpki/bench/process"
	"cloudpki/e2e/program"
)

// startLimit is how long a program may take until it is ready.
const startLimit = 30 * time.Second

// A side is one of the two programs that are compared.
type side struct {
	name    string
	program string
	args    []string
	env     []string
	address string
	tls     *tls.Config
	header  string // further request header lines, each with its end

	running *process.Process
	loader  *load.Loader
}

// start runs the program and returns the time from its start to its first 200
// at /readyz.
func (s *side) start(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	transport := &http.Transport{TLSClientConfig: s.tls}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	begun := time.Now()
	// The process outlives ctx, which bounds the start alone.
	p, err := process.Start(context.WithoutCancel(ctx), s.env, s.program, s.args...)
	if err != nil {
		return 0, err
	}
	for !ready(ctx, client, "https://"+s.address+"/readyz") {
		if ctx.Err() != nil {
			return 0, fmt.Errorf("%s is not ready: %w", s.name, errors.Join(ctx.Err(), p.Stop()))
		}
		time.Sleep(time.Millisecond)
	}
	s.running = p
	return time.Since(begun), nil
}

func ready(ctx context.Context, client *http.Client, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// stop closes the connections and ends the program.
func (s *side) stop() error {
	var errs []error
	if s.loader != nil {
		_ = s.loader.Close() // the server may have closed them first
		s.loader = nil
	}
	if s.running != nil {
		errs = append(errs, s.running.Stop())
		s.running = nil
	}
	return errors.Join(errs...)
}

// begin starts the program until the benchmark ends and opens n connections.
func (s *side) begin(tb testing.TB, n int) {
	tb.Helper()
	if _, err := s.start(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.stop(); err != nil {
			tb.Error(err)
		}
	})
	loader, err := load.Dial(tb.Context(), load.Target{Address: s.address, TLS: s.tls}, n)
	if err != nil {
		tb.Fatal(err)
	}
	s.loader = loader
}

// newFloor builds the floor and prepares a folder for it.
func newFloor(tb testing.TB) *side {
	tb.Helper()
	dir := tb.TempDir()
	binary := filepath.Join(dir, "floor")
	build := exec.CommandContext(tb.Context(), "go", "build", "-o", binary, "./floor")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("build the floor: %v\n%s", err, out)
	}
	cert, key := filepath.Join(dir, "tls.pem"), filepath.Join(dir, "tls.key")
	address := freeAddress(tb)
	return &side{
		name: "floor", program: binary, address: address, tls: selfSigned(tb, cert, key),
		args: []string{"-data", dir, "-listen", address, "-cert", cert, "-key", key},
	}
}

// newProduct builds cloudpki and prepares a folder for it with an empty set.
func newProduct(tb testing.TB) *side {
	tb.Helper()
	binary := build(tb)
	data := tb.TempDir()
	out, err := exec.CommandContext(tb.Context(), binary, "dev", "--data", data, "--once", "--listen", "127.0.0.1:0").CombinedOutput()
	if err != nil {
		tb.Fatalf("prepare a folder: %v\n%s", err, out)
	}
	c := program.ReadConnection(tb, filepath.Join(data, "dev.json"))
	s := &side{
		name: "cloudpki", program: binary, address: c.Authority[len("https://"):], tls: trust(tb, c.CA),
		args: []string{"serve", "--config", filepath.Join(data, "cloudpki.yaml")},
		env:  []string{"CLOUDPKI_API_REQUESTS_PER_MINUTE=10000000", "CLOUDPKI_API_TENANT_REQUESTS_PER_MINUTE=10000000"},
	}
	if _, err := s.start(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	api := c.Login(tb)
	s.header = "Authorization: Bearer " + api.Token + "\r\n"
	empty(tb, api)
	if err := s.stop(); err != nil {
		tb.Fatal(err)
	}
	return s
}

// empty deletes the subscription that preparing the folder has made.
func empty(tb testing.TB, api program.API) {
	tb.Helper()
	var list struct{ Value []struct{ ID string } }
	if err := api.Must(tb, http.MethodGet, "/cloudPkiSubscriptions", nil, http.StatusOK).Into(&list); err != nil {
		tb.Fatal(err)
	}
	for _, item := range list.Value {
		api.Must(tb, http.MethodDelete, "/cloudPkiSubscriptions/"+item.ID, nil, http.StatusNoContent)
	}
}

// freeAddress returns an address that nothing listens on.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// trust returns a client's configuration for the certificates in a PEM file.
func trust(tb testing.TB, path string) *tls.Config {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		tb.Fatalf("%s holds no certificate", path)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: "127.0.0.1"}
}

// selfSigned writes a certificate with a P-256 key, as cloudpki makes its own,
// and returns a client's configuration for it.
func selfSigned(tb testing.TB, certPath, keyPath string) *tls.Config {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{
		certPath: {Type: "CERTIFICATE", Bytes: der}, keyPath: {Type: "PRIVATE KEY", Bytes: pkcs8},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return trust(tb, certPath)
}
