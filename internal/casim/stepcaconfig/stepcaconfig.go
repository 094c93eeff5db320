// Package stepcaconfig makes a configuration that the step-ca program runs with
// as it is: a root, an intermediate and a provisioner of its own, and the
// revocation list switched on. It is for demonstrations and tests.
package stepcaconfig

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// ProvisionerName is the name of the one provisioner.
const ProvisionerName = "ops@example.test"

// Files is a configuration of step-ca on disk, as `step-ca ConfigFile` takes it.
// Its keys are not encrypted, so it needs no password file.
type Files struct {
	ConfigFile  string
	Root        *x509.Certificate
	Provisioner *ecdsa.PrivateKey // signs the tokens that allow to issue and revoke
}

// Options shape a configuration.
type Options struct {
	WithoutCRL bool // offer no revocation list, as is step-ca's own default

	// EncryptKey puts the provisioner's key, whose id is kid, under a password,
	// as a compact JWE of its JWK: then the CA hands it out. Nil leaves it out.
	EncryptKey func(key *ecdsa.PrivateKey, kid string) (string, error)
}

// Write makes a root, an intermediate and a provisioner and writes what
// step-ca needs to run with them at address (host:port) into dir: ca.json,
// root_ca.crt, intermediate_ca.crt and intermediate_ca_key. The database comes
// to lie in dir/db.
func Write(dir, address string, o Options) (Files, error) {
	h, err := newHierarchy(time.Now())
	if err != nil {
		return Files{}, err
	}
	provisioner, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Files{}, fmt.Errorf("make provisioner key: %w", err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(h.key)
	if err != nil {
		return Files{}, fmt.Errorf("encode intermediate key: %w", err)
	}
	config, err := caJSON(dir, address, provisioner, o)
	if err != nil {
		return Files{}, err
	}
	for name, content := range map[string][]byte{
		"root_ca.crt":         pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.root.Raw}),
		"intermediate_ca.crt": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.intermediate.Raw}),
		"intermediate_ca_key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		"ca.json":             config,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return Files{}, fmt.Errorf("write step-ca configuration: %w", err)
		}
	}
	return Files{ConfigFile: filepath.Join(dir, "ca.json"), Root: h.root, Provisioner: provisioner}, nil
}

// caJSON returns the configuration file (authority/config/config.go, Config).
func caJSON(dir, address string, provisioner *ecdsa.PrivateKey, o Options) ([]byte, error) {
	key, err := PublicJWK(&provisioner.PublicKey)
	if err != nil {
		return nil, err
	}
	entry := map[string]any{"type": "JWK", "name": ProvisionerName, "key": key}
	if o.EncryptKey != nil {
		if entry["encryptedKey"], err = o.EncryptKey(provisioner, key["kid"]); err != nil {
			return nil, fmt.Errorf("encrypt provisioner key: %w", err)
		}
	}
	config := map[string]any{
		"root":      filepath.Join(dir, "root_ca.crt"),
		"crt":       filepath.Join(dir, "intermediate_ca.crt"),
		"key":       filepath.Join(dir, "intermediate_ca_key"),
		"address":   address,
		"dnsNames":  []string{"127.0.0.1", "localhost"},
		"db":        map[string]any{"type": "badgerv2", "dataSource": filepath.Join(dir, "db")},
		"authority": map[string]any{"provisioners": []any{entry}},
		"tls":       map[string]any{"minVersion": 1.2, "maxVersion": 1.3},
	}
	if !o.WithoutCRL {
		config["crl"] = map[string]any{"enabled": true, "generateOnRevoke": true}
	}
	b, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode ca.json: %w", err)
	}
	return b, nil
}

// PublicJWK returns a P-256 key as a JSON Web Key (RFC 7517) whose id is its
// thumbprint (RFC 7638).
func PublicJWK(key *ecdsa.PublicKey) (map[string]string, error) {
	point, err := key.Bytes() // 0x04, x, y
	if err != nil {
		return nil, fmt.Errorf("encode provisioner key: %w", err)
	}
	x, y := base64.RawURLEncoding.EncodeToString(point[1:33]), base64.RawURLEncoding.EncodeToString(point[33:])
	sum := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + x + `","y":"` + y + `"}`))
	return map[string]string{
		"use": "sig", "kty": "EC", "crv": "P-256", "alg": "ES256", "x": x, "y": y,
		"kid": base64.RawURLEncoding.EncodeToString(sum[:]),
	}, nil
}

// A hierarchy is a root and the intermediate it signed, with the intermediate's key.
type hierarchy struct {
	root, intermediate *x509.Certificate
	key                *ecdsa.PrivateKey
}

func newHierarchy(now time.Time) (hierarchy, error) {
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return hierarchy{}, fmt.Errorf("make root key: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return hierarchy{}, fmt.Errorf("make intermediate key: %w", err)
	}
	rootTemplate := authority("Example Root CA", 1, now)
	root, err := sign(rootTemplate, rootTemplate, &rootKey.PublicKey, rootKey)
	if err != nil {
		return hierarchy{}, err
	}
	intermediate, err := sign(authority("Example Intermediate CA", 0, now), root, &key.PublicKey, rootKey)
	if err != nil {
		return hierarchy{}, err
	}
	return hierarchy{root, intermediate, key}, nil
}

// authority returns the template of a CA certificate with room for pathLen
// further ones below it.
func authority(name string, pathLen int, now time.Time) *x509.Certificate {
	return &x509.Certificate{
		Subject:   pkix.Name{Organization: []string{"Example"}, CommonName: name},
		NotBefore: now.Add(-time.Minute), NotAfter: now.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, MaxPathLen: pathLen, MaxPathLenZero: pathLen == 0,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

func sign(template, parent *x509.Certificate, public *ecdsa.PublicKey, by *ecdsa.PrivateKey) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("draw serial number: %w", err)
	}
	template.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, by)
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", template.Subject.CommonName, err)
	}
	return x509.ParseCertificate(der)
}
