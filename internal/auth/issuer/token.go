package issuer

import (
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"
)

const (
	maxForm = 64 << 10 // bytes of a token request

	grantClientCredentials = "client_credentials"
	grantCode              = "authorization_code"
	grantRefresh           = "refresh_token"
	grantDevice            = "urn:ietf:params:oauth:grant-type:device_code"

	// grantDeviceShort is how Microsoft's libraries call grantDevice.
	grantDeviceShort = "device_code"
)

// serveToken is the token endpoint (RFC 6749 section 3.2).
func (i *Issuer) serveToken(w http.ResponseWriter, r *http.Request) error {
	tenant, err := i.tenant(r)
	if err != nil {
		return err
	}
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	switch grant := form.Get("grant_type"); grant {
	case "":
		return errMissing("grant_type")
	case grantClientCredentials:
		return i.grantClientCredentials(w, r, tenant, form)
	case grantCode:
		return i.grantCode(w, r, tenant, form)
	case grantRefresh:
		return i.grantRefresh(w, r, tenant, form)
	case grantDevice, grantDeviceShort:
		return i.grantDevice(w, r, tenant, form)
	default:
		return errGrant(grant)
	}
}

// readForm returns the parameters of a token request. Unknown ones are left
// for nobody to look at; repeated ones are refused (RFC 6749 section 3.2).
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, errRequest("The request body must be application/x-www-form-urlencoded.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, errTooLarge()
	case err != nil:
		return nil, errRequest("The request body ends early.")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errRequest("The request body is not a readable form.")
	}
	for name, values := range form {
		if len(values) > 1 {
			return nil, errRequest("The parameter '" + echo(name) + "' is there more than once.")
		}
	}
	return form, nil
}

// grantClientCredentials answers an application that acts for itself.
func (i *Issuer) grantClientCredentials(w http.ResponseWriter, r *http.Request, tenant string, form url.Values) error {
	client, proof, err := i.authenticate(r, tenant, form)
	if err != nil {
		return err
	}
	if proof == byNothing {
		return errNoCredential()
	}
	resource, err := i.resource(form.Get("scope"), tenant)
	if err != nil {
		return err
	}
	token, id, err := i.mint(client, tenant, resource, proof)
	if err != nil {
		return err
	}
	lifetime := int64(i.lifetime.Seconds())
	i.log.LogAttrs(r.Context(), slog.LevelInfo, "token issued",
		slog.String("tenant", tenant), slog.String("client", client.ID), slog.String("token_id", id),
		slog.String("audience", resource), slog.String("correlation_id", correlationID(r)))
	return writePrivate(w, struct {
		Type        string `json:"token_type"`
		Expires     int64  `json:"expires_in"`
		ExtExpires  int64  `json:"ext_expires_in"`
		AccessToken string `json:"access_token"`
	}{"Bearer", lifetime, lifetime, token})
}

// resource returns what the scope RESOURCE/.default asks a token for. Libraries
// add the scopes of OpenID Connect, which mean nothing to an application.
func (i *Issuer) resource(scope, tenant string) (string, error) {
	resource := ""
	for s := range strings.FieldsSeq(scope) {
		switch s {
		case scopeOpenID, scopeProfile, scopeEmail, scopeOffline:
			continue
		}
		asked, ok := strings.CutSuffix(s, "/.default")
		if !ok || asked == "" || resource != "" {
			return "", errScope(s)
		}
		resource = asked
	}
	if resource == "" {
		return "", errScope(scope)
	}
	if !i.knows(resource) {
		return "", errResource(resource, tenant)
	}
	return resource, nil
}

// accessToken is the payload of a token, with the members of Entra ID's
// version 2.0 application tokens and the appid of version 1.0.
type accessToken struct {
	Audience  string   `json:"aud"`
	Issuer    string   `json:"iss"`
	IssuedAt  int64    `json:"iat"`
	NotBefore int64    `json:"nbf"`
	Expires   int64    `json:"exp"`
	AppName   string   `json:"app_displayname,omitzero"`
	AppID     string   `json:"appid"`
	AZP       string   `json:"azp"`
	AZPACR    string   `json:"azpacr"`
	IDType    string   `json:"idtyp"`
	ObjectID  string   `json:"oid"`
	Roles     []string `json:"roles"`
	Subject   string   `json:"sub"`
	Tenant    string   `json:"tid"`
	UTI       string   `json:"uti"`
	Version   string   `json:"ver"`
}

// mint returns a signed token and its uti.
func (i *Issuer) mint(c Client, tenant, resource string, p proof) (token, id string, err error) {
	now := i.now()
	issuer := i.issuerOf(tenant)
	// The application's object in the tenant: stable, and not its client id.
	object := uuid.NewSHA1(uuid.NameSpaceURL, []byte(issuer+"#"+strings.ToLower(c.ID))).String()
	claims := accessToken{
		Audience:  resource,
		Issuer:    issuer,
		IssuedAt:  now.Unix(),
		NotBefore: now.Unix(),
		Expires:   now.Add(i.lifetime).Unix(),
		AppName:   c.Name,
		AppID:     c.ID,
		AZP:       c.ID,
		AZPACR:    string(p),
		IDType:    "app",
		ObjectID:  object,
		Roles:     c.Roles,
		Subject:   object,
		Tenant:    tenant,
		UTI:       rand.Text(),
		Version:   "2.0",
	}
	token, err = i.signJSON(claims)
	return token, claims.UTI, err
}
