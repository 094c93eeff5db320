// Package sectigo is the client of Sectigo Certificate Manager's REST API: the
// SSL certificates of a customer below /api/ssl/v1, or /private/api/ssl/v1
// where the login shows a client certificate in the place of its password.
//
// The API has no list of CAs: roots and chains are those of certificates that
// were issued. It cannot list by change: each listing tells all, and what the
// caller knows already costs no call of its own.
package sectigo

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// The settings of the kind.
const (
	settingCustomer = "customerUri"
	settingOrg      = "orgId"
	settingPageSize = "pageSize"
)

// The sizes of a page. A certificate that is not known costs two calls.
const (
	pageSize    = 100
	maxPageSize = 200
)

// Kind returns the kind "sectigo".
func Kind() provider.Kind {
	return provider.Kind{
		Name:       "sectigo",
		Title:      "Sectigo Certificate Manager",
		DefaultURI: "https://cert-manager.com/",
		Settings:   settings(),
		Login:      provider.Login{Doc: "The administrator's login name, with a password or with a client certificate.", User: "Login name", Password: "Password", Certificate: "Client certificate"},
		Can:        provider.Capabilities{Authorities: true, Profiles: true, Inventory: provider.InventoryFull},
		Validate:   validate,
		Open:       open,
	}
}

func settings() []provider.Setting {
	return []provider.Setting{
		{Name: settingCustomer, Type: provider.SettingText, Doc: "Customer URI: the last part of the address at which the customer's administrators log in.", Required: true, Example: "example", Check: checkCustomer},
		{Name: settingOrg, Type: provider.SettingNumber, Doc: "Organization or department to follow, by its number; all that the login may see where absent.", Example: "1234", Check: checkOrg},
		{Name: settingPageSize, Type: provider.SettingNumber, Doc: "Certificates to list at once, 1 to 200; 100 where absent.", Example: "100", Check: func(v string) error { _, err := size(v); return err }},
	}
}

func checkCustomer(v string) error {
	if len(v) > 200 || !isField(v) || strings.ContainsAny(v, "/ ") {
		return errors.New("is not a customer URI; it is one word, such as example in https://cert-manager.com/customer/example")
	}
	return nil
}

func checkOrg(v string) error {
	if n, err := strconv.ParseInt(v, 10, 64); v != "" && (err != nil || n < 1) {
		return errors.New("is not the number of an organization")
	}
	return nil
}

func size(v string) (int, error) {
	if v == "" {
		return pageSize, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > maxPageSize {
		return 0, fmt.Errorf("must be a number from 1 to %d", maxPageSize)
	}
	return n, nil
}

// isField reports whether v can stand in a header field (RFC 9110, 5.5).
func isField(v string) bool {
	return strings.TrimSpace(v) == v && !strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' })
}

func open(_ context.Context, c provider.Config) (provider.Session, error) {
	if found := validate(c); len(found) > 0 {
		return nil, found[0].Fault()
	}
	base, err := provider.ParseServiceURI(c.ServiceURI)
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: "serviceUri: " + err.Error()}
	}
	n, err := size(c.Settings[settingPageSize])
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: settingPageSize + ": " + err.Error(), Retry: provider.RetryNever}
	}
	s := &session{
		account: c.Credentials.UserName + " of " + c.Settings[settingCustomer], org: c.Settings[settingOrg], pageSize: n, now: c.Now, issuers: map[string]*issuerName{},
		words: provider.NewCleaner(c.Credentials.Password, c.Credentials.CertificatePassword, c.Credentials.Certificate),
	}
	header := http.Header{"Login": {c.Credentials.UserName}, "Customeruri": {c.Settings[settingCustomer]}}
	var cert *tls.Certificate
	if c.Credentials.Certificate.IsEmpty() {
		header.Set("password", string(c.Credentials.Password.Reveal()))
	} else {
		own, err := provider.ClientCertificate(c.Credentials.Certificate, c.Credentials.CertificatePassword, c.Now())
		if err != nil {
			return nil, err
		}
		cert = &own
	}
	client, err := c.Transport.Client(provider.ClientOptions{ServerCAs: c.ServerCAs, Certificate: cert})
	if err != nil {
		return nil, err
	}
	s.http = rest.New(rest.Options{Base: apiBase(base, cert != nil), HTTP: client, Now: c.Now, Header: header, Words: s.words, Explain: s.explain})
	return s, nil
}

// apiBase returns the address of the API: /private/api/ for a client
// certificate, else /api/. Both may be a part of serviceUri already.
func apiBase(base *url.URL, private bool) *url.URL {
	u := *base
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "api/"), "private/")
	if private {
		return u.JoinPath("private", "api/")
	}
	return u.JoinPath("api/")
}
