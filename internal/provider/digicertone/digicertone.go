// Package digicertone is the client of DigiCert ONE Trust Lifecycle Manager
// (TLM), the successor of PKI Platform 8: a REST API below /mpki/api/v1 of a
// DigiCert ONE host. It reads the issuing CAs of the certificate profiles with
// their chains, and the list of issued certificates; asked to, it has
// certificates issued and revoked.
//
// The API knows a caller by the token of a service user (adminPassword, sent as
// x-api-key) or by a client certificate, which goes to the host of the same
// name with "clientauth." in front. Names and shapes are those of the vendor's
// OpenAPI document and developer portal (dev.digicert.com).
package digicertone

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cloudpki/internal/provider"
)

// The settings of the kind.
const (
	settingAccount  = "accountId"
	settingUnit     = "businessUnitId"
	settingProfiles = "profileIds"
	settingPage     = "pageSize"
)

// Where an admin finds what a message speaks of.
const (
	memberKey         = "credentials/adminPassword"
	memberCertificate = "credentials/authenticationCertificate"
)

// defaultPage is how many records one call asks for. The vendor documents no
// maximum.
const defaultPage = 100

// Kind returns the kind "digicertOne".
func Kind() provider.Kind {
	return provider.Kind{
		Name:       "digicertOne",
		Title:      "DigiCert ONE Trust Lifecycle Manager",
		DefaultURI: "https://one.digicert.com/mpki/api/v1/",
		Settings: []provider.Setting{
			{
				Name:    settingAccount,
				Type:    provider.SettingText,
				Doc:     "Account whose certificates are listed, where the service user sees several.",
				Example: "4cd44c05-9b3b-45b1-9d2a-6f1a3c1d0e01",
				Check:   checkID,
			},
			{
				Name:    settingUnit,
				Type:    provider.SettingText,
				Doc:     "Business unit whose certificates are listed; all that the service user sees where absent.",
				Example: "b7a1f0c2-2f56-4d0e-8f5d-0c7d4b7f3a02",
				Check:   checkID,
			},
			{
				Name:    settingProfiles,
				Type:    provider.SettingList,
				Doc:     "Certificate profiles to follow, as ids separated by commas; all that the service user sees where absent.",
				Example: "0f6d6c1e-7a52-4c0b-9a41-1f5a0d5b2e11,5d1c9b7a-3e84-4f6d-8b20-7c9e6a4f1d12",
				Check:   func(v string) error { _, err := profileIDs(v); return err },
			},
			{
				Name:    settingPage,
				Type:    provider.SettingNumber,
				Doc:     "Certificates that one call asks for, 10 to 1000; 100 where absent.",
				Example: "100",
				Check:   func(v string) error { _, err := pageSize(v); return err },
			},
		},
		Login:    provider.Login{Doc: "An API key of a service user, or a client certificate; one of the two.", Password: "API key", Certificate: "Client certificate"},
		Can:      provider.Capabilities{Authorities: true, Issue: true, Revoke: true, Profiles: true, Inventory: provider.InventoryIssuedWindow},
		Validate: validate,
		Open:     open,
	}
}

