// Package vault subscribes to a PKI secrets engine of HashiCorp Vault or of
// OpenBao: its issuers with their chains, the certificates it has stored, their
// revocations and its CRLs. It speaks the HTTP API (developer.hashicorp.com,
// Vault API, "PKI secrets engine" and "Auth methods"; openbao.org, the same
// names). A sync writes nothing but logins and their end; asked to, a session
// has certificates issued and revoked.
//
// The engine lists serial numbers alone, so a certificate costs one call, once:
// what the caller knows already is not fetched again (provider.Scan.Known).
package vault

import (
	"context"
	"errors"
	"strings"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
	"cloudpki/internal/secret"
)

// Where the admin finds what a message speaks of.
const (
	memberUser        = "credentials/adminUserName"
	memberPassword    = "credentials/adminPassword"
	memberCertificate = "credentials/authenticationCertificate"
	memberServerCAs   = "serverCertificateAuthorities"
	memberSettings    = "providerSettings/"
)

// Kind returns Vault and OpenBao as a kind of CA.
func Kind() provider.Kind {
	return provider.Kind{
		Name:     "vault",
		Title:    "HashiCorp Vault or OpenBao (PKI secrets engine)",
		Settings: settingList(),
		Login:    provider.Login{Doc: "A token; or what the method in authMethod takes: a user name or role id with its password or secret id, or a client certificate.", User: "User name or role id", Password: "Token, password or secret id", Certificate: "Client certificate"},
		Can:      provider.Capabilities{Authorities: true, Revocations: true, Issue: true, Revoke: true, Inventory: provider.InventoryFull},
		Validate: validate,
		Open:     open,
	}
}

func validate(c provider.Config) []provider.Problem {
	var found []provider.Problem
	add := func(target string, code provider.Code, msg string) {
		found = append(found, provider.Problem{Target: target, Code: code, Msg: msg})
	}
	if c.ServiceURI == "" {
		add("serviceUri", provider.CodeProtocol, "serviceUri is missing; set it to the server's address, such as https://vault.example.com:8200")
	} else if _, err := provider.ParseServiceURI(c.ServiceURI); err != nil {
		add("serviceUri", provider.CodeProtocol, "serviceUri: "+err.Error())
	}
	if c.ServerCAs != nil {
		if _, err := provider.ParseCertificates(c.ServerCAs); err != nil {
			add(memberServerCAs, provider.CodeTLSServer, memberServerCAs+" holds no readable certificates (PEM or DER)")
		}
	}
	for _, s := range settingList() {
		if v := c.Settings[s.Name]; v != "" {
			if err := s.Check(v); err != nil {
				add(memberSettings+s.Name, provider.CodeProtocol, s.Name+" "+err.Error())
			}
		}
	}
	return append(found, checkCredentials(c)...)
}

// checkCredentials finds what the login lacks, or has too much.
func checkCredentials(c provider.Config) []provider.Problem {
	var found []provider.Problem
	missing := func(target, msg string) {
		found = append(found, provider.Problem{Target: target, Code: provider.CodeCredentialInvalid, Msg: msg})
	}
	method := methodOf(c)
	user, password := c.Credentials.UserName != "", !c.Credentials.Password.IsEmpty()
	switch method {
	case "":
		missing(memberSettings+settingAuthMethod, "the credentials hold a password and a certificate; set authMethod to the one that logs in")
	case methodToken:
		if !password {
			missing(memberPassword, "adminPassword is missing; it takes a token, or with adminUserName the password of a user")
		} else if !isToken(token(c)) {
			missing(memberPassword, "adminPassword is not a token: a token is one word of ASCII")
		}
	case methodCert:
		if c.Credentials.Certificate.IsEmpty() {
			missing(memberCertificate, "authenticationCertificate is missing; the method cert logs in with a client certificate")
		}
	default:
		if !user {
			missing(memberUser, "adminUserName is missing; the method "+method+" takes the "+methodTakes(method)+" there")
		}
		if !password {
			missing(memberPassword, "adminPassword is missing; the method "+method+" logs in with it")
		}
	}
	if !c.Credentials.Certificate.IsEmpty() {
		found = append(found, checkCertificate(c)...)
	}
	return found
}

func checkCertificate(c provider.Config) []provider.Problem {
	var e *provider.Error
	if _, err := provider.ClientCertificate(c.Credentials.Certificate, c.Credentials.CertificatePassword, c.Now()); !errors.As(err, &e) {
		return nil
	}
	target := memberCertificate
	if strings.HasPrefix(e.Msg, target+"Password") {
		target += "Password"
	}
	return []provider.Problem{{Target: target, Code: e.Code, Msg: e.Msg, Retry: e.Retry, RetryAfter: e.RetryAfter}}
}

// open makes a session and logs in, unless it is given a token.
func open(ctx context.Context, c provider.Config) (provider.Session, error) {
	for _, p := range validate(c) {
		return nil, p.Fault()
	}
	base, err := provider.ParseServiceURI(c.ServiceURI)
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: "serviceUri: " + err.Error()}
	}
	set, err := readSettings(c)
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: err.Error()}
	}
	o := provider.ClientOptions{ServerCAs: c.ServerCAs, MaxIdle: parallel}
	if !c.Credentials.Certificate.IsEmpty() {
		cert, err := provider.ClientCertificate(c.Credentials.Certificate, c.Credentials.CertificatePassword, c.Now())
		if err != nil {
			return nil, err
		}
		o.Certificate = &cert
	}
	client, err := c.Transport.Client(o)
	if err != nil {
		return nil, err
	}
	s := &session{
		settings: set, credentials: c.Credentials, now: c.Now, prefix: "v1/",
		words: provider.NewCleaner(c.Credentials.Password, c.Credentials.CertificatePassword, c.Credentials.Certificate),
	}
	if strings.HasSuffix(base.Path, "/v1/") {
		s.prefix = "" // as VAULT_ADDR never has it, but as people copy it
	}
	s.rest = rest.New(rest.Options{Base: base, HTTP: client, Now: c.Now, Words: s.words, MaxAnswer: maxAnswer, MaxValues: maxValues, Explain: s.explain})
	s.rest.SetHeader("X-Vault-Request", "true") // asked for by listeners with require_request_header
	if set.namespace != "" {
		s.rest.SetHeader("X-Vault-Namespace", set.namespace)
	}
	if set.method == methodToken {
		s.useToken(secret.NewString(token(c)))
		return s, nil
	}
	if err := s.login(ctx); err != nil {
		_ = s.Close() // the login is the error to tell
		return nil, err
	}
	return s, nil
}
