package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"cloudpki/internal/auth/issuer"
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

// consoleProviders are where people sign in: each tenant of the embedded issuer.
func (s *service) consoleProviders() []web.Provider {
	if s.issuer == nil {
		return nil
	}
	var out []web.Provider
	for _, t := range s.issuer.Trusted().Tenants {
		base, id := s.origin+"/"+t, s.consoleID(t)
		out = append(out, web.Provider{
			Name: t, Issuer: base + "/v2.0", ClientID: id, Scope: "openid profile " + s.origin + "/.default",
			AuthorizeURL: base + "/oauth2/v2.0/authorize", TokenURL: base + "/oauth2/v2.0/token",
			LogoutURL: base + "/oauth2/v2.0/logout?client_id=" + id + "&post_logout_redirect_uri=" + url.QueryEscape(s.origin+web.SignedOutPath),
		})
	}
	return out
}

func (s *service) buildConsole(context.Context) error {
	key, err := s.root.Derive("console")
	if err != nil {
		return err
	}
	s.console, err = web.New(web.Options{
		Service: s.pki, Bundles: s.bundles, Catalog: s.catalog, Signer: s.bundleSigner, Verifier: s.verifier,
		Origin: s.origin, Providers: s.consoleProviders(),
		HTTP: &http.Client{Transport: inside{s.issuer}}, SealKey: key, Facts: s.consoleFacts(), Now: s.options.Now, Log: s.options.Log, Observe: s.observe,
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
	if i.issuer == nil || !i.issuer.Serves(r) {
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
