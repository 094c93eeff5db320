package auth

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"cloudpki/internal/pki"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxClaimLength bounds, in bytes, each claim that is kept: they end up in the
// audit log.
const maxClaimLength = 256

// claims are the members of an access token that somebody here looks at: those
// of RFC 7519, RFC 9068 and Entra ID's tokens of versions 1 and 2.
type claims struct {
	Issuer    string        `json:"iss"`
	Audience  OneOrMany     `json:"aud"`
	Expires   *NumericDate  `json:"exp"`
	NotBefore *NumericDate  `json:"nbf"`
	IssuedAt  *NumericDate  `json:"iat"`
	Subject   string        `json:"sub"`
	Tenant    string        `json:"tid"`
	TokenID   string        `json:"jti"`
	UTI       string        `json:"uti"`
	AZP       string        `json:"azp"`
	AppID     string        `json:"appid"`
	ClientID  string        `json:"client_id"`
	SCP       *spacedOrMany `json:"scp"`
	Scope     *spacedOrMany `json:"scope"`
	Roles     *OneOrMany    `json:"roles"`
	IDType    string        `json:"idtyp"`
	AppName   string        `json:"app_displayname"`
	Name      string        `json:"name"`
	Type      any           `json:"typ"` // Keycloak's kind of token

	permissions []string // of the claim that the operator has named; nil for none

	// Marks of tokens that are no bearer tokens for this service.
	Nonce           jsontext.Value `json:"nonce"`
	AccessTokenHash jsontext.Value `json:"at_hash"`
	CodeHash        jsontext.Value `json:"c_hash"`
	Events          jsontext.Value `json:"events"`
	Confirmation    jsontext.Value `json:"cnf"`
}

// OneOrMany is a JSON string or an array of strings, as aud is (RFC 7519
// section 4.1.3).
type OneOrMany []string

// UnmarshalJSON takes either shape.
func (l *OneOrMany) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]string)(l))
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	*l = OneOrMany{s}
	return nil
}

// spacedOrMany is a string of words parted by blanks, as RFC 6749 section 3.3
// has scopes, or an array of strings, as some issuers send them.
type spacedOrMany []string

func (l *spacedOrMany) UnmarshalJSON(b []byte) error {
	var list OneOrMany
	if err := list.UnmarshalJSON(b); err != nil {
		return err
	}
	*l = strings.Fields(strings.Join(list, " "))
	return nil
}

// checkLifetime holds exp, nbf and iat against now.
func (c *claims) checkLifetime(now time.Time) error {
	if c.Expires == nil {
		return refuse("The token has no exp claim.", nil)
	}
	expires, ok := c.Expires.Time()
	if !ok {
		return refuse("The exp claim is out of range.", nil)
	}
	if now.Sub(expires) > MaxSkew {
		return &Error{Code: CodeInvalidToken, Msg: msgExpired}
	}
	for _, from := range []*NumericDate{c.NotBefore, c.IssuedAt} {
		if from == nil {
			continue
		}
		t, ok := from.Time()
		if !ok {
			return refuse("The nbf or iat claim is out of range.", nil)
		}
		if t.Sub(now) > MaxSkew {
			return &Error{Code: CodeInvalidToken, Msg: msgNotYet}
		}
	}
	return nil
}

// checkKind refuses tokens that were not made to be shown to an API: ID tokens
// (OpenID Connect Core section 2), logout and security event tokens (RFC
// 8417), and tokens bound to a key that the caller has not proved (RFC 7800).
func (c *claims) checkKind() error {
	keycloak, _ := c.Type.(string)
	switch {
	case keycloak == "ID" || keycloak == "Refresh" || keycloak == "Offline" || keycloak == "Logout":
		return refuse("The token is not an access token.", nil)
	case c.Confirmation != nil:
		return refuse("The token is bound to a key; only bearer tokens are accepted.", nil)
	case c.Events != nil:
		return refuse("The token is not an access token.", nil)
	// Keycloak before version 25 repeats the nonce in access tokens.
	case c.Nonce != nil && keycloak != "Bearer", c.AccessTokenHash != nil, c.CodeHash != nil:
		return refuse("The token is an ID token, not an access token.", nil)
	case c.SCP == nil && c.Scope == nil && c.Roles == nil && c.permissions == nil && c.IDType != "app":
		return refuse("The token has neither scp nor roles: it is not an access token for this service.", nil)
	// Entra ID repeats a user's roles in ID tokens, which name no application.
	case c.SCP == nil && c.Scope == nil && c.permissions == nil && c.client() == "":
		return refuse("The token is an ID token, not an access token.", nil)
	}
	return nil
}

// client returns the application that the token was given to, "" for none.
func (c *claims) client() string { return firstOf(c.AZP, c.AppID, c.ClientID) }

// principal returns what the claims say of the caller in tenant.
func (c *claims) principal(tenant pki.TenantID, issuer string) (Principal, error) {
	p := Principal{
		Tenant:  tenant,
		Issuer:  issuer,
		Client:  c.client(),
		Subject: c.Subject,
		Name:    firstOf(c.Name, c.AppName),
		TokenID: firstOf(c.UTI, c.TokenID),
	}
	// A token with scp is a delegated one: its roles are the user's, and must
	// not widen what the user has consented to.
	switch {
	case c.permissions != nil:
		p.Scopes, p.AppOnly = c.permissions, c.IDType == "app"
	case c.SCP != nil:
		p.Scopes = *c.SCP
	case c.Scope != nil && c.IDType != "app":
		p.Scopes = *c.Scope
	default:
		p.AppOnly = true
		if c.Roles != nil {
			p.Scopes = *c.Roles
		}
	}
	if p.Client == "" && p.Subject == "" {
		return Principal{}, refuse("The token names neither an application nor a subject.", nil)
	}
	for _, s := range []string{p.Client, p.Subject, p.Name, p.TokenID} {
		if len(s) > maxClaimLength || strings.ContainsFunc(s, unicode.IsControl) {
			return Principal{}, refuse("A claim is too long or holds control characters.", nil)
		}
	}
	return p, nil
}

// intersects reports whether the token is meant for one of ours. A trailing
// slash makes no difference: Microsoft Graph accepts its own address either way.
func (l OneOrMany) intersects(ours []string) bool {
	return slices.ContainsFunc(l, func(aud string) bool {
		return slices.ContainsFunc(ours, func(our string) bool {
			return strings.TrimSuffix(aud, "/") == strings.TrimSuffix(our, "/")
		})
	})
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
