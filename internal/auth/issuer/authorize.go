package issuer

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxAuthorizeQuery = 8 << 10 // bytes
	maxEchoedValue    = 1 << 10 // bytes of state, and of nonce

	codeLifetime = time.Minute

	challengeS256 = "S256"
)

// The values of prompt (OpenID Connect Core section 3.1.2.1).
const (
	promptNone    = "none"
	promptLogin   = "login"
	promptConsent = "consent"
	promptSelect  = "select_account"
)

// An authorization is a request for an authorization code (RFC 6749 section
// 4.1.1, RFC 7636 section 4.3) whose client and redirect URI are known good.
type authorization struct {
	Tenant      string
	Client      Client
	RedirectURI string
	Mode        string
	State       string
	Scope       string
	Nonce       string
	Challenge   string
	Prompt      []string
	LoginHint   string
	MaxAge      time.Duration // since the sign-in; negative for any

	query string // as it came
}

// serveAuthorize is the authorization endpoint (RFC 6749 section 3.1).
func (i *Issuer) serveAuthorize(w http.ResponseWriter, r *http.Request) error {
	tenant, err := i.tenant(r)
	if err != nil {
		return err
	}
	a, q, err := i.readAuthorization(tenant, r.URL.RawQuery)
	if err != nil {
		return err // nobody is redirected to an address that is not registered
	}
	if err := a.complete(q); err != nil {
		return i.refuseAuthorization(w, r, a, err)
	}
	s, user, signedIn := i.session(r, tenant)
	signedIn = signedIn && a.suits(s, user, i.now())
	confirm := a.Client.native(a.RedirectURI) || slices.Contains(a.Prompt, promptConsent) || slices.Contains(a.Prompt, promptSelect)
	switch {
	case slices.Contains(a.Prompt, promptNone) && !signedIn:
		return i.refuseAuthorization(w, r, a, errLoginRequired())
	case slices.Contains(a.Prompt, promptNone) && confirm:
		return i.refuseAuthorization(w, r, a, errConsentRequired())
	case !signedIn:
		return i.showSignIn(w, r, flow{Tenant: tenant, Query: a.query}, a.LoginHint, nil)
	case confirm:
		return i.showConfirm(w, r, flow{Tenant: tenant, Query: a.query}, a.Client, user)
	default:
		return i.authorize(w, r, a, s, user)
	}
}

// readAuthorization finds client and redirect URI of a request. Its errors are
// for the person in front of the browser.
func (i *Issuer) readAuthorization(tenant, query string) (authorization, url.Values, error) {
	if len(query) > maxAuthorizeQuery {
		return authorization{}, nil, errRequest("The request is too long.")
	}
	q, err := url.ParseQuery(query)
	if err != nil {
		return authorization{}, nil, errRequest("The query is not a readable form.")
	}
	for name, values := range q {
		if len(values) > 1 {
			return authorization{}, nil, errRequest("The parameter '" + echo(name) + "' is there more than once.")
		}
	}
	a := authorization{Tenant: tenant, RedirectURI: q.Get("redirect_uri"), query: query}
	if q.Get("client_id") == "" {
		return authorization{}, nil, errMissing("client_id")
	}
	if a.Client, err = i.client(q.Get("client_id"), tenant); err != nil {
		return authorization{}, nil, err
	}
	if a.RedirectURI == "" {
		return authorization{}, nil, errMissing("redirect_uri")
	}
	if !a.Client.mayRedirectTo(a.RedirectURI) {
		return authorization{}, nil, errRedirectURI(a.RedirectURI, a.Client.ID)
	}
	if state := q.Get("state"); len(state) <= maxEchoedValue {
		a.State = state
	}
	a.Mode = modeQuery
	if mode := q.Get("response_mode"); slices.Contains(responseModes(), mode) {
		a.Mode = mode
	}
	return a, q, nil
}

