// Package globalsignatlas subscribes to a GlobalSign Atlas account through the
// HVCA API, version 2, as the vendor's SDK speaks it (github.com/globalsign/hvclient).
//
// The API lists serial numbers by the time of issue and of revocation; each
// certificate is fetched by its own call. There is no state but issued and
// revoked: nothing is suspended, and what is revoked stays so.
package globalsignatlas

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strings"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
	"cloudpki/internal/secret"
)

// Where a message says that something is.
const (
	memberUser        = "credentials/adminUserName"
	memberPassword    = "credentials/adminPassword"
	memberCertificate = "credentials/authenticationCertificate"
	memberServerCAs   = "serverCertificateAuthorities"
)

// Kind returns GlobalSign Atlas as a kind of CA. All four credentials are
// needed: adminUserName is the API key, adminPassword the API secret, and the
// certificate is that of the account, which TLS asks for.
func Kind() provider.Kind {
	return provider.Kind{
		Name:       "globalSignAtlas",
		Title:      "GlobalSign Atlas (HVCA)",
		DefaultURI: "https://emea.api.hvca.globalsign.com:8443/v2",
		Login:      provider.Login{Doc: "API key and API secret, together with the client certificate that is registered for them.", User: "API key", Password: "API secret", Certificate: "Client certificate"},
		Can:        provider.Capabilities{Authorities: true, Inventory: provider.InventoryIssuedWindow},
		Validate:   validate,
		Open:       open,
	}
}

func validate(c provider.Config) []provider.Problem {
	var found []provider.Problem
	add := func(target string, code provider.Code, msg string) {
		found = append(found, provider.Problem{Target: target, Code: code, Msg: msg})
	}
	if _, err := provider.ParseServiceURI(c.ServiceURI); err != nil {
		add("serviceUri", provider.CodeProtocol, "serviceUri: "+err.Error())
	}
	if c.ServerCAs != nil {
		if _, err := provider.ParseCertificates(c.ServerCAs); err != nil {
			add(memberServerCAs, provider.CodeTLSServer, memberServerCAs+" holds no readable certificates (PEM or DER)")
		}
	}
	switch user := c.Credentials.UserName; {
	case user == "":
		add(memberUser, provider.CodeCredentialInvalid, "adminUserName is missing; set it to the account's API key")
	case strings.ContainsFunc(user, func(r rune) bool { return r <= ' ' || r > '~' }):
		add(memberUser, provider.CodeCredentialInvalid, "adminUserName is no API key: it holds blanks or letters outside ASCII")
	}
	if c.Credentials.Password.IsEmpty() {
		add(memberPassword, provider.CodeCredentialInvalid, "adminPassword is missing; set it to the account's API secret")
	}
	var e *provider.Error
	if _, err := clientCertificate(c); errors.As(err, &e) {
		target := memberCertificate
		if strings.HasPrefix(e.Msg, memberCertificate+"Password") {
			target += "Password"
		}
		found = append(found, provider.Problem{Target: target, Code: e.Code, Msg: e.Msg, Retry: e.Retry, RetryAfter: e.RetryAfter})
	}
	return found
}

func clientCertificate(c provider.Config) (tls.Certificate, error) {
	return provider.ClientCertificate(c.Credentials.Certificate, c.Credentials.CertificatePassword, c.Now())
}

func open(_ context.Context, c provider.Config) (provider.Session, error) {
	for _, p := range validate(c) {
		return nil, p.Fault()
	}
	base, err := provider.ParseServiceURI(c.ServiceURI)
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: "serviceUri: " + err.Error()}
	}
	cert, err := clientCertificate(c)
	if err != nil {
		return nil, err
	}
	client, err := c.Transport.Client(provider.ClientOptions{ServerCAs: c.ServerCAs, Certificate: &cert})
	if err != nil {
		return nil, err
	}
	s := &session{key: c.Credentials.UserName, secret: c.Credentials.Password, now: c.Now}
	s.secrets = []secret.Text{secret.NewString(s.key), s.secret, c.Credentials.CertificatePassword, c.Credentials.Certificate}
	s.words = provider.NewCleaner(s.secrets...)
	s.client = rest.New(rest.Options{
		Base: base, HTTP: client, Now: c.Now, MaxAnswer: maxAnswer, Explain: s.explain,
		Header: http.Header{"Content-Type": {mediaType}},
	})
	return s, nil
}
