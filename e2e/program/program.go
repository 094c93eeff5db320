// Package program starts the built program for tests from outside: as a
// process, over HTTPS, with nothing but what a user has.
package program

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Build compiles the program of the repository at root, as it is released
// (CGO off), and returns its path.
func Build(tb testing.TB, root string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "cloudpki")
	build := exec.CommandContext(tb.Context(), "go", "build", "-o", path, "./cmd/cloudpki")
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("build the program: %v\n%s", err, out)
	}
	return path
}

// A Connection is what dev.json tells.
type Connection struct {
	Path string `json:"-"` // of dev.json
	Link string `json:"-"` // signs User in to the console, once; "" where nothing printed one

	BaseURL      string `json:"base_url"`
	Authority    string `json:"authority"`
	Tenant       string `json:"tenant"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	Certificate  string `json:"client_certificate_pem"`
	CA           string `json:"ca_pem"`

	LimitedID     string `json:"limited_client_id"` // a client with a small budget
	LimitedSecret string `json:"limited_client_secret"`
	PublicID      string `json:"public_client_id"` // by which people log in

	User     string `json:"user"` // a person who may do everything
	Password string `json:"password"`
}

// ReadConnection reads a dev.json.
func ReadConnection(tb testing.TB, path string) Connection {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	c := Connection{Path: path}
	if err := json.Unmarshal(text, &c); err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
	return c
}

// HTTPClient returns a client that trusts the service's own CA.
func (c Connection) HTTPClient(tb testing.TB) *http.Client {
	tb.Helper()
	text, err := os.ReadFile(c.CA)
	if err != nil {
		tb.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		tb.Fatalf("%s holds no certificate", c.CA)
	}
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 64,
	}
	tb.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

// An API is a caller with a token.
type API struct {
	Base   string
	Token  string
	Client *http.Client
}

// Login gets a token by the client's secret.
func (c Connection) Login(tb testing.TB) API {
	tb.Helper()
	client := c.HTTPClient(tb)
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {c.ClientID}, "client_secret": {c.ClientSecret},
		"scope": {c.Authority + "/.default"},
	}
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, c.Authority+"/"+c.Tenant+"/oauth2/v2.0/token", strings.NewReader(form.Encode()))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := client.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Token string `json:"access_token"`
		Error string `json:"error_description"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Token == "" {
		tb.Fatalf("log in: %d %s %v", resp.StatusCode, answer.Error, err)
	}
	return API{Base: c.BaseURL, Token: answer.Token, Client: client}
}

// An Answer is a response with its body read.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Into decodes the body.
func (a Answer) Into(v any) error { return json.Unmarshal(a.Body, v) }

// Do sends one request; address is absolute or below the base. An error means
// that no whole answer came.
func (a API) Do(ctx context.Context, method, address string, body []byte) (Answer, error) {
	if !strings.HasPrefix(address, "https://") {
		address = a.Base + address
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+a.Token)
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := a.Client.Do(req)
	if err != nil {
		return Answer{}, err
	}
	text, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return Answer{}, err
	}
	return Answer{resp.StatusCode, resp.Header, text}, nil
}

// Must is Do with the status that is wanted.
func (a API) Must(tb testing.TB, method, address string, body []byte, status int) Answer {
	tb.Helper()
	got, err := a.Do(tb.Context(), method, address, body)
	if err != nil {
		tb.Fatalf("%s %s: %v", method, address, err)
	}
	if got.Status != status {
		tb.Fatalf("%s %s: %d, want %d: %s", method, address, got.Status, status, got.Body)
	}
	return got
}

// AwaitReady waits until the service says that it is ready.
func AwaitReady(ctx context.Context, client *http.Client, origin string) error {
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, origin+"/readyz", nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the service is not ready: %w", errors.Join(ctx.Err(), err))
		case <-time.After(5 * time.Millisecond):
		}
	}
}
