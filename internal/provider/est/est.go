// Package est subscribes to a CA through its server for Enrollment over Secure
// Transport (RFC 7030, with the corrections of RFC 8951). It reads the CA
// certificates (/cacerts) and, where an admin names them, revocation lists, and
// has certificates issued (/simpleenroll).
//
// EST has no call that lists issued certificates, so there is no inventory.
package est

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/published"
	"cloudpki/internal/secret"
)

// What an admin sets, and where a message says that it is.
const (
	settingLabel       = "label"
	settingFingerprint = "rootFingerprint"
	settingCRLs        = "crlUrls"

	memberFingerprint = "providerSettings/" + settingFingerprint
	memberServerCAs   = "serverCertificateAuthorities"
	memberUser        = "credentials/adminUserName"
	memberPassword    = "credentials/adminPassword"
	memberCertificate = "credentials/authenticationCertificate"
)

// wellKnown is the path of EST on a host (RFC 7030, 3.2.2).
const wellKnown = ".well-known/est"

// Kind returns EST as a kind of CA.
//
// The server is trusted by serverCertificateAuthorities, or, with
// rootFingerprint, by the root of that fingerprint, which is fetched from the
// server in the first contact (RFC 7030, 4.1.1, with the fingerprint in place of
// the person who compares it), or else by the system's roots.
//
// Credentials are a name and a password (HTTP Basic), a client certificate,
// both, or none: the CA certificates are for everyone.
func Kind() provider.Kind {
	return provider.Kind{
		Name:  "est",
		Title: "EST server (RFC 7030)",
		Settings: []provider.Setting{
			{
				Name:    settingLabel,
				Type:    provider.SettingText,
				Doc:     "Label of the CA, where the server has several (RFC 7030, 3.2.2): /.well-known/est/LABEL/cacerts.",
				Example: "devices",
				Check:   checkLabel,
			},
			{
				Name:    settingFingerprint,
				Type:    provider.SettingText,
				Doc:     "SHA-256 fingerprint of the CA's root certificate in hex. The server is trusted by this root alone; for servers whose own certificate is signed under it.",
				Example: "b9f8b5e1a7f2d9c4433b4d8e8a1c6a0f6a3d2f7ce31a2a4a5d5be54b0ac1f0d2",
				Check:   checkFingerprint,
			},
			{
				Name:    settingCRLs,
				Type:    provider.SettingList,
				Doc:     "Addresses of the CA's revocation lists (DER or PEM), with commas between: https, or paths below serviceUri.",
				Example: "https://pki.example.com/issuing.crl",
				Check:   published.CheckAddresses,
			},
		},
		Login:    provider.Login{Doc: "A user name with its password, a client certificate, both, or nothing where the server asks for none.", User: "User name", Password: "Password", Certificate: "Client certificate"},
		Can:      provider.Capabilities{Authorities: true, Revocations: true, Issue: true},
		Validate: validate,
		Open:     open,
	}
}

// checkLabel takes the characters that need no escaping in a path.
func checkLabel(v string) error {
	notPlain := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._~", r)
	}
	switch {
	case len(v) > 128 || strings.ContainsFunc(v, notPlain) || strings.Trim(v, ".") == "" && v != "":
		return errors.New("is not a label; it has letters, digits, '-', '.', '_' and '~'")
	case slices.Contains([]string{"cacerts", "simpleenroll", "simplereenroll", "fullcmc", "serverkeygen", "csrattrs"}, v):
		return errors.New("is the name of an EST operation; set the CA's label, or leave it out")
	}
	return nil
}

func checkFingerprint(v string) error {
	if _, err := provider.ParseFingerprint(v); err != nil && v != "" {
		return errors.New("is no SHA-256 fingerprint of 64 hex digits")
	}
	return nil
}

func validate(c provider.Config) []provider.Problem {
	var found []provider.Problem
	add := func(target string, code provider.Code, msg string) {
		found = append(found, provider.Problem{Target: target, Code: code, Msg: msg})
	}
	base, err := provider.ParseServiceURI(c.ServiceURI)
	if c.ServiceURI == "" {
		add("serviceUri", provider.CodeProtocol, "serviceUri is missing; set it to the server's address, such as https://est.example.com")
	} else if err != nil {
		add("serviceUri", provider.CodeProtocol, "serviceUri: "+err.Error())
	}
	if base == nil {
		base = &url.URL{Scheme: "https", Host: "base.invalid", Path: "/"} // so that the paths below it are examined
	}
	if err := checkLabel(c.Settings[settingLabel]); err != nil {
		add("providerSettings/"+settingLabel, provider.CodeProtocol, settingLabel+" "+err.Error())
	}
	if _, err := published.Addresses(c.Settings[settingCRLs], base); err != nil {
		add("providerSettings/"+settingCRLs, provider.CodeProtocol, settingCRLs+" "+err.Error())
	}
	if err := checkFingerprint(c.Settings[settingFingerprint]); err != nil {
		add(memberFingerprint, provider.CodeTLSServer, settingFingerprint+" "+err.Error())
	}
	if c.ServerCAs != nil {
		if c.Settings[settingFingerprint] != "" {
			add(memberFingerprint, provider.CodeTLSServer, settingFingerprint+" and "+memberServerCAs+" are both set, but only one can say which server to trust; remove one")
		}
		if _, err := provider.ParseCertificates(c.ServerCAs); err != nil {
			add(memberServerCAs, provider.CodeTLSServer, memberServerCAs+" holds no readable certificates (PEM or DER)")
		}
	}
	return append(found, checkCredentials(c)...)
}

