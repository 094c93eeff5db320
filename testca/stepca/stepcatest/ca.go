package stepcatest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/smallstep/certificates/authority/config"
	"github.com/smallstep/certificates/ca"
)

// A CA is a running step-ca server with one JWK provisioner. Its methods that
// take a test end it where they fail.
type CA struct {
	address string
	options []Option
	files   Files
	client  *http.Client
	server  *ca.CA
	ended   chan struct{} // closed when the server has ended
	err     error         // why; to be read after ended
	stop    sync.Once
}

// Start runs a CA with a root of its own at a free port of 127.0.0.1, in this
// process, until the test ends. The CRL is on and made anew at each revocation.
func Start(t testing.TB, options ...Option) *CA {
	t.Helper()
	address, err := FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return startAt(t, address, options)
}

// Replace stops the CA and starts another with another root in its place.
func (c *CA) Replace(t testing.TB) *CA {
	t.Helper()
	c.Stop()
	return startAt(t, c.address, c.options)
}

func startAt(t testing.TB, address string, options []Option) *CA {
	t.Helper()
	files, err := WriteConfig(t.TempDir(), address, options...)
	if err != nil {
		t.Fatal(err)
	}
	conf, err := config.LoadConfiguration(files.ConfigFile)
	if err != nil {
		t.Fatalf("load step-ca configuration: %v", err)
	}
	server, err := ca.New(conf, ca.WithQuiet(true))
	if err != nil {
		t.Fatalf("make step-ca: %v", err)
	}
	c := &CA{address: address, options: options, files: files, client: files.client(), server: server, ended: make(chan struct{})}
	go func() {
		defer close(c.ended)
		c.err = server.Run()
	}()
	t.Cleanup(c.Stop)
	if err := files.WaitHealthy(t.Context(), c.URL()); err != nil {
		c.Stop()
		t.Fatalf("start step-ca: %v (it ended with: %v)", err, c.err)
	}
	return c
}

// URL returns the CA's base address, without a slash at its end.
func (c *CA) URL() string { return "https://" + c.address }

// Root returns the CA's root certificate.
func (c *CA) Root() *x509.Certificate { return c.files.Root }

// Stop ends the server and waits for it. It may be called twice.
func (c *CA) Stop() {
	c.stop.Do(func() {
		c.client.CloseIdleConnections()
		_ = c.server.Stop() // its listener and database are gone either way
		<-c.ended
	})
}

// FreeAddress returns a host:port of 127.0.0.1 that nobody listened at a moment
// ago. step-ca takes no listener, so another process can come between.
func FreeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return address, nil
}

// client returns a client that trusts the CA's root alone.
func (f Files) client() *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(f.Root)
	return &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}},
	}
}

// WaitHealthy returns once the CA at url (a base address) answers its health
// check under the root of f, or fails after ten seconds.
func (f Files) WaitHealthy(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client := f.client()
	defer client.CloseIdleConnections()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/health", http.NoBody)
		if err != nil {
			return fmt.Errorf("ask step-ca for its health: %w", err)
		}
		resp, err := client.Do(req)
		if err == nil {
			_ = resp.Body.Close() // only its status counts
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("HTTP %d", resp.StatusCode)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for step-ca at %s: %w", url, err)
		case <-retry.C:
		}
	}
}
