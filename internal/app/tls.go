package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"cloudpki/internal/config"
)

// The files of the CA and certificate that the service makes for itself.
const (
	caFile    = "tls-ca.pem"
	caKeyFile = "tls-ca.key"
	tlsFile   = "tls.pem"
	tlsKey    = "tls.key"
)

const (
	caLifetime    = 10 * 365 * 24 * time.Hour
	leafLifetime  = 397 * 24 * time.Hour // the longest that all TLS clients take (CA/Browser Forum, 6.3.2)
	renewBefore   = 30 * 24 * time.Hour
	recheckPeriod = time.Minute // how often a certificate file is looked at again
)

// CAFile returns the path of the certificate that signs the server's own, for
// clients to trust, or "" where the operator brings a certificate.
func CAFile(cfg config.Config) string {
	if cfg.TLS.CertificateFile != "" {
		return ""
	}
	return filepath.Join(cfg.Data.Directory, caFile)
}

// serverTLS returns the TLS configuration of the listener. A certificate of
// the operator's is read again when its file changes; one of our own is made
// anew before it expires and when it lacks a host.
func serverTLS(cfg config.Config, origin string, o Options) (*tls.Config, error) {
	c := &certificate{certFile: cfg.TLS.CertificateFile, keyFile: cfg.TLS.KeyFile, now: o.Now, log: o.Log}
	if c.certFile == "" {
		dir := cfg.Data.Directory
		c.certFile, c.keyFile = filepath.Join(dir, tlsFile), filepath.Join(dir, tlsKey)
		hosts, err := ownHosts(origin, cfg.TLS.Hosts)
		if err != nil {
			return nil, err
		}
		c.renew = func() error { return ensureOwnCertificate(dir, hosts, o.Now()) }
	}
	if err := c.load(); err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"h2", "http/1.1"}}, nil
}

// A certificate is the server's, kept fresh while connections come in.
type certificate struct {
	certFile, keyFile string
	renew             func() error // nil for an operator's
	now               func() time.Time
	log               *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	modTime time.Time
	checked time.Time
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now().Sub(c.checked) >= recheckPeriod {
		if err := c.load(); err != nil {
			c.log.Error("server certificate cannot be renewed or read again; the one in use serves on", slog.Any("error", err))
		}
	}
	return c.current, nil
}

// load reads the pair where its file has changed.
func (c *certificate) load() error {
	c.checked = c.now()
	if c.renew != nil {
		if err := c.renew(); err != nil {
			return err
		}
	}
	info, err := os.Stat(c.certFile)
	if err != nil {
		return fmt.Errorf("read server certificate: %w", err)
	}
	if c.current != nil && info.ModTime().Equal(c.modTime) {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("read server certificate: %w", err)
	}
	c.current, c.modTime = &pair, info.ModTime()
	return nil
}

// ownHosts lists the names that a certificate of our own is for.
func ownHosts(origin string, more []string) ([]string, error) {
	u, err := url.Parse(origin)
	if err != nil {
		return nil, fmt.Errorf("read public origin: %w", err)
	}
	hosts := append([]string{u.Hostname(), "localhost", "127.0.0.1", "::1"}, more...)
	slices.Sort(hosts)
	return slices.Compact(hosts), nil
}

// ensureOwnCertificate makes the CA and the server's certificate in dir where
// they are missing, about to expire, or for other hosts. A CA that is there is
// never replaced: clients trust it.
func ensureOwnCertificate(dir string, hosts []string, now time.Time) error {
	if _, err := os.Stat(filepath.Join(dir, caFile)); errors.Is(err, fs.ErrNotExist) {
		if _, _, err := makeCA(dir, now); err != nil {
			return fmt.Errorf("TLS CA of the service: %w", err)
		}
	}
	ca, err := readCertificate(filepath.Join(dir, caFile))
	if err != nil {
		return fmt.Errorf("TLS CA of the service: %w", err)
	}
	leaf, _, err := readPair(filepath.Join(dir, tlsFile), filepath.Join(dir, tlsKey))
	if err == nil && now.Add(renewBefore).Before(leaf.NotAfter) && leaf.CheckSignatureFrom(ca) == nil && coversAll(leaf, hosts) {
		return nil
	}
	// Whatever is wrong with it, as after a crash between its two files, a new
	// one mends it.
	ca, caKey, err := readPair(filepath.Join(dir, caFile), filepath.Join(dir, caKeyFile))
	if err != nil {
		return fmt.Errorf("TLS CA of the service, needed for a new server certificate (restore %s, or remove %s to begin with a new CA that clients must trust): %w", caKeyFile, caFile, err)
	}
	return makeLeaf(dir, ca, caKey, hosts, now)
}

func readCertificate(path string) (*x509.Certificate, error) {
	certs, err := readCertificates(path)
	if err != nil {
		return nil, err
	}
	return certs[0], nil
}

func coversAll(leaf *x509.Certificate, hosts []string) bool {
	return !slices.ContainsFunc(hosts, func(h string) bool { return leaf.VerifyHostname(h) != nil })
}

func makeCA(dir string, now time.Time) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "cloudpki TLS CA " + now.UTC().Format("2006-01-02")},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(caLifetime),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	return makePair(template, nil, nil, filepath.Join(dir, caFile), filepath.Join(dir, caKeyFile))
}

func makeLeaf(dir string, ca *x509.Certificate, caKey *ecdsa.PrivateKey, hosts []string, now time.Time) error {
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: hosts[0]},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(leafLifetime),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	_, _, err := makePair(template, ca, caKey, filepath.Join(dir, tlsFile), filepath.Join(dir, tlsKey))
	return err
}

// makePair signs template with a new key, by ca or by itself, and writes both
// files: the key first, so that a certificate never stands without its key.
func makePair(template, ca *x509.Certificate, caKey *ecdsa.PrivateKey, certPath, keyPath string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make key: %w", err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return nil, nil, fmt.Errorf("make serial number: %w", err)
	}
	if ca == nil {
		ca, caKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca, &key.PublicKey, caKey)
	if err != nil {
		return nil, nil, fmt.Errorf("sign certificate: %w", err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("encode key: %w", err)
	}
	if err := replaceFile(keyPath, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600); err != nil {
		return nil, nil, err
	}
	if err := replaceFile(certPath, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return cert, key, err
}

func readPair(certPath, keyPath string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	pair, err := tls.LoadX509KeyPair(certPath, keyPath)
	if err != nil {
		return nil, nil, err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, nil, fmt.Errorf("%s does not hold an ECDSA key", keyPath)
	}
	return pair.Leaf, key, nil
}

// replaceFile writes path so that a crash leaves the old file or the new one.
func replaceFile(path string, data []byte, mode fs.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".tls-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(tmp.Name()))
	}
	return nil
}
