// Package stepca subscribes to a step-ca server (Smallstep certificates,
// github.com/smallstep/certificates, api/api.go). It reads what the server
// tells everyone: its roots, its intermediates and its CRL; that takes no
// credentials. It has certificates issued and revoked with one-time tokens of a
// JWK provisioner, whose key the server hands out encrypted under the
// provisioner's password.
//
// There is no inventory: step-ca has no call that lists issued certificates
// (its /1.0/certificates answers 404, and the admin API knows provisioners and
// policies alone). What was issued lies in its database, which is not an API.
// Revocations are known by the CRL, where the CA makes one. Roots of a
// federation (/federation) are those of other CAs and are not read.
package stepca

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"cloudpki/internal/provider"
)

// What an admin sets, and where a message says that it is.
const (
	settingFingerprint = "rootFingerprint"
	memberFingerprint  = "providerSettings/" + settingFingerprint
	memberServerCAs    = "serverCertificateAuthorities"
)

// Kind returns step-ca as a kind of CA.
//
// The server is trusted in one of two ways. With rootFingerprint, the root of
// that fingerprint is fetched from the CA, and TLS is verified against this
// root alone, as `step ca bootstrap` does. With serverCertificateAuthorities,
// TLS is verified against those certificates; this is for a CA behind a proxy
// that has a certificate of its own. Validate asks for exactly one.
func Kind() provider.Kind {
	return provider.Kind{
		Name:  "stepCa",
		Title: "Smallstep step-ca",
		Settings: []provider.Setting{{
			Name:    settingFingerprint,
			Type:    provider.SettingText,
			Doc:     "SHA-256 fingerprint of the CA's root certificate in hex, as `step certificate fingerprint root_ca.crt` prints it. Required unless serverCertificateAuthorities is set.",
			Example: "b9f8b5e1a7f2d9c4433b4d8e8a1c6a0f6a3d2f7ce31a2a4a5d5be54b0ac1f0d2",
			Check:   checkFingerprint,
		}},
		Can:      provider.Capabilities{Authorities: true, Revocations: true, Issue: true, Revoke: true},
		Validate: validate,
		Open:     open,
	}
}

// checkFingerprint returns what is wrong with a value of rootFingerprint.
func checkFingerprint(value string) error {
	if _, err := provider.ParseFingerprint(value); err != nil {
		return errors.New("is not a SHA-256 fingerprint: 64 hex digits, colons permitted")
	}
	return nil
}

func validate(c provider.Config) []provider.Problem {
	var problems []provider.Problem
	add := func(target string, code provider.Code, msg string) {
		problems = append(problems, provider.Problem{Target: target, Code: code, Msg: msg})
	}
	if c.ServiceURI == "" {
		add("serviceUri", provider.CodeProtocol, "serviceUri is missing; set it to the CA's address, such as https://ca.example.com")
	} else if _, err := provider.ParseServiceURI(c.ServiceURI); err != nil {
		add("serviceUri", provider.CodeProtocol, "serviceUri: "+err.Error())
	}
	fingerprint := c.Settings[settingFingerprint]
	switch {
	case fingerprint == "" && c.ServerCAs == nil:
		add(memberFingerprint, provider.CodeTLSServer, "rootFingerprint is missing; set it to what `step certificate fingerprint root_ca.crt` prints, or set "+memberServerCAs)
	case fingerprint != "" && c.ServerCAs != nil:
		add(memberFingerprint, provider.CodeTLSServer, "rootFingerprint and "+memberServerCAs+" are both set, but only one can say which server to trust; remove one")
	}
	if fingerprint != "" {
		if err := checkFingerprint(fingerprint); err != nil {
			add(memberFingerprint, provider.CodeTLSServer, "rootFingerprint "+err.Error())
		}
	}
	if c.ServerCAs != nil {
		if _, err := provider.ParseCertificates(c.ServerCAs); err != nil {
			add(memberServerCAs, provider.CodeTLSServer, memberServerCAs+" holds no readable certificates (PEM or DER)")
		}
	}
	return problems
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
	s := &session{base: base, credentials: c.Credentials, words: provider.NewCleaner(c.Credentials.Password), now: c.Now}
	serverCAs := c.ServerCAs
	if fingerprint := c.Settings[settingFingerprint]; fingerprint != "" {
		root, err := pinnedRoot(ctx, c.Transport, base, fingerprint)
		if err != nil {
			return nil, err
		}
		s.pinned, serverCAs = true, root.Raw
	}
	s.client, err = c.Transport.Client(provider.ClientOptions{ServerCAs: serverCAs})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// pinnedRoot fetches the root with the given fingerprint. That the CA has none
// such is a fault of trust in the server, whatever the way it says so.
func pinnedRoot(ctx context.Context, t *provider.Transport, base *url.URL, fingerprint string) (*x509.Certificate, error) {
	sum, err := provider.ParseFingerprint(fingerprint)
	if err != nil {
		return nil, err
	}
	address := base.JoinPath("root", hex.EncodeToString(sum[:])).String()
	root, err := t.FetchRoot(ctx, address, fingerprint, decodeRoot)
	var fault *provider.Error
	if errors.As(err, &fault) && fault.Code == provider.CodeRootInvalid {
		return nil, &provider.Error{
			Code: provider.CodeTLSServer,
			Msg: fmt.Sprintf("%s has no root with the fingerprint in %s; if the CA was replaced on purpose, set the fingerprint of its new root",
				base.Host, memberFingerprint),
			Err: err,
		}
	}
	return root, err
}

// decodeRoot reads the answer of /root/{sha}: {"ca": PEM}.
func decodeRoot(body []byte) (*x509.Certificate, error) {
	var answer struct {
		CA string `json:"ca"`
	}
	if err := decode(body, &answer); err != nil {
		return nil, err
	}
	return parseCertificate(answer.CA)
}

// parseCertificate reads the one certificate of a PEM text.
func parseCertificate(text string) (*x509.Certificate, error) {
	block, rest := pem.Decode([]byte(text))
	switch {
	case block == nil || block.Type != "CERTIFICATE":
		return nil, errors.New("read PEM: no certificate")
	case strings.TrimSpace(string(rest)) != "":
		return nil, errors.New("read PEM: more than one certificate")
	}
	return x509.ParseCertificate(block.Bytes)
}
