package issuer

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// refreshLifetime is how long a sign-in can be prolonged by refresh tokens.
const refreshLifetime = 30 * 24 * time.Hour

// grantCode redeems an authorization code (RFC 6749 section 4.1.3).
func (i *Issuer) grantCode(w http.ResponseWriter, r *http.Request, tenant string, form url.Values) error {
	client, how, err := i.authenticate(r, tenant, form)
	if err != nil {
		return err
	}
	for _, name := range []string{"code", "redirect_uri", "code_verifier"} {
		if form.Get(name) == "" {
			return errMissing(name)
		}
	}
	var p permit
	if i.sealer.Open(sealedCode, form.Get("code"), &p) != nil || !p.isFor(client, tenant) {
		return errCode()
	}
	if !sameAddress(p.Redirect, form.Get("redirect_uri")) {
		return errCodeRedirect()
	}
	if !proves(form.Get("code_verifier"), p.Challenge) {
		return errVerifier()
	}
	now := i.now()
	until := time.Unix(p.Until, 0)
	if !now.Before(until) {
		return errCodeExpired()
	}
	switch i.seen.add(now, string(sealedCode), p.ID, until) {
	case replayed:
		// RFC 6749 section 4.1.2: whoever has redeemed it may be a thief.
		i.families.revoke(now, p.Family, p.end())
		i.log.LogAttrs(r.Context(), slog.LevelWarn, "an authorization code was used twice",
			slog.String("tenant", tenant), slog.String("client", client.ID), slog.String("user", p.User))
		return errCodeUsed()
	case full:
		return errTooMany(60)
	case fresh:
	}
	return i.answerPermit(w, r, p, client, how)
}

