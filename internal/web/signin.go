package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"cloudpki/internal/auth"
)

const (
	attemptLifetime = 30 * time.Minute // from the console to the issuer and back
	maxTokenAnswer  = 64 << 10         // bytes
	maxReturn       = 1 << 10          // bytes of the page to come back to
)

// A Provider is an OpenID provider that knows the console as a public client,
// whose redirect URI is CallbackPath.
type Provider struct {
	Name         string // of a choice, for people: the tenant
	Issuer       string // the iss of its tokens
	AuthorizeURL string
	TokenURL     string
	LogoutURL    string // "" for none
	ClientID     string
	Scope        string // with openid, and a scope that gives an access token for this service
}

// An attempt to sign in, bound to the browser by a sealed cookie.
type attempt struct {
	Provider int
	State    string
	Nonce    string
	Verifier string // RFC 7636 section 4.1
	Return   string // path of the page to come back to
	Until    int64  // Unix time
}

// beginSignIn sends the browser to the issuer, or lets a person choose one.
func (s *Server) beginSignIn(v *visit) error {
	q := v.r.URL.Query()
	back := localPath(q.Get("return"))
	n := slices.IndexFunc(s.providers, func(p Provider) bool { return strings.EqualFold(p.Name, q.Get("tenant")) })
	if len(s.providers) == 1 && q.Get("tenant") == "" && !q.Has("signed_out") {
		n = 0
	}
	if n < 0 {
		return s.show(v, "signin", "Sign in", signInPage{
			Return: back, SignedOut: q.Has("signed_out"), Several: len(s.providers) > 1, None: len(s.providers) == 0, Unknown: q.Get("tenant"),
		})
	}
	p := s.providers[n]
	a := attempt{
		Provider: n, State: rand.Text(), Nonce: rand.Text(), Verifier: rand.Text() + rand.Text(),
		Return: back, Until: s.now().Add(attemptLifetime).Unix(),
	}
	text, err := s.sealer.Seal(sealedAttempt, a)
	if err != nil {
		return err
	}
	setCookie(v.w, attemptCookie, text, attemptLifetime)
	challenge := sha256.Sum256([]byte(a.Verifier))
	redirect(v.w, p.AuthorizeURL+"?"+url.Values{
		"response_type": {"code"}, "client_id": {p.ClientID}, "redirect_uri": {s.origin + CallbackPath}, "scope": {p.Scope},
		"state": {a.State}, "nonce": {a.Nonce},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}.Encode())
	return nil
}

// signInPage lets a person choose where to sign in.
type signInPage struct {
	Return    string
	SignedOut bool
	Several   bool
	None      bool
	Unknown   string // a tenant that there is not
}

// endSignIn takes what the issuer has sent the browser back with.
func (s *Server) endSignIn(v *visit) error {
	var a attempt
	c, err := v.r.Cookie(attemptCookie)
	if err != nil || s.sealer.Open(sealedAttempt, c.Value, &a) != nil || !s.now().Before(time.Unix(a.Until, 0)) || a.Provider >= len(s.providers) {
		return errStaleSignIn()
	}
	q := v.r.URL.Query()
	if subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(a.State)) != 1 {
		return errStaleSignIn()
	}
	setCookie(v.w, attemptCookie, "", -1) // it is good for one answer
	p := s.providers[a.Provider]
	if iss := q.Get("iss"); iss != "" && iss != p.Issuer { // RFC 9207
		return errStaleSignIn()
	}
	if q.Get("error") != "" {
		return errRefusedSignIn(q.Get("error"), q.Get("error_description"))
	}
	principal, lifetime, err := s.redeem(v.r.Context(), p, a, q.Get("code"))
	if err != nil {
		s.log.LogAttrs(v.r.Context(), slog.LevelWarn, "a sign-in to the console fails", slog.String("request-id", v.id), slog.Any("error", err))
		return errFailedSignIn()
	}
	if err := principal.Allows(auth.Read); err != nil {
		return errForbidden(err)
	}
	s.log.LogAttrs(v.r.Context(), slog.LevelInfo, "a person has signed in to the console",
		slog.String("tenant", string(principal.Tenant)), slog.String("subject", principal.Subject))
	if err := s.start(v.w, principal, a.Provider, lifetime); err != nil {
		return err
	}
	redirect(v.w, a.Return)
	return nil
}

// redeem returns who has signed in, and for how long that holds (RFC 6749
// section 4.1.3, OpenID Connect Core section 3.1.3).
func (s *Server) redeem(ctx context.Context, p Provider, a attempt, code string) (auth.Principal, time.Duration, error) {
	form := url.Values{
		"grant_type": {"authorization_code"}, "client_id": {p.ClientID}, "code": {code},
		"redirect_uri": {s.origin + CallbackPath}, "code_verifier": {a.Verifier},
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return auth.Principal{}, 0, fmt.Errorf("ask for a token: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := s.http.Do(r)
	if err != nil {
		return auth.Principal{}, 0, fmt.Errorf("ask for a token: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	var tokens struct {
		Access  string `json:"access_token"`
		ID      string `json:"id_token"`
		Expires int64  `json:"expires_in"`
		Error   string `json:"error"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxTokenAnswer)).Decode(&tokens); err != nil {
		return auth.Principal{}, 0, fmt.Errorf("read the token: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return auth.Principal{}, 0, fmt.Errorf("the token endpoint answers %d %.64q", resp.StatusCode, tokens.Error)
	}
	principal, err := s.verifier.Verify(ctx, tokens.Access)
	if err != nil {
		return auth.Principal{}, 0, fmt.Errorf("verify the access token: %w", err)
	}
	if principal.AppOnly {
		return auth.Principal{}, 0, errors.New("the access token is an application's")
	}
	return principal, time.Duration(tokens.Expires) * time.Second, checkIDToken(tokens.ID, p, a, principal)
}

// checkIDToken holds an ID token against the attempt that it answers. It has
// come from the token endpoint itself, so that its signature need not be
// verified (OpenID Connect Core section 3.1.3.7, number 6).
func checkIDToken(text string, p Provider, a attempt, principal auth.Principal) error {
	var c struct {
		Issuer   string         `json:"iss"`
		Audience auth.OneOrMany `json:"aud"`
		Subject  string         `json:"sub"`
		Nonce    string         `json:"nonce"`
	}
	j, err := auth.ParseJWS(text, maxTokenAnswer)
	if err != nil {
		return fmt.Errorf("read the ID token: %w", err)
	}
	if err := j.Claims(&c); err != nil {
		return fmt.Errorf("read the ID token: %w", err)
	}
	switch {
	case c.Issuer != p.Issuer, !slices.Contains(c.Audience, p.ClientID), c.Subject != principal.Subject:
		return errors.New("the ID token is not of this issuer, client and person")
	case subtle.ConstantTimeCompare([]byte(c.Nonce), []byte(a.Nonce)) != 1:
		return errors.New("the ID token answers another attempt")
	}
	return nil
}

// localPath returns the path and query of one of the console's own pages, "/"
// for anything else: nobody is led away by a link to the console.
func localPath(text string) string {
	u, err := url.Parse(text)
	if err != nil || len(text) > maxReturn || u.Scheme != "" || u.Host != "" || u.Opaque != "" || u.User != nil ||
		!strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") || strings.Contains(text, `\`) || strings.HasPrefix(u.Path, Base+"sign") {
		return "/"
	}
	return u.RequestURI()
}