// checkID takes the ids of DigiCert ONE loosely: UUIDs today.
func checkID(v string) error {
	if v != "" && !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`).MatchString(v) {
		return fmt.Errorf("%q is not an id of DigiCert ONE, such as 4cd44c05-9b3b-45b1-9d2a-6f1a3c1d0e01", provider.Clean(v, 80))
	}
	return nil
}

// profileIDs reads the setting profileIds.
func profileIDs(v string) ([]string, error) {
	var ids []string
	for id := range strings.SplitSeq(v, ",") {
		id = strings.TrimSpace(id)
		if err := checkID(id); err != nil {
			return nil, err
		}
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) > maxProfiles {
		return nil, fmt.Errorf("more than %d profiles", maxProfiles)
	}
	return ids, nil
}

// pageSize reads the setting pageSize. At least 10, for pages overlap.
func pageSize(v string) (int, error) {
	if v == "" {
		return defaultPage, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 10 || n > 1000 {
		return 0, errors.New("is not a number from 10 to 1000")
	}
	return n, nil
}

func validate(c provider.Config) []provider.Problem {
	var found []provider.Problem
	add := func(target string, code provider.Code, msg string) {
		found = append(found, provider.Problem{Target: target, Code: code, Msg: msg})
	}
	base, err := provider.ParseServiceURI(c.ServiceURI)
	switch {
	case err != nil:
		add("serviceUri", provider.CodeProtocol, "serviceUri: "+err.Error())
	case strings.HasPrefix(base.Hostname(), clientAuth) && c.Credentials.Certificate.IsEmpty():
		add("serviceUri", provider.CodeProtocol, "serviceUri names the host for client certificates, but credentials hold none; leave "+clientAuth+" out, or set "+memberCertificate)
	}
	if c.ServerCAs != nil {
		if _, err := provider.ParseCertificates(c.ServerCAs); err != nil {
			add("serverCertificateAuthorities", provider.CodeTLSServer, "serverCertificateAuthorities holds no readable certificates (PEM or DER)")
		}
	}
	for _, s := range Kind().Settings {
		if err := s.Check(c.Settings[s.Name]); err != nil {
			add("providerSettings/"+s.Name, provider.CodeProtocol, s.Name+": "+err.Error())
		}
	}
	return append(found, checkCredentials(c)...)
}

// checkCredentials wants exactly one way to log in: the service refuses a call
// with both.
func checkCredentials(c provider.Config) []provider.Problem {
	fault := func(msg string) []provider.Problem {
		return []provider.Problem{{Target: memberKey, Code: provider.CodeCredentialInvalid, Msg: msg}}
	}
	key, certificate := !c.Credentials.Password.IsEmpty(), !c.Credentials.Certificate.IsEmpty()
	switch {
	case key && certificate:
		return fault("adminPassword (an API key) and authenticationCertificate are both set, but DigiCert ONE takes one of them; remove the other")
	case key:
		if !isKey(string(c.Credentials.Password.Reveal())) {
			return fault("adminPassword is not an API key of DigiCert ONE: it has blanks or other characters that no key has; copy it anew")
		}
		return nil
	case !certificate:
		return fault("adminPassword is missing; set it to the API key of a service user, or set authenticationCertificate")
	}
	var e *provider.Error
	if _, err := provider.ClientCertificate(c.Credentials.Certificate, c.Credentials.CertificatePassword, c.Now()); errors.As(err, &e) {
		target := memberCertificate
		if strings.HasPrefix(e.Msg, target+"Password") {
			target += "Password"
		}
		return []provider.Problem{{Target: target, Code: e.Code, Msg: e.Msg, Retry: e.Retry, RetryAfter: e.RetryAfter}}
	}
	return nil
}

// isKey reports whether a text can stand in a header field as it is.
func isKey(v string) bool {
	return len(v) <= 1024 && !strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r > '~' })
}

func open(_ context.Context, c provider.Config) (provider.Session, error) {
	for _, p := range validate(c) {
		return nil, p.Fault()
	}
	return connect(c)
}

// clientAuth begins the name of the host that takes client certificates.
const clientAuth = "clientauth."

// address returns where calls go. serviceUri may name the host alone. DigiCert's
// own hosts take client certificates at another name; of a host of the
// customer's own, what serviceUri says holds.
func address(base *url.URL, certificate bool) *url.URL {
	u := *base
	if u.Path == "/" {
		u.Path = "/mpki/api/v1/"
	}
	host := strings.ToLower(u.Hostname())
	vendor := strings.HasSuffix(host, ".digicert.com") || strings.HasSuffix(host, ".digicert.co.jp")
	if certificate && vendor && !strings.HasPrefix(host, clientAuth) {
		u.Host = clientAuth + u.Host
	}
	return &u
}
