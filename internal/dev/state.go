package dev

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"cloudpki/internal/secret"
)

// The files in the data directory.
const (
	stateFile      = "dev-state.json"
	configFile     = "cloudpki.yaml"
	connectionFile = "dev.json"
	exampleFile    = "example.json"
	caFile         = "tls-ca.pem" // where the service keeps the CA of its own certificate
	rootKeyFile    = "root.key"   // where the service looks for it by default
	clientFolder   = "clients"
)

// The roles that API permissions are granted by.
const (
	roleReadWrite = "DeviceManagementConfiguration.ReadWrite.All"
	limitedBudget = 60 // requests a minute of the limited client

	// userName is the person who may sign in.
	userName = "admin"
)

// A state is what a data directory remembers between two starts, so that
// scripts and subscriptions go on working.
type state struct {
	Tenant        string            `json:"tenant"`
	Listen        string            `json:"listen"`
	CAListen      string            `json:"ca_listen"`
	Clients       []devClient       `json:"clients"`
	PublicClient  string            `json:"public_client"`
	UserHash      string            `json:"user_hash"`
	Subscriptions map[string]string `json:"subscriptions"` // id by source

	fresh bool // nothing was remembered
}

// A devClient is an application that may log in.
type devClient struct {
	Key    string   `json:"key"` // its prefix in dev.json: "", "norole", "limited"
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	Roles  []string `json:"roles"`
	Budget int      `json:"budget"`
}

func loadState(data string) (*state, error) {
	text, err := os.ReadFile(filepath.Join(data, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return newState(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what the last start left: %w", err)
	}
	var s state
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("%s is damaged; remove the data directory to begin anew: %w", stateFile, err)
	}
	if s.PublicClient == "" {
		s.PublicClient = uuid.NewString()
	}
	if s.Subscriptions == nil {
		s.Subscriptions = map[string]string{}
	}
	return &s, nil
}

func newState() *state {
	return &state{
		Tenant: uuid.NewString(),
		Clients: []devClient{
			{Key: "", ID: uuid.NewString(), Name: "dev admin", Roles: []string{roleReadWrite}},
			{Key: "norole", ID: uuid.NewString(), Name: "dev client without roles", Roles: []string{}},
			{Key: "limited", ID: uuid.NewString(), Name: "dev client with a small budget", Roles: []string{roleReadWrite}, Budget: limitedBudget},
		},
		PublicClient:  uuid.NewString(),
		Subscriptions: map[string]string{},
		fresh:         true,
	}
}

func (s *state) save(data string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	return writeFile(filepath.Join(data, stateFile), append(text, '\n'))
}

func (c devClient) file(data, kind string) string {
	name := "admin"
	if c.Key != "" {
		name = c.Key
	}
	return filepath.Join(data, clientFolder, name+kind)
}

func (c devClient) secretFile(data string) string { return c.file(data, ".secret") }

// certificateFile holds the client's key and certificate, as identity
// libraries want them.
func (c devClient) certificateFile(data string) string { return c.file(data, ".pem") }

// hasCertificate: one client is enough to try certificates with.
func (c devClient) hasCertificate() bool { return c.Key == "" }

// writeClients makes the secrets and certificates that are missing.
func (s *state) writeClients(data string) error {
	if err := os.MkdirAll(filepath.Join(data, clientFolder), 0o700); err != nil {
		return fmt.Errorf("make the folder of clients: %w", err)
	}
	for _, c := range s.Clients {
		if err := writeOnce(c.secretFile(data), func() ([]byte, error) {
			return []byte(rand.Text() + rand.Text()), nil
		}); err != nil {
			return err
		}
		if !c.hasCertificate() {
			continue
		}
		if err := writeOnce(c.certificateFile(data), func() ([]byte, error) { return selfSigned(c.Name) }); err != nil {
			return err
		}
	}
	if err := s.writeUser(data); err != nil {
		return err
	}
	return s.save(data)
}

// passwordFile holds the password of the person who may sign in.
func passwordFile(data string) string { return filepath.Join(data, clientFolder, userName+".password") }

// writeUser makes the person's password if it is missing. Its hash is kept,
// because another one would end the sessions of the last start.
func (s *state) writeUser(data string) error {
	if _, err := os.Stat(passwordFile(data)); errors.Is(err, fs.ErrNotExist) {
		s.UserHash = ""
	}
	if err := writeOnce(passwordFile(data), func() ([]byte, error) { return []byte(rand.Text()), nil }); err != nil {
		return err
	}
	if s.UserHash != "" {
		return nil
	}
	password, err := readSecret(passwordFile(data))
	if err != nil {
		return err
	}
	hash, err := secret.HashPassword(secret.NewString(password))
	if err != nil {
		return fmt.Errorf("hash the password: %w", err)
	}
	s.UserHash = hash.String()
	return nil
}

// writeOnce writes path unless it is there.
func writeOnce(path string, content func() ([]byte, error)) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text, err := content()
	if err != nil {
		return err
	}
	return writeFile(path, text)
}

// writeFile writes path with mode 0600, whole or not at all.
func writeFile(path string, text []byte) error {
	tmp := path + ".new"
	if err := os.WriteFile(tmp, text, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// selfSigned returns a key and a certificate for a client's assertions, PEM.
// RSA, because that is what Microsoft's identity libraries sign with.
func selfSigned(name string) ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make a client's key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(5, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("sign a client's certificate: %w", err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a client's key: %w", err)
	}
	out := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	return append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...), nil
}
