package dev

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// defaultListen is where the API is usually found.
const defaultListen = "127.0.0.1:8443"

// chooseListen keeps the address of the last start, because tokens and links
// are made from it; a taken default gives way to a free port.
func (s *session) chooseListen(ctx context.Context) (string, error) {
	switch {
	case s.Listen != "":
		s.state.Listen = s.Listen
	case s.state.Listen == "":
		s.state.Listen = defaultListen
	}
	address, err := freeAddress(ctx, s.state.Listen)
	if err != nil && s.Listen == "" {
		s.out.line("  %s is taken; a free port is used", s.state.Listen)
		address, err = freeAddress(ctx, "127.0.0.1:0")
	}
	if err != nil {
		return "", fmt.Errorf("find an address for the API: %w", err)
	}
	s.state.Listen = address
	return address, nil
}

// servesAlready reports whether the service of this data directory answers at
// the address of its last start: before anything in it is written anew.
func (s *session) servesAlready(ctx context.Context) bool {
	const patience = 2 * time.Second
	ca, err := os.ReadFile(filepath.Join(s.Data, caFile))
	if s.state.Listen == "" || err != nil {
		return false
	}
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	client, err := trusting(ca)
	if err != nil {
		return false
	}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+s.state.Listen+"/livez", http.NoBody)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close() // its certificate is what counts: another service has another CA
	return true
}

// trusting returns a client that trusts the CA certificates in pem alone.
func trusting(pem []byte) (*http.Client, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate in the CA file of the service")
	}
	return &http.Client{
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true},
		Timeout:   time.Minute,
	}, nil
}

// freeAddress returns address with a port that can be listened on.
func freeAddress(ctx context.Context, address string) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	free := l.Addr().String()
	return free, l.Close()
}

// configText is the configuration of the service, for `cloudpki serve` too.
// JSON strings are YAML strings, so quoting is theirs.
func (s *session) configText(listen string) []byte {
	quote := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			return `""` // strings and lists of strings always encode
		}
		return string(text)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Written by `cloudpki dev` at each start. `cloudpki serve --config` runs on it as well.\n")
	fmt.Fprintf(&b, "data:\n  directory: %s\n", quote(s.Data))
	fmt.Fprintf(&b, "listen:\n  address: %s\n", quote(listen))
	if s.Database != "" {
		fmt.Fprintf(&b, "database:\n  url: %s\n", quote(s.Database))
	}
	fmt.Fprintf(&b, "# The simulated CA is on this machine; the production default reaches public addresses only.\n")
	fmt.Fprintf(&b, "outbound:\n  allow: [\"127.0.0.0/8\", \"::1/128\"]\n")
	fmt.Fprintf(&b, "issuer:\n  clients:\n")
	for _, c := range s.state.Clients {
		fmt.Fprintf(&b, "    - id: %s\n      name: %s\n      tenant: %s\n", quote(c.ID), quote(c.Name), quote(s.state.Tenant))
		fmt.Fprintf(&b, "      secret_file: %s\n      roles: %s\n", quote(c.secretFile(s.Data)), quote(c.Roles))
		if c.hasCertificate() {
			fmt.Fprintf(&b, "      certificate_files: [%s]\n", quote(c.certificateFile(s.Data)))
		}
		if c.Budget > 0 {
			fmt.Fprintf(&b, "      requests_per_minute: %d\n", c.Budget)
		}
	}
	fmt.Fprintf(&b, "    - id: %s\n      name: %s\n      tenant: %s\n", quote(s.state.PublicClient), quote("dev program for people"), quote(s.state.Tenant))
	fmt.Fprintf(&b, "      public: true\n      redirect_uris: [\"http://localhost\", \"http://127.0.0.1\"]\n")
	fmt.Fprintf(&b, "  users:\n    - name: %s\n      display_name: %s\n      tenant: %s\n", quote(userName), quote("Dev Admin"), quote(s.state.Tenant))
	fmt.Fprintf(&b, "      password_hash: %s\n      scopes: [%s]\n", quote(s.state.UserHash), quote(roleReadWrite))
	return []byte(b.String())
}

// A connection is dev.json: what a script needs to use the service.
type connection struct {
	BaseURL           string `json:"base_url"`
	Authority         string `json:"authority"`
	Tenant            string `json:"tenant"`
	ClientID          string `json:"client_id"`
	ClientSecret      string `json:"client_secret"`
	ClientCertificate string `json:"client_certificate_pem"` // path: key and certificate
	CA                string `json:"ca_pem"`                 // path
	NoRoleID          string `json:"norole_client_id"`
	NoRoleSecret      string `json:"norole_client_secret"`
	LimitedID         string `json:"limited_client_id"`
	LimitedSecret     string `json:"limited_client_secret"`
	PublicID          string `json:"public_client_id"` // for people, by code or device code
	User              string `json:"user"`
	Password          string `json:"password"`
}

// writeConnection writes dev.json once the service answers.
func (s *session) writeConnection() error {
	c := connection{
		BaseURL: s.running.Origin + "/beta", Authority: s.running.Origin, Tenant: s.state.Tenant, CA: s.running.CAFile,
	}
	for _, client := range s.state.Clients {
		secret, err := readSecret(client.secretFile(s.Data))
		if err != nil {
			return err
		}
		switch client.Key {
		case "norole":
			c.NoRoleID, c.NoRoleSecret = client.ID, secret
		case "limited":
			c.LimitedID, c.LimitedSecret = client.ID, secret
		default:
			c.ClientID, c.ClientSecret = client.ID, secret
			c.ClientCertificate = client.certificateFile(s.Data)
		}
	}
	password, err := readSecret(passwordFile(s.Data))
	if err != nil {
		return err
	}
	c.PublicID, c.User, c.Password = s.state.PublicClient, userName, password
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", connectionFile, err)
	}
	s.connection = c
	if err := writeFile(filepath.Join(s.Data, exampleFile), example); err != nil {
		return err
	}
	return writeFile(filepath.Join(s.Data, connectionFile), append(text, '\n'))
}
