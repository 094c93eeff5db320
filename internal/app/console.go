package app

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/google/uuid"

	"cloudpki/internal/auth/issuer"
	"cloudpki/internal/auth/oidc"
	"cloudpki/internal/config"
	"cloudpki/internal/secret"
	"cloudpki/internal/web"
)

// consoleID is the console's client id at the embedded issuer: clients belong
// to one tenant, so that it has one for each.
func (s *service) consoleID(tenant string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(s.origin+"/console#"+tenant)).String()
}

// consoleClients are the console as the embedded issuer knows it. It proves
// each sign-in by PKCE and acts for people alone, so that there is no secret.
func (s *service) consoleClients(tenants []string) []issuer.Client {
	var out []issuer.Client
	for _, t := range tenants {
		out = append(out, issuer.Client{
			ID: s.consoleID(t), Tenant: t, Name: "the cloudpki console", Public: true,
			RedirectURIs: []string{s.origin + web.CallbackPath, s.origin + web.SignedOutPath},
		})
	}
	return out
}

// consoleProviders are where people sign in: each tenant of the embedded issuer,
// and the outside ones that know the console.
func (s *service) consoleProviders() ([]web.Provider, error) {
	var out []web.Provider
	add := func(name string, listed bool, o oidc.Options) error {
		o.RedirectURI, o.SignedOutURI = s.origin+web.CallbackPath, s.origin+web.SignedOutPath
		o.Verifier, o.Now, o.Log = s.verifier, s.options.Now, s.options.Log
		client, err := oidc.NewClient(o)
		out = append(out, web.Provider{Name: name, Listed: listed, Client: client})
		return err
	}
	if s.issuer != nil {
		for _, t := range s.issuer.Trusted().Tenants {
			if err := add(t, false, oidc.Options{
				Issuer: s.origin + "/" + t + "/v2.0", ClientID: s.consoleID(t), Scope: "openid profile " + s.origin + "/.default",
				HTTP: &http.Client{Transport: inside{s.issuer}},
			}); err != nil {
				return nil, fmt.Errorf("sign in at the embedded issuer: %w", err)
			}
		}
	}
	for i, p := range s.cfg.Console.Providers {
		credential, err := consoleCredential(p)
		if err == nil {
			err = add(p.Name, true, oidc.Options{
				Issuer: p.Issuer, DiscoveryURL: s.discovery(p.Issuer), ClientID: p.ClientID, Credential: credential, Scope: p.Scope,
			})
		}
		if err != nil {
			return nil, fmt.Errorf("console.providers[%d]: %w", i, err)
		}
	}
	return out, nil
}

// discovery is the configured address of an outside issuer's discovery document.
func (s *service) discovery(issuer string) string {
	for _, i := range s.cfg.Auth.Issuers {
		if i.Issuer == issuer {
			return i.DiscoveryURI
		}
	}
	return ""
}

// consoleCredential reads what proves the console to an outside issuer.
func consoleCredential(p config.ConsoleProvider) (oidc.Credential, error) {
	if p.SecretFile != "" {
		text, err := os.ReadFile(p.SecretFile)
		return oidc.Credential{Secret: secret.New(bytes.TrimSpace(text))}, err
	}
	if p.CertificateFile == "" {
		return oidc.Credential{}, nil
	}
	pair, err := tls.LoadX509KeyPair(p.CertificateFile, p.KeyFile)
	if err != nil {
		return oidc.Credential{}, err
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return oidc.Credential{}, fmt.Errorf("%s holds no key that signs", p.KeyFile)
	}
	return oidc.Credential{Certificate: pair.Leaf, Key: key}, nil
}

func (s *service) buildConsole(context.Context) error {
	key, err := s.root.Derive("console")
	if err != nil {
		return err
	}
	providers, err := s.consoleProviders()
	if err != nil {
		return err
	}
	s.console, err = web.New(web.Options{
		Service: s.pki, Bundles: s.bundles, Catalog: s.catalog, Signer: s.bundleSigner, Origin: s.origin, Providers: providers,
		SealKey: key, Facts: s.consoleFacts(), Now: s.options.Now, Log: s.options.Log, Observe: s.observe,
	})
	return err
}

// consoleLink returns the one-time link that the options ask for, "" for none.
func (s *service) consoleLink() (string, error) {
	if s.options.LinkFor == "" {
		return "", nil
	}
	for _, u := range s.cfg.Issuer.Users {
		if s.issuer == nil || !strings.EqualFold(u.Name, s.options.LinkFor) {
			continue
		}
		if p, ok := s.issuer.Principal(u.Tenant, u.Name, s.consoleID(u.Tenant)); ok {
			return s.console.NewLink(p), nil
		}
	}
	return "", fmt.Errorf("make a one-time link: issuer.users has no %q", s.options.LinkFor)
}

// inside carries requests to the embedded issuer without the network: they need
// no certificate to be trusted, and reach it behind any proxy.
type inside struct{ issuer *issuer.Issuer }

// RoundTrip implements http.RoundTripper.
func (i inside) RoundTrip(r *http.Request) (*http.Response, error) {
	if !i.issuer.Serves(r) {
		return nil, errors.New("not an address of the embedded issuer")
	}
	asked := r.Clone(r.Context())
	asked.RemoteAddr = "127.0.0.1:0"
	a := &answer{header: make(http.Header), status: http.StatusOK}
	i.issuer.ServeHTTP(a, asked)
	return &http.Response{
		Status: http.StatusText(a.status), StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()), Request: r,
	}, nil
}

// An answer keeps what a handler answers.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) { a.status = status }

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }
