package app

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/auth/issuer"
	"cloudpki/internal/config"
	"cloudpki/internal/secret"
)

// minClientSecret bounds, in bytes, a client secret: it must not be one that can
// be guessed, for guesses are slowed down only as far as nobody else is.
const minClientSecret = 16

// RotateKey makes the embedded issuer's next signing key and returns when it
// begins to sign. Services that run on the configuration find it by themselves.
func RotateKey(cfg config.Config, now time.Time) (time.Time, error) {
	if !cfg.Issuer.Enabled {
		return time.Time{}, errors.New("issuer.enabled: the embedded issuer is switched off, so that it has no keys")
	}
	from, err := issuer.RotateKey(cfg.Issuer.KeyFile, now)
	if err != nil {
		return time.Time{}, fmt.Errorf("issuer.key_file: %w", err)
	}
	return from, nil
}

func (s *service) buildAuth(ctx context.Context) error {
	var issuers []auth.Issuer
	if s.cfg.Issuer.Enabled {
		own, err := s.buildIssuer()
		if err != nil {
			return err
		}
		s.issuer = own
		issuers = append(issuers, own.Trusted())
	}
	for _, i := range s.cfg.Auth.Issuers {
		issuers = append(issuers, auth.Issuer{
			Name: i.Issuer, URL: i.Issuer, Audiences: i.Audiences, TenantClaim: i.TenantClaim, Tenant: i.Tenant,
			Tenants: i.Tenants, PermissionClaim: i.PermissionClaim, KeysURL: i.JWKSURI, DiscoveryURL: i.DiscoveryURI,
		})
	}
	verifier, err := auth.NewVerifier(ctx, auth.Options{Issuers: issuers, Now: s.options.Now, Log: s.options.Log})
	if err != nil {
		return err
	}
	s.verifier = verifier
	s.closers = append(s.closers, verifier.Close)
	return nil
}

// authority returns who hands out the tokens, and where, as far as that is
// known: the embedded issuer, else the first outside one with an address of its
// own rather than one for each tenant.
func (s *service) authority() (issuer, tokenURL string) {
	if s.issuer != nil {
		return s.origin, s.origin + "/organizations/oauth2/v2.0/token"
	}
	for _, i := range s.cfg.Auth.Issuers {
		if !strings.Contains(i.Issuer, "{") {
			return i.Issuer, ""
		}
	}
	return "", ""
}

func (s *service) buildIssuer() (*issuer.Issuer, error) {
	is := s.cfg.Issuer
	keys, err := issuer.OpenKeys(issuer.Rotation{
		Path: is.KeyFile, Lifetime: is.KeyLifetime, Token: is.TokenLifetime, Now: s.options.Now, Log: s.options.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("issuer.key_file: %w", err)
	}
	s.issuerKeys = keys
	sealKey, err := s.root.Derive("issuer")
	if err != nil {
		return nil, err
	}
	clients, tenants, err := s.clients()
	if err != nil {
		return nil, err
	}
	clients = append(clients, s.consoleClients(tenants)...)
	users, err := s.users()
	if err != nil {
		return nil, err
	}
	if len(tenants) == 0 {
		return nil, errors.New("issuer.tenants: the embedded issuer has no tenant; list clients in issuer.clients, or set issuer.enabled to false")
	}
	return issuer.New(issuer.Options{
		Origin: s.origin, Tenants: tenants, Clients: clients, Users: users, KeySet: keys, SealKey: sealKey,
		Audiences: is.Audiences, Browsers: s.cfg.API.AllowedOrigins, Lifetime: is.TokenLifetime, Now: s.options.Now, Log: s.options.Log,
	})
}

// clients reads the configured clients with their secrets and certificates.
func (s *service) clients() ([]issuer.Client, []string, error) {
	tenants := slices.Clone(s.cfg.Issuer.Tenants)
	var out []issuer.Client
	for i, c := range s.cfg.Issuer.Clients {
		client := issuer.Client{
			ID: c.ID, Tenant: c.Tenant, Name: c.Name, Roles: c.Roles, RequestsPerMinute: c.RequestsPerMinute,
			Public: c.Public, RedirectURIs: c.RedirectURIs, Scopes: c.Scopes,
		}
		if c.SecretFile != "" {
			text, err := os.ReadFile(c.SecretFile)
			if err != nil {
				return nil, nil, fmt.Errorf("issuer.clients[%d].secret_file: %w", i, err)
			}
			text = bytes.TrimSpace(text)
			if len(text) < minClientSecret {
				return nil, nil, fmt.Errorf("issuer.clients[%d].secret_file: the secret has fewer than %d characters; make one by `openssl rand -hex 32`", i, minClientSecret)
			}
			client.SecretHashes = []issuer.SecretHash{issuer.HashSecret(secret.New(text))}
		}
		for _, file := range c.CertificateFiles {
			certs, err := readCertificates(file)
			if err != nil {
				return nil, nil, fmt.Errorf("issuer.clients[%d].certificate_files: %w", i, err)
			}
			client.Certificates = append(client.Certificates, certs...)
		}
		if !slices.Contains(tenants, c.Tenant) {
			tenants = append(tenants, c.Tenant)
		}
		out = append(out, client)
	}
	return out, tenants, nil
}

// users reads the configured people.
func (s *service) users() ([]issuer.User, error) {
	var out []issuer.User
	for i, u := range s.cfg.Issuer.Users {
		hash, err := secret.ParsePasswordHash(string(u.PasswordHash))
		if err != nil {
			return nil, fmt.Errorf("issuer.users[%d].password_hash: %w", i, err)
		}
		out = append(out, issuer.User{Name: u.Name, Tenant: u.Tenant, DisplayName: u.DisplayName, Password: hash, Scopes: u.Scopes})
	}
	return out, nil
}

// readCertificates returns the certificates in a PEM file; other blocks, such
// as a key that stands beside them, are passed over.
func readCertificates(path string) ([]*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, fmt.Errorf("%s holds no certificate in PEM", path)
	}
	return certs, nil
}
