// Package ejbca is the client of EJBCA's REST API, as its Community and
// Enterprise editions serve it below /ejbca/ejbca-rest-api. It reads the CAs
// with their chains and CRLs, and follows the certificates by the time of
// their last change (POST /v2/certificate/search). Asked to, it has certificates
// issued and revoked.
//
// An administrator is known by a client certificate, or by a token that an
// OAuth 2.0 authorization server gives for a client id and secret (RFC 6749,
// 4.4). Where EJBCA's OpenAPI document is silent, what is written here follows
// the sources of EJBCA Community.
package ejbca

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
	"cloudpki/internal/secret"
)

// The settings of the kind.
const (
	settingCAs      = "caNames"
	settingProfiles = "certificateProfiles"
	settingToken    = "tokenUri"
	settingScope    = "scope"
	settingFollow   = "followBy"
	settingPageSize = "pageSize"

	settingIssueCA      = "issueCa"
	settingIssueEntity  = "issueEndEntityProfile"
	settingIssueProfile = "issueCertificateProfile"
)

// The values of the setting followBy.
const (
	followUpdates = "updateTime"
	followDates   = "dates"
)

// The sizes of a page: EJBCA's own maximum is 500 unless configured otherwise.
const (
	pageSize    = 200
	maxPageSize = 1000
)

// Kind returns the kind "ejbca".
func Kind() provider.Kind {
	return provider.Kind{
		Name:     "ejbca",
		Title:    "EJBCA (REST API)",
		Settings: settings(),
		Login:    provider.Login{Doc: "A client certificate, or an OAuth client with its token endpoint in tokenUri; one of the two.", User: "OAuth client id", Password: "OAuth client secret", Certificate: "Client certificate"},
		Can:      provider.Capabilities{Authorities: true, Revocations: true, Issue: true, Revoke: true, Inventory: provider.InventoryUpdatedSince},
		Validate: validate,
		Open:     open,
	}
}

func settings() []provider.Setting {
	return []provider.Setting{
		{Name: settingCAs, Type: provider.SettingList, Doc: "CAs to follow, by their names in EJBCA, separated by commas; all that the role may see where absent.", Example: "Device CA,User CA", Check: func(v string) error { _, err := names(v); return err }},
		{Name: settingProfiles, Type: provider.SettingList, Doc: "Certificate profiles to follow, by name, separated by commas; all where absent.", Example: "DEVICE", Check: func(v string) error { _, err := names(v); return err }},
		{Name: settingToken, Type: provider.SettingURL, Doc: "Token endpoint of the OAuth 2.0 authorization server, where a user name and a password are used instead of a client certificate.", Example: "https://login.example.com/realms/pki/protocol/openid-connect/token", Check: func(v string) error { _, err := tokenEndpoint(v); return err }},
		{Name: settingScope, Type: provider.SettingText, Doc: "Scope to ask the authorization server for; none where absent.", Example: "api://ejbca/.default", Check: checkScope},
		{Name: settingFollow, Type: provider.SettingChoice, Values: []string{followUpdates, followDates}, Doc: "What changes are found by: updateTime, or dates (of issue and revocation) where the server does not know the former.", Example: followUpdates, Check: checkFollow},
		{Name: settingPageSize, Type: provider.SettingNumber, Doc: "Certificates to ask for at once, 1 to 1000; 200 where absent.", Example: "200", Check: func(v string) error { _, err := size(v); return err }},
		{Name: settingIssueCA, Type: provider.SettingText, Doc: "CA that issues for requests, by name; the one in caNames where that has one.", Example: "Device CA", Check: checkOne},
		{Name: settingIssueEntity, Type: provider.SettingText, Doc: "End entity profile that requests are issued under; needed to issue.", Example: "DEVICES", Check: checkOne},
		{Name: settingIssueProfile, Type: provider.SettingText, Doc: "Certificate profile of requests that name none.", Example: "ENDUSER", Check: checkOne},
	}
}