// proves reports whether a verifier is the one of the challenge (RFC 7636
// section 4.6).
func proves(verifier, challenge string) bool {
	const least, most = 43, 128
	if len(verifier) < least || len(verifier) > most {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}

// grantDevice answers the poll of a device (RFC 8628 section 3.4).
func (i *Issuer) grantDevice(w http.ResponseWriter, r *http.Request, tenant string, form url.Values) error {
	client, how, err := i.authenticate(r, tenant, form)
	if err != nil {
		return err
	}
	if form.Get("device_code") == "" {
		return errMissing("device_code")
	}
	p, err := i.devices.poll(i.now(), form.Get("device_code"), client.ID, tenant)
	if err != nil {
		return err
	}
	return i.answerPermit(w, r, p, client, how)
}

// grantRefresh replaces a refresh token (RFC 6749 section 6).
func (i *Issuer) grantRefresh(w http.ResponseWriter, r *http.Request, tenant string, form url.Values) error {
	client, how, err := i.authenticate(r, tenant, form)
	if err != nil {
		return err
	}
	if form.Get("refresh_token") == "" {
		return errMissing("refresh_token")
	}
	var p permit
	if i.sealer.Open(sealedRefresh, form.Get("refresh_token"), &p) != nil || !p.isFor(client, tenant) {
		return errRefresh()
	}
	now := i.now()
	if !now.Before(p.end()) {
		return errRefreshExpired()
	}
	u, d, err := i.granted(p, client)
	if err != nil {
		return err
	}
	if asked := form.Get("scope"); asked != "" {
		narrower, err := i.delegate(asked, client, u)
		if err != nil {
			return err
		}
		if !narrower.within(d) {
			return errScopeNotGranted()
		}
		d = narrower
	}
	if p.Count, err = i.families.take(now, p.Family, p.Count, p.end()); err != nil {
		i.log.LogAttrs(r.Context(), slog.LevelWarn, "a refresh token was used that is no longer good",
			slog.String("tenant", tenant), slog.String("client", client.ID), slog.String("user", p.User))
		return err
	}
	return i.answer(w, r, p, client, u, d, how, true)
}

// isFor reports whether the permit was given to the client in the tenant.
func (p permit) isFor(c Client, tenant string) bool {
	return strings.EqualFold(p.Client, c.ID) && p.Tenant == tenant
}

// end is when the permit cannot be prolonged any more.
func (p permit) end() time.Time { return time.Unix(p.SignedIn, 0).Add(refreshLifetime) }

// granted returns the user of a permit and what it is good for today: user and
// client may have changed since.
func (i *Issuer) granted(p permit, c Client) (User, delegation, error) {
	u, ok := i.people.find(p.Tenant, p.User, p.Stamp)
	if !ok {
		return User{}, delegation{}, errRevoked()
	}
	d, err := i.delegate(p.Scope, c, u)
	var refused *refusal
	if errors.As(err, &refused) && refused.code == "access_denied" {
		// RFC 6749 section 5.2 knows no access_denied.
		return User{}, delegation{}, &refusal{http.StatusBadRequest, "invalid_grant", refused.number, refused.text, 0}
	}
	return u, d, err
}

// answerPermit answers with what a permit has been given for.
func (i *Issuer) answerPermit(w http.ResponseWriter, r *http.Request, p permit, client Client, how proof) error {
	u, d, err := i.granted(p, client)
	if err != nil {
		return err
	}
	return i.answer(w, r, p, client, u, d, how, d.has(scopeOffline))
}

// answer answers with the tokens of a user (RFC 6749 section 5.1, OpenID
// Connect Core section 3.1.3.3).
func (i *Issuer) answer(w http.ResponseWriter, r *http.Request, p permit, c Client, u User, d delegation, how proof, refresh bool) error {
	token, id, err := i.mintUser(p, c, u, d, how)
	if err != nil {
		return err
	}
	lifetime := int64(i.lifetime.Seconds())
	answer := struct {
		Type         string `json:"token_type"`
		Scope        string `json:"scope"`
		Expires      int64  `json:"expires_in"`
		ExtExpires   int64  `json:"ext_expires_in"`
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token,omitzero"`
		IDToken      string `json:"id_token,omitzero"`
		ClientInfo   string `json:"client_info,omitzero"`
	}{Type: "Bearer", Scope: d.text, Expires: lifetime, ExtExpires: lifetime, AccessToken: token, ClientInfo: i.clientInfo(u)}
	if d.has(scopeOpenID) {
		if answer.IDToken, err = i.mintID(p, c, u); err != nil {
			return err
		}
	}
	if refresh {
		// What was the code's alone goes; of nonce see OpenID Connect Core section 12.2.
		p.ID, p.Redirect, p.Challenge, p.Nonce, p.Until = "", "", "", "", 0
		if answer.RefreshToken, err = i.sealer.Seal(sealedRefresh, p); err != nil {
			return err
		}
	}
	i.log.LogAttrs(r.Context(), slog.LevelInfo, "token issued",
		slog.String("tenant", p.Tenant), slog.String("client", c.ID), slog.String("user", u.Name), slog.String("token_id", id),
		slog.String("audience", d.resource), slog.String("correlation_id", correlationID(r)))
	return writePrivate(w, answer)
}

// clientInfo names the user to Microsoft's libraries, which key their caches by it.
func (i *Issuer) clientInfo(u User) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"uid":"` + i.objectID(u) + `","utid":"` + u.Tenant + `"}`))
}

// userToken is the payload of an access token of a user, with the members of
// Entra ID's version 2.0.
type userToken struct {
	Audience  string `json:"aud"`
	Issuer    string `json:"iss"`
	IssuedAt  int64  `json:"iat"`
	NotBefore int64  `json:"nbf"`
	Expires   int64  `json:"exp"`
	AppName   string `json:"app_displayname,omitzero"`
	AppID     string `json:"appid"`
	AZP       string `json:"azp"`
	AZPACR    string `json:"azpacr"`
	IDType    string `json:"idtyp"`
	Name      string `json:"name"`
	ObjectID  string `json:"oid"`
	UserName  string `json:"preferred_username"`
	Scope     string `json:"scp"`
	Subject   string `json:"sub"`
	Tenant    string `json:"tid"`
	UTI       string `json:"uti"`
	Version   string `json:"ver"`
}

// mintUser returns a signed access token and its uti.
func (i *Issuer) mintUser(p permit, c Client, u User, d delegation, how proof) (token, id string, err error) {
	now, object := i.now(), i.objectID(u)
	claims := userToken{
		Audience: d.resource, Issuer: i.issuerOf(p.Tenant),
		IssuedAt: now.Unix(), NotBefore: now.Unix(), Expires: now.Add(i.lifetime).Unix(),
		AppName: c.Name, AppID: c.ID, AZP: c.ID, AZPACR: string(how), IDType: "user",
		Name: u.displayName(), ObjectID: object, UserName: u.Name, Scope: d.scp(), Subject: object,
		Tenant: p.Tenant, UTI: rand.Text(), Version: "2.0",
	}
	token, err = i.signJSON(claims)
	return token, claims.UTI, err
}

// idToken is the payload of an ID token (OpenID Connect Core section 2).
type idToken struct {
	Issuer    string `json:"iss"`
	Subject   string `json:"sub"`
	Audience  string `json:"aud"`
	Expires   int64  `json:"exp"`
	IssuedAt  int64  `json:"iat"`
	NotBefore int64  `json:"nbf"`
	AuthTime  int64  `json:"auth_time"`
	Nonce     string `json:"nonce,omitzero"`
	Name      string `json:"name"`
	UserName  string `json:"preferred_username"`
	ObjectID  string `json:"oid"`
	Tenant    string `json:"tid"`
	Version   string `json:"ver"`
}

func (i *Issuer) mintID(p permit, c Client, u User) (string, error) {
	now, object := i.now(), i.objectID(u)
	return i.signJSON(idToken{
		Issuer: i.issuerOf(p.Tenant), Subject: object, Audience: c.ID,
		Expires: now.Add(i.lifetime).Unix(), IssuedAt: now.Unix(), NotBefore: now.Unix(), AuthTime: p.SignedIn, Nonce: p.Nonce,
		Name: u.displayName(), UserName: u.Name, ObjectID: object, Tenant: p.Tenant, Version: "2.0",
	})
}

// signJSON returns v as a signed JWT.
func (i *Issuer) signJSON(v any) (string, error) {
	payload, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode token: %w", err)
	}
	return i.keys.sign(payload)
}
