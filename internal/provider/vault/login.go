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

// longestLogout bounds the last call of a session: it is a courtesy, as the
// token ends by itself.
const longestLogout = time.Second

// maxLease bounds what is believed of the life of a token.
const maxLease = 10 * 365 * 24 * time.Hour

// auth is what a login gives.
type auth struct {
	Token     string `json:"client_token"`
	TokenType string `json:"token_type"`     // "batch" cannot be ended
	Lease     int64  `json:"lease_duration"` // seconds; 0 is without an end
	MFA       any    `json:"mfa_requirement"`
}

func (a auth) lease() time.Duration {
	return time.Duration(min(max(a.Lease, 0), int64(maxLease/time.Second))) * time.Second
}

// login gets a token by the credentials and uses it from now on.
func (s *session) login(ctx context.Context) error {
	path, body := s.loginRequest()
	var answer struct {
		Auth auth `json:"auth"`
	}
	_, err := s.rest.JSON(ctx, rest.Request{Method: http.MethodPost, Path: path, JSON: body}, &answer)
	if err != nil {
		return s.aboutLogin(err)
	}
	switch a := answer.Auth; {
	case a.MFA != nil:
		return &provider.Error{Code: provider.CodeCredentialInvalid, Msg: s.rest.Host() + " wants a second factor for this login, which a service cannot give; use a token, approle or cert"}
	case !isToken(a.Token):
		return &provider.Error{Code: provider.CodeParse, Msg: s.rest.Host() + " answers the login without a token; is it a Vault?"}
	default:
		s.endLogin()
		s.useToken(secret.NewString(a.Token))
		if a.Lease > 0 {
			s.loginAt = s.now().Add(a.lease() / 2)
		}
		if a.TokenType != "batch" {
			s.logout = s.revokeSelf(context.WithoutCancel(ctx))
		}
		return nil
	}
}

func (s *session) loginRequest() (path string, body map[string]string) {
	path = s.prefix + "auth/" + s.authMount + "/login"
	password := string(s.credentials.Password.Reveal())
	switch s.method {
	case methodCert:
		body = map[string]string{}
		if s.authRole != "" {
			body["name"] = s.authRole
		}
	case methodAppRole:
		body = map[string]string{"role_id": s.credentials.UserName, "secret_id": password}
	default:
		path += "/" + url.PathEscape(s.credentials.UserName)
		body = map[string]string{"password": password}
	}
	return path, body
}

// keepLogin logs in anew where half the life of the token is over, so that a
// long listing does not end with it.
func (s *session) keepLogin(ctx context.Context) error {
	if s.loginAt.IsZero() || s.now().Before(s.loginAt) {
		return nil
	}
	return s.login(ctx)
}

// revokeSelf returns what ends the token in use. ctx gives the call its values
// alone: the run may be over.
func (s *session) revokeSelf(ctx context.Context) func() {
	return func() {
		ctx, stop := context.WithTimeout(ctx, longestLogout)
		defer stop()
		_, _ = s.rest.Do(ctx, rest.Request{Method: http.MethodPost, Path: s.prefix + "auth/token/revoke-self", JSON: struct{}{}}) // the token ends by itself
	}
}

func (s *session) endLogin() {
	if s.logout != nil {
		s.logout()
		s.logout = nil
	}
}

// aboutLogin says what a refused login means for the credentials. Vault answers
// 400 to most that is wrong with them (an unknown user, a wrong secret_id), and
// 403 to an auth mount that is not there.
func (s *session) aboutLogin(err error) error {
	var said *reply
	var e *provider.Error
	if !errors.As(err, &said) || !errors.As(err, &e) {
		return err
	}
	target := memberPassword
	if s.method == methodCert {
		target = memberCertificate
	}
	switch invalid := strings.Contains(said.text(), "invalid"); {
	case said.status == http.StatusBadRequest, said.status == http.StatusUnauthorized, said.status == http.StatusForbidden,
		said.status == http.StatusInternalServerError && invalid: // some builds say so to a wrong password; accounts lock
		e.Code, e.Retry = provider.CodeCredentialInvalid, ""
		e.Msg = s.rest.Host() + " refuses the login by " + s.method + " at auth/" + s.authMount + ": " + said.text() +
			"; correct " + target + ", or set authMount where the method is mounted elsewhere"
	case said.status == http.StatusNotFound:
		e.Code, e.Retry = provider.CodeProtocol, provider.RetryNever
		e.Msg = s.rest.Host() + " has no auth method at auth/" + s.authMount + "; set authMount" + s.orNamespace()
	}
	return err
}