// complete reads the rest of the request. Its errors are for the client.
func (a *authorization) complete(q url.Values) error {
	a.Scope, a.Nonce, a.Challenge = q.Get("scope"), q.Get("nonce"), q.Get("code_challenge")
	a.LoginHint, a.Prompt = q.Get("login_hint"), strings.Fields(q.Get("prompt"))
	a.MaxAge = -1
	switch kind := q.Get("response_type"); {
	case kind == "":
		return errMissing("response_type")
	case kind != "code":
		return errResponseType(kind)
	case q.Has("request") || q.Has("request_uri"):
		return errRequest("Requests in a JWT are not supported.")
	case q.Get("response_mode") != "" && !slices.Contains(responseModes(), q.Get("response_mode")):
		return errRequest("The response_mode is not query, fragment or form_post.")
	case len(q.Get("state")) > maxEchoedValue || len(a.Nonce) > maxEchoedValue || len(a.LoginHint) > maxEchoedValue:
		return errRequest("state, nonce or login_hint is too long.")
	case a.Scope == "":
		return errMissing("scope")
	case len(a.Scope) > maxScope:
		return errNoScope()
	}
	for _, p := range a.Prompt {
		if !slices.Contains([]string{promptNone, promptLogin, promptConsent, promptSelect}, p) || p == promptNone && len(a.Prompt) > 1 {
			return errRequest("The prompt is not none, login, consent or select_account.")
		}
	}
	if age := q.Get("max_age"); age != "" {
		seconds, err := strconv.ParseUint(age, 10, 31)
		if err != nil {
			return errRequest("max_age is not a number of seconds.")
		}
		a.MaxAge = time.Duration(seconds) * time.Second
	}
	return checkChallenge(a.Challenge, q.Get("code_challenge_method"))
}

// checkChallenge wants proof of possession by SHA-256 of every client (RFC
// 7636 section 4.3, RFC 9700 section 2.1.1).
func checkChallenge(challenge, method string) error {
	if challenge == "" {
		return errNoChallenge()
	}
	if method != challengeS256 {
		return errChallengeMethod()
	}
	if raw, err := base64.RawURLEncoding.Strict().DecodeString(challenge); err != nil || len(raw) != 32 {
		return errChallenge()
	}
	return nil
}

// suits reports whether a session is what the request wants.
func (a authorization) suits(s session, u User, now time.Time) bool {
	since := now.Sub(time.Unix(s.Since, 0))
	return !slices.Contains(a.Prompt, promptLogin) && (a.MaxAge < 0 || since <= a.MaxAge) &&
		(a.LoginHint == "" || strings.EqualFold(a.LoginHint, u.Name))
}

// native reports whether the redirect goes to a program on a person's machine.
// Any program there could ask in the client's name, so that the person is
// asked each time (RFC 8252 section 8.6).
func (c Client) native(redirect string) bool {
	_, loopback := withoutPort(redirect)
	return c.Public && loopback
}

// A permit is what a user has granted a client, sealed into an authorization
// code or a refresh token.
type permit struct {
	ID        string `json:"jti,omitzero"` // of a code: it works once
	Family    string `json:"fam"`          // what is revoked together
	Client    string `json:"azp"`
	Tenant    string `json:"tid"`
	User      string `json:"usr"`
	Stamp     string `json:"stp"`
	Scope     string `json:"scp"`          // as asked
	SignedIn  int64  `json:"aut"`          // Unix time
	Until     int64  `json:"exp,omitzero"` // of a code: Unix time
	Redirect  string `json:"uri,omitzero"`
	Challenge string `json:"chl,omitzero"`
	Nonce     string `json:"non,omitzero"`
	Count     int    `json:"cnt,omitzero"` // of a refresh token: its place in the family
}

// authorize answers with a code.
func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request, a authorization, s session, u User) error {
	if _, err := i.delegate(a.Scope, a.Client, u); err != nil {
		return i.refuseAuthorization(w, r, a, err)
	}
	code, err := i.sealer.Seal(sealedCode, permit{
		ID: rand.Text(), Family: rand.Text(), Client: a.Client.ID, Tenant: a.Tenant, User: u.Name, Stamp: s.Stamp,
		Scope: a.Scope, SignedIn: s.Since, Until: i.now().Add(codeLifetime).Unix(),
		Redirect: a.RedirectURI, Challenge: a.Challenge, Nonce: a.Nonce,
	})
	if err != nil {
		return err
	}
	i.log.LogAttrs(r.Context(), slog.LevelInfo, "authorization code issued", slog.String("tenant", a.Tenant),
		slog.String("client", a.Client.ID), slog.String("user", u.Name))
	return i.respond(w, a, url.Values{"code": {code}})
}

// refuseAuthorization tells the client of an error by way of the browser (RFC
// 6749 section 4.1.2.1).
func (i *Issuer) refuseAuthorization(w http.ResponseWriter, r *http.Request, a authorization, cause error) error {
	var refused *refusal
	if !errors.As(cause, &refused) {
		return cause
	}
	i.log.LogAttrs(r.Context(), slog.LevelInfo, "authorization refused", slog.String("tenant", a.Tenant),
		slog.String("client", a.Client.ID), slog.Int("aadsts", refused.number))
	return i.respond(w, a, url.Values{"error": {refused.code}, "error_description": {refused.Error()}})
}
