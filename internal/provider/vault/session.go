package vault

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
	"cloudpki/internal/secret"
)

// maxAnswer bounds an answer in bytes. Vault lists all serial numbers at once,
// 62 bytes each: half a million are read.
const maxAnswer = 32 << 20

// maxValues bounds the JSON values of an answer: that many serial numbers.
const maxValues = 600_000

// A session is one conversation with a server, about one mount.
type session struct {
	settings

	rest        *rest.Client
	prefix      string // of all paths: "v1/"
	credentials provider.Credentials
	words       provider.Cleaner // of what the server says; knows the secrets
	now         func() time.Time

	logout  func()    // ends the token that a login gave; nil where there is none
	loginAt time.Time // when to log in anew; zero is never

	issuers *issuers     // nil until asked for
	whole   []string     // what the server lists where it lists all at once, see serials
	known   bool         // the caller knew most of the last page
	revoked *revokedList // nil until asked for
}

// useToken sends a token from now on.
func (s *session) useToken(token secret.Text) {
	s.rest.SetHeader("X-Vault-Token", string(token.Reveal()))
	s.words = provider.NewCleaner(s.credentials.Password, s.credentials.CertificatePassword, s.credentials.Certificate, token)
}

// Close ends the token of a login and closes idle connections. It may be
// called twice.
func (s *session) Close() error {
	s.endLogin()
	return s.rest.Close()
}

// at returns the path of something below the mount.
func (s *session) at(path string) string { return s.prefix + s.mount + "/" + path }

// read decodes the data of the answer to a GET below the mount.
func (s *session) read(ctx context.Context, path string, query url.Values, data any) (requestID string, err error) {
	answer := struct {
		RequestID string `json:"request_id"`
		Data      any    `json:"data"`
	}{Data: data}
	_, err = s.rest.JSON(ctx, rest.Request{Path: s.at(path), Query: query}, &answer)
	return s.words.Clean(answer.RequestID, maxTxID), s.aboutMount(err)
}

// list decodes the data of a list below the mount. A server that has none of
// it answers 404 without a word: then data stays as it is.
func (s *session) list(ctx context.Context, path string, query url.Values, data any) (requestID string, err error) {
	q := url.Values{"list": {"true"}} // what proxies let pass, other than the method LIST
	for name, values := range query {
		q[name] = values
	}
	if requestID, err = s.read(ctx, path, q, data); isNothing(err) {
		err = nil
	}
	return requestID, err
}

// A lookup is what a token may know of itself (auth/token/lookup-self).
type lookup struct {
	DisplayName string     `json:"display_name"`
	Path        string     `json:"path"`
	Expires     *time.Time `json:"expire_time"` // null is never
	TTL         int64      `json:"ttl"`         // seconds left
	CreationTTL int64      `json:"creation_ttl"`
	Period      int64      `json:"period"` // seconds; 0 where the token has none
	Renewable   bool       `json:"renewable"`
}

// Probe looks the token up. The policy default permits that; for a token
// without it, the list of certificates proves what it is worth. A token that
// an admin gave and that can be renewed is renewed, as a periodic token ends
// where nobody does.
func (s *session) Probe(ctx context.Context) (provider.Probe, error) {
	if err := s.keepLogin(ctx); err != nil {
		return provider.Probe{}, err
	}
	var self struct {
		Data lookup `json:"data"`
	}
	_, err := s.rest.JSON(ctx, rest.Request{Path: s.prefix + "auth/token/lookup-self"}, &self)
	if isForbidden(err) {
		return provider.Probe{}, s.probeList(ctx, err)
	}
	if err != nil {
		return provider.Probe{}, err
	}
	p := provider.Probe{Account: s.words.Clean(self.Data.DisplayName, maxName)}
	if s.method == methodToken {
		p.Expires = s.renew(ctx, self.Data)
	}
	return p, nil
}

// probeList asks for one certificate of the list. refused is why the token
// could not be looked up.
func (s *session) probeList(ctx context.Context, refused error) error {
	var e *provider.Error
	if errors.As(refused, &e) && e.Code == provider.CodeCredentialInvalid {
		return refused
	}
	err := s.testList(ctx)
	if isForbidden(err) && errors.As(err, &e) {
		e.Code = provider.CodeCredentialInvalid
		e.Msg = s.rest.Host() + " takes the token neither for auth/token/lookup-self nor for the list of certificates: it is invalid or has expired, or no policy of its own permits either"
	}
	return err
}

func (s *session) testList(ctx context.Context) error {
	var data struct {
		Keys []string `json:"keys"`
	}
	_, err := s.list(ctx, "certs", url.Values{"limit": {"1"}}, &data)
	return err
}

// renew extends a token of which less than half is left, and returns when it
// ends; zero is never. That it cannot be renewed shows in that time.
func (s *session) renew(ctx context.Context, self lookup) time.Time {
	var expires time.Time
	if self.Expires != nil {
		expires = self.Expires.UTC()
	}
	full := max(self.Period, self.CreationTTL)
	if !self.Renewable || self.TTL <= 0 || self.TTL > full/2 {
		return expires
	}
	var renewed struct {
		Auth auth `json:"auth"`
	}
	_, err := s.rest.JSON(ctx, rest.Request{Method: http.MethodPost, Path: s.prefix + "auth/token/renew-self", JSON: struct{}{}}, &renewed)
	if err != nil || renewed.Auth.lease() <= 0 {
		return expires
	}
	return s.now().Add(renewed.Auth.lease()).UTC().Truncate(time.Second)
}

// The bounds of what a server's words may fill, in bytes.
const (
	maxWords = 300
	maxName  = 128
	maxTxID  = 64
)

// isNothing reports whether err is the answer of a server that has none of
// what was asked for: HTTP 404 with an empty list of errors.
func isNothing(err error) bool {
	var said *reply
	return errors.As(err, &said) && said.status == http.StatusNotFound && len(said.words) == 0
}

// isForbidden reports whether err is a refusal by Vault itself, and not by
// something before it.
func isForbidden(err error) bool {
	var said *reply
	return errors.As(err, &said) && said.status == http.StatusForbidden
}

// isUnknownPath reports whether err is what a server says of a path that its
// version does not have.
func isUnknownPath(err error) bool {
	var said *reply
	return errors.As(err, &said) && (said.status == http.StatusMethodNotAllowed ||
		said.status == http.StatusNotFound && strings.Contains(said.text(), "unsupported path"))
}
