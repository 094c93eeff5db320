package digicertone

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// A session makes one call at a time.
type session struct {
	*rest.Client // Close is its

	account  string // "" is all that is seen
	unit     string
	profiles []string // nil is all
	limit    int
	now      func() time.Time
	words    provider.Cleaner // of what the CA says; knows the secrets
}

// connect makes a session of a configuration that was found good.
func connect(c provider.Config) (*session, error) {
	base, err := provider.ParseServiceURI(c.ServiceURI)
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: "serviceUri: " + err.Error()}
	}
	s := &session{
		account: c.Settings[settingAccount], unit: c.Settings[settingUnit], now: c.Now,
		words: provider.NewCleaner(c.Credentials.Password, c.Credentials.CertificatePassword, c.Credentials.Certificate),
	}
	if s.profiles, err = profileIDs(c.Settings[settingProfiles]); err != nil {
		return nil, &provider.Error{Code: provider.CodeProfileUnknown, Msg: settingProfiles + ": " + err.Error()}
	}
	if s.limit, err = pageSize(c.Settings[settingPage]); err != nil {
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: settingPage + ": " + err.Error()}
	}
	header, client := http.Header{}, provider.ClientOptions{ServerCAs: c.ServerCAs}
	certificate := !c.Credentials.Certificate.IsEmpty()
	if certificate {
		cert, err := provider.ClientCertificate(c.Credentials.Certificate, c.Credentials.CertificatePassword, c.Now())
		if err != nil {
			return nil, err
		}
		client.Certificate = &cert
	} else {
		header.Set("X-Api-Key", string(c.Credentials.Password.Reveal()))
	}
	httpClient, err := c.Transport.Client(client)
	if err != nil {
		return nil, err
	}
	s.Client = rest.New(rest.Options{
		Base: address(base, certificate), HTTP: httpClient, Now: c.Now, Header: header, Words: s.words, Explain: s.explain,
	})
	return s, nil
}

// Probe asks for one certificate: the call proves the permission that a sync
// needs most, and its answer names the account. When an API key ends, the API
// does not tell.
func (s *session) Probe(ctx context.Context) (provider.Probe, error) {
	f, err := s.search(ctx, s.query("", ""), 0, 1)
	if err != nil {
		return provider.Probe{}, err
	}
	account := s.account
	for _, raw := range f.items {
		var i item
		if json.Unmarshal(raw, &i) == nil && i.Account.ID != "" {
			account = provider.Clean(string(i.Account.ID), 100)
		}
	}
	if account == "" {
		return provider.Probe{}, nil
	}
	return provider.Probe{Account: "account " + account}, nil
}

// query returns the parameters of a search that hold for all pages.
func (s *session) query(profile, status string) url.Values {
	q := url.Values{}
	for name, value := range map[string]string{
		"account_id": s.account, "business_unit_id": s.unit, "profile_id": profile, "status": status,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// searchRequest returns the call for a stretch of a search.
func searchRequest(q url.Values, offset, limit int) rest.Request {
	with := url.Values{"offset": {strconv.Itoa(offset)}, "limit": {strconv.Itoa(limit)}}
	for name, values := range q {
		with[name] = values
	}
	return rest.Request{Path: "certificate-search", Query: with}
}

// profileRequest returns the call for one profile, or for the list for "".
func profileRequest(id string) rest.Request {
	if id == "" {
		return rest.Request{Path: "profile"}
	}
	return rest.Request{Path: "profile/" + url.PathEscape(id)}
}