// checkCredentials finds a name without a password and the like. None at all
// are no fault.
func checkCredentials(c provider.Config) []provider.Problem {
	var found []provider.Problem
	user, password := c.Credentials.UserName, c.Credentials.Password
	switch {
	case user != "" && password.IsEmpty():
		found = append(found, provider.Problem{Target: memberPassword, Code: provider.CodeCredentialInvalid, Msg: "adminUserName is set without adminPassword; set both for HTTP Basic, or neither"})
	case user == "" && !password.IsEmpty():
		found = append(found, provider.Problem{Target: memberUser, Code: provider.CodeCredentialInvalid, Msg: "adminPassword is set without adminUserName; set both for HTTP Basic, or neither"})
	case strings.Contains(user, ":"):
		found = append(found, provider.Problem{Target: memberUser, Code: provider.CodeCredentialInvalid, Msg: "adminUserName holds a colon, which HTTP Basic cannot send (RFC 7617, 2)"})
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

// clientCertificate returns the certificate for TLS; nil where none is set.
func clientCertificate(c provider.Config) (*tls.Certificate, error) {
	if c.Credentials.Certificate.IsEmpty() {
		return nil, nil //nolint:nilnil // none is an answer
	}
	cert, err := provider.ClientCertificate(c.Credentials.Certificate, c.Credentials.CertificatePassword, c.Now())
	return &cert, err
}

// open settles whom to trust, which with a fingerprint takes one call.
func open(ctx context.Context, c provider.Config) (provider.Session, error) {
	for _, p := range validate(c) {
		return nil, p.Fault()
	}
	base, err := provider.ParseServiceURI(c.ServiceURI)
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: "serviceUri: " + err.Error()}
	}
	crls, err := published.Addresses(c.Settings[settingCRLs], base)
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: settingCRLs + " " + err.Error()}
	}
	cert, err := clientCertificate(c)
	if err != nil {
		return nil, err
	}
	s := &session{operations: operations(base, c.Settings[settingLabel]), crls: crls, now: c.Now}
	o := provider.ClientOptions{ServerCAs: c.ServerCAs, Certificate: cert}
	if fingerprint := c.Settings[settingFingerprint]; fingerprint != "" {
		root, err := s.pinnedRoot(ctx, c.Transport, fingerprint)
		if err != nil {
			return nil, err
		}
		s.pinned, o.ServerCAs = true, root.Raw
	}
	if s.client, err = c.Transport.Client(o); err != nil {
		return nil, err
	}
	s.authorization = basic(c.Credentials)
	s.account = account(c.Credentials, cert)
	return s, nil
}

// operations returns the address that the names of operations are appended to.
// serviceUri may have the well-known path already.
func operations(base *url.URL, label string) *url.URL {
	if !strings.Contains(base.Path, "/"+wellKnown+"/") {
		base = base.JoinPath(wellKnown)
	}
	if label != "" {
		base = base.JoinPath(label)
	}
	return base
}

// basic returns the field Authorization; "" without a password.
func basic(c provider.Credentials) secret.Text {
	if c.Password.IsEmpty() {
		return secret.Text{}
	}
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(c.UserName, string(c.Password.Reveal()))
	return secret.NewString(r.Header.Get("Authorization"))
}

func account(c provider.Credentials, cert *tls.Certificate) string {
	if cert != nil {
		return cert.Leaf.Subject.String()
	}
	return c.UserName
}

// pinnedRoot fetches the root with the given fingerprint from the CA
// certificates. Nothing secret is sent: the server is not known yet.
func (s *session) pinnedRoot(ctx context.Context, t *provider.Transport, fingerprint string) (*x509.Certificate, error) {
	want, err := provider.ParseFingerprint(fingerprint)
	if err != nil {
		return nil, err
	}
	root, err := t.FetchRoot(ctx, s.operations.JoinPath("cacerts").String(), fingerprint, func(body []byte) (*x509.Certificate, error) {
		certs, err := published.ParseCertificates(body)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(certs, func(c *x509.Certificate) bool { return sha256.Sum256(c.Raw) == want })
		return certs[max(i, 0)], nil // FetchRoot compares, and refuses another
	})
	var e *provider.Error
	if !errors.As(err, &e) {
		return root, err
	}
	switch {
	case e.Code == provider.CodeRootInvalid:
		return nil, &provider.Error{Code: provider.CodeTLSServer, Err: err, Msg: fmt.Sprintf("the CA certificates of %s are not there, or none has the fingerprint in %s; check serviceUri and label, or, if the CA was replaced on purpose, set the fingerprint of its new root", s.operations.Host, memberFingerprint)}
	case e.Code == provider.CodeTLSClientRejected:
		return nil, &provider.Error{Code: provider.CodeTLSServer, Err: err, Msg: fmt.Sprintf("%s wants a client certificate before it can be trusted by %s; set %s in its place", s.operations.Host, memberFingerprint, memberServerCAs)}
	}
	return nil, err
}