// maxNames bounds a list of names.
const maxNames = 100

// names reads a list of names; nil is all.
func names(v string) ([]string, error) {
	var out []string
	for name := range strings.SplitSeq(v, ",") {
		name = strings.TrimSpace(name)
		switch {
		case name == "" || slices.Contains(out, name):
		case len(name) > 250 || provider.Clean(name, 250) != name:
			return nil, fmt.Errorf("%q is not a name", provider.Clean(name, 80))
		default:
			out = append(out, name)
		}
	}
	if len(out) > maxNames {
		return nil, fmt.Errorf("more than %d names", maxNames)
	}
	return out, nil
}

// tokenEndpoint reads the address of the token endpoint, nil for none. Unlike a
// base address it is taken as it is written.
func tokenEndpoint(v string) (*url.URL, error) {
	if v == "" {
		return nil, nil //nolint:nilnil // none is configured
	}
	if _, err := provider.ParseServiceURI(v); err != nil {
		return nil, err
	}
	return url.Parse(v)
}

func checkScope(v string) error {
	if len(v) > 1000 || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		return errors.New("is not a scope (RFC 6749, 3.3)")
	}
	return nil
}

func checkFollow(v string) error {
	if v != "" && v != followUpdates && v != followDates {
		return fmt.Errorf("must be %s or %s", followUpdates, followDates)
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

func open(_ context.Context, c provider.Config) (provider.Session, error) {
	if found := validate(c); len(found) > 0 {
		return nil, found[0].Fault()
	}
	base, err := provider.ParseServiceURI(c.ServiceURI)
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: "serviceUri: " + err.Error()}
	}
	s := &session{now: c.Now, words: cleaner(c.Credentials), dates: c.Settings[settingFollow] == followDates}
	if err := s.configure(c.Settings); err != nil {
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: err.Error(), Retry: provider.RetryNever}
	}
	endpoint, err := tokenEndpoint(c.Settings[settingToken])
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: settingToken + ": " + err.Error()}
	}
	var cert *tls.Certificate
	if endpoint == nil {
		own, err := provider.ClientCertificate(c.Credentials.Certificate, c.Credentials.CertificatePassword, c.Now())
		if err != nil {
			return nil, err
		}
		cert, s.account = &own, own.Leaf.Subject.String()
	} else if s.login, err = newLogin(c, endpoint); err != nil {
		return nil, err
	} else {
		s.account = "OAuth client " + c.Credentials.UserName
	}
	client, err := c.Transport.Client(provider.ClientOptions{ServerCAs: c.ServerCAs, Certificate: cert})
	if err != nil {
		return nil, err
	}
	s.http = rest.New(rest.Options{Base: base, HTTP: client, Now: c.Now, Words: s.words, Explain: s.explain, MaxAnswer: maxAnswer})
	return s, nil
}

// configure reads the settings of the search.
func (s *session) configure(settings map[string]string) (err error) {
	if s.cas, err = names(settings[settingCAs]); err != nil {
		return fmt.Errorf("%s: %w", settingCAs, err)
	}
	if s.profiles, err = names(settings[settingProfiles]); err != nil {
		return fmt.Errorf("%s: %w", settingProfiles, err)
	}
	if s.pageSize, err = size(settings[settingPageSize]); err != nil {
		return fmt.Errorf("%s: %w", settingPageSize, err)
	}
	s.enrolment = enrolment{settings[settingIssueCA], settings[settingIssueEntity], settings[settingIssueProfile]}
	if s.enrolment.ca == "" && len(s.cas) == 1 {
		s.enrolment.ca = s.cas[0]
	}
	return nil
}

// cleaner hides the secrets of c, and those that were got with them.
func cleaner(c provider.Credentials, more ...secret.Text) provider.Cleaner {
	return provider.NewCleaner(append(more, c.Password, c.CertificatePassword, c.Certificate)...)
}
