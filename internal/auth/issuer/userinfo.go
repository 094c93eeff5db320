package issuer

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"cloudpki/internal/auth"
)

// userInfoPage is where Entra ID's counterpart is found, at its Graph.
const userInfoPage = "/oidc/userinfo"

// maxAccessToken bounds, in bytes, an access token.
const maxAccessToken = 8 << 10

// serveUserInfo tells a client who its user is (OpenID Connect Core section
// 5.3), for an access token of this issuer with the scope openid.
func (i *Issuer) serveUserInfo(w http.ResponseWriter, r *http.Request) error {
	scheme, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	claims, ok := i.readOwn(r, strings.TrimSpace(bearer))
	if !strings.EqualFold(scheme, "Bearer") || !ok {
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+i.origin+`", error="invalid_token"`)
		return errAccessToken()
	}
	return writePrivate(w, struct {
		Subject  string `json:"sub"`
		Name     string `json:"name"`
		UserName string `json:"preferred_username"`
	}{claims.Subject, claims.Name, claims.UserName})
}

// readOwn returns the claims of a person's access token of this issuer.
func (i *Issuer) readOwn(r *http.Request, text string) (userToken, bool) {
	var claims userToken
	j, err := auth.ParseJWS(text, maxAccessToken)
	if err != nil {
		return userToken{}, false
	}
	key, err := i.keys.Key(r.Context(), j.Header.KeyID)
	if err != nil || j.Header.Algorithm != key.Algorithm || j.Verify(key.Public) != nil || j.Claims(&claims) != nil {
		return userToken{}, false
	}
	// An ID token has no scp, nor has an application's token.
	ok := claims.Issuer == i.issuerOf(claims.Tenant) && i.now().Before(time.Unix(claims.Expires, 0)) &&
		slices.Contains(strings.Fields(claims.Scope), scopeOpenID)
	return claims, ok
}

// serveRevoke ends a sign-in by its refresh token (RFC 7009 section 2). A token
// that is none of the client's is no error: there is nothing left to end.
// Access tokens are not looked up by anybody and run out by themselves.
func (i *Issuer) serveRevoke(w http.ResponseWriter, r *http.Request) error {
	tenant, err := i.tenant(r)
	if err != nil {
		return err
	}
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	client, _, err := i.authenticate(r, tenant, form)
	if err != nil {
		return err
	}
	return i.revoke(w, client, tenant, form)
}

func (i *Issuer) revoke(w http.ResponseWriter, client Client, tenant string, form url.Values) error {
	if form.Get("token") == "" {
		return errMissing("token")
	}
	var p permit
	if i.sealer.Open(sealedRefresh, form.Get("token"), &p) == nil && p.isFor(client, tenant) {
		i.families.revoke(i.now(), p.Family, p.end())
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	return nil
}
