// Package oidc signs people in at an OpenID provider: the service as a client,
// a relying party, by the authorization code (OpenID Connect Core 1.0 section
// 3.1) with PKCE (RFC 7636) and a check of whose answer it is (RFC 9207).
//
// What a person may do stands in the access token, which is one for this
// service; the ID token vouches that it answers the very attempt of the browser.
package oidc

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"cloudpki/internal/auth"
)

const defaultTimeout = 10 * time.Second

var (
	// ErrUnavailable reports that the provider cannot be asked at the moment, or
	// that what it says of itself cannot be used.
	ErrUnavailable = errors.New("the OpenID provider cannot be asked")

	// ErrForeign reports an answer to another attempt, or of another provider.
	ErrForeign = errors.New("the answer does not belong to this attempt")
)

// A Refusal is an error that the provider has sent the browser back with (RFC
// 6749 section 4.1.2.1). Both texts are whatever stood in the address.
type Refusal struct{ Code, Description string }

// Error returns the texts.
func (r *Refusal) Error() string { return r.Code + ": " + r.Description }

// Options configure a Client.
type Options struct {
	Issuer       string     // the iss of the provider, as an auth.Issuer's URL
	DiscoveryURL string     // of its discovery document, "" for Issuer + /.well-known/openid-configuration
	ClientID     string     // of this service at the provider
	Credential   Credential // zero for a public client
	Scope        string     // with openid, and a scope that gives an access token for this service
	RedirectURI  string     // where the provider sends browsers back to
	SignedOutURI string     // where it may send them once they have signed out

	Verifier *auth.Verifier // knows the keys of the issuer
	HTTP     *http.Client   // reaches the provider; nil for the default. Redirects are not followed.
	Timeout  time.Duration  // of one request to the provider; 0 for 10 s
	Now      func() time.Time
	Log      *slog.Logger
}

// A Client signs people in at one provider. It is safe for concurrent use.
type Client struct {
	o        Options
	metadata metadata
}

// NewClient returns a Client. The provider is asked when somebody signs in, so
// that one that is away does not keep the service from starting.
func NewClient(o Options) (*Client, error) {
	if o.Issuer == "" || o.ClientID == "" || o.RedirectURI == "" || o.Verifier == nil || o.Now == nil || o.Log == nil {
		return nil, errors.New("an Issuer, ClientID, RedirectURI, Verifier, Now and Log are required")
	}
	if err := o.Credential.check(); err != nil {
		return nil, err
	}
	o.HTTP = auth.WithoutRedirects(o.HTTP)
	o.Timeout = cmp.Or(o.Timeout, defaultTimeout)
	return &Client{o: o, metadata: newMetadata(o)}, nil
}

// Issuer returns whose tokens sign people in.
func (c *Client) Issuer() string { return c.o.Issuer }

// An Attempt is what a browser must carry from Begin to Finish, out of the
// reach of others.
type Attempt struct {
	State    string
	Nonce    string
	Verifier string // RFC 7636 section 4.1
}

// Begin returns a new attempt and the address to send the browser to, or
// ErrUnavailable.
func (c *Client) Begin(ctx context.Context) (Attempt, string, error) {
	m, err := c.metadata.get(ctx)
	if err != nil {
		return Attempt{}, "", err
	}
	a := Attempt{State: rand.Text(), Nonce: rand.Text(), Verifier: rand.Text() + rand.Text()}
	challenge := sha256.Sum256([]byte(a.Verifier))
	address, err := withQuery(m.AuthorizeURL, url.Values{
		"response_type": {"code"}, "client_id": {c.o.ClientID}, "redirect_uri": {c.o.RedirectURI}, "scope": {c.o.Scope},
		"state": {a.State}, "nonce": {a.Nonce},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	})
	return a, address, err
}

// Finish takes the query that the provider has sent the browser back with and
// returns who has signed in, and how long that holds. Errors are ErrForeign,
// ErrUnavailable, *Refusal, or any other where the provider's tokens are not
// accepted.
func (c *Client) Finish(ctx context.Context, a Attempt, answer url.Values) (auth.Principal, time.Duration, error) {
	if a.State == "" || subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(a.State)) != 1 {
		return auth.Principal{}, 0, ErrForeign
	}
	m, err := c.metadata.get(ctx)
	if err != nil {
		return auth.Principal{}, 0, err
	}
	iss := answer.Get("iss") // RFC 9207 section 2.4
	if iss != "" && !(auth.Issuer{URL: c.o.Issuer}).Issues(iss) || iss == "" && m.NamesIssuer {
		return auth.Principal{}, 0, ErrForeign
	}
	if answer.Get("error") != "" {
		return auth.Principal{}, 0, &Refusal{answer.Get("error"), answer.Get("error_description")}
	}
	t, err := c.redeem(ctx, m, a, answer.Get("code"))
	if err != nil {
		return auth.Principal{}, 0, err
	}
	principal, err := c.o.Verifier.Verify(ctx, t.Access)
	if err != nil {
		return auth.Principal{}, 0, fmt.Errorf("verify the access token: %w", err)
	}
	if principal.AppOnly {
		return auth.Principal{}, 0, errors.New("the access token is an application's")
	}
	by, err := c.o.Verifier.VerifySignIn(ctx, t.ID, auth.SignIn{
		Issuer: c.o.Issuer, Client: c.o.ClientID, Nonce: a.Nonce, AccessToken: t.Access,
	})
	if err != nil {
		return auth.Principal{}, 0, fmt.Errorf("verify the ID token: %w", err)
	}
	if iss != "" && iss != by {
		return auth.Principal{}, 0, ErrForeign
	}
	return principal, t.lifetime(), nil
}

// SignOut returns the address that ends the browser's session at the provider
// (OpenID Connect RP-Initiated Logout 1.0 section 2), "" where there is none.
func (c *Client) SignOut(ctx context.Context) string {
	m, err := c.metadata.get(ctx)
	if err != nil || m.LogoutURL == "" {
		return "" // the session here has ended all the same
	}
	address, err := withQuery(m.LogoutURL, url.Values{"client_id": {c.o.ClientID}, "post_logout_redirect_uri": {c.o.SignedOutURI}})
	if err != nil {
		return ""
	}
	return address
}

// withQuery adds to the query that an endpoint may have (RFC 6749 section 3.1).
func withQuery(address string, more url.Values) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	q := u.Query()
	for name, values := range more {
		q[name] = values
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}
