package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cloudpki/internal/pki"
)

// tenantTemplate stands, in Entra ID's own documents, for the tenant within the
// address of an issuer that serves several.
const tenantTemplate = "{tenantid}"

// An Issuer is one whose tokens are accepted.
type Issuer struct {
	// Name is for people and logs.
	Name string
	// URL is the iss of its tokens, exactly. It may contain {tenantid}, which
	// stands for the token's own tenant.
	URL string
	// Audiences are the values of aud that mean this service; one must match.
	Audiences []string
	// TenantClaim is the claim that holds the tenant, "" for tid. A name that is
	// no claim of its own is a path with dots: "realm.tenant".
	TenantClaim string
	// PermissionClaim, if set, is the claim that holds what the caller may, in
	// the same spelling: "realm_access.roles" of Keycloak. Then scp, scope and
	// roles say nothing.
	PermissionClaim string
	// Tenant, if set, is the tenant of every token, whatever its claims say.
	Tenant string
	// Tenants are those that may call; none means every tenant of the issuer.
	Tenants []string

	// Keys, if not nil, are the issuer's keys. Otherwise they are fetched from
	// KeysURL, or, where that is "" too, from where the document at
	// DiscoveryURL says, whose default is URL + /.well-known/openid-configuration.
	Keys         Keys
	KeysURL      string
	DiscoveryURL string
}

// trusted is an Issuer ready for use.
type trusted struct {
	Issuer
	keys Keys
}

// check returns all that is wrong with the configuration of i.
func (i Issuer) check() error {
	var faults []error
	if i.URL == "" {
		faults = append(faults, errors.New("URL is missing"))
	}
	if len(i.Audiences) == 0 {
		faults = append(faults, errors.New("Audiences is empty: tokens for any service would do"))
	}
	for _, a := range i.Audiences {
		if strings.Trim(a, "/") == "" {
			faults = append(faults, errors.New("Audiences holds an empty value"))
		}
	}
	if i.Tenant != "" && !pki.ID(i.Tenant).Valid() {
		faults = append(faults, fmt.Errorf("Tenant %q is not 1 to 128 characters out of A-Za-z0-9-._~", i.Tenant))
	}
	if i.Keys == nil {
		if i.KeysURL == "" && i.discovery() == "" {
			faults = append(faults, errors.New("a URL with {tenantid} needs KeysURL or DiscoveryURL"))
		}
		for name, at := range map[string]string{"KeysURL": i.KeysURL, "DiscoveryURL": i.discovery()} {
			if at == "" {
				continue
			}
			if err := checkAddress(at); err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", name, err))
			}
		}
	}
	return errors.Join(faults...)
}

// discovery returns the address of the discovery document, or "" if there is
// none to ask.
func (i Issuer) discovery() string {
	switch {
	case i.DiscoveryURL != "":
		return i.DiscoveryURL
	case i.KeysURL != "", i.template():
		return ""
	}
	return strings.TrimSuffix(i.URL, "/") + "/.well-known/openid-configuration"
}

// template reports whether the issuer serves several tenants, each with an iss
// of its own.
func (i Issuer) template() bool { return strings.Contains(i.URL, tenantTemplate) }

// Issues reports whether iss has the shape of this issuer's tokens. It says
// whose keys to try, and decides only where URL holds no {tenantid}.
func (i Issuer) Issues(iss string) bool {
	before, after, template := strings.Cut(i.URL, tenantTemplate)
	if !template {
		return iss == i.URL
	}
	return len(iss) > len(before)+len(after) && strings.HasPrefix(iss, before) && strings.HasSuffix(iss, after) &&
		pki.ID(iss[len(before):len(iss)-len(after)]).Valid()
}

// vouchesFor returns the tenant of a token whose signature has verified.
func (i *trusted) vouchesFor(j JWS, c *claims) (pki.TenantID, error) {
	if !c.Audience.intersects(i.Audiences) {
		return "", refuse("Invalid audience.", nil)
	}
	tenant, err := i.tenant(j, c)
	if err != nil {
		return "", err
	}
	if !pki.ID(tenant).Valid() {
		return "", refuse("The token names no tenant, or not as one.", nil)
	}
	if c.Issuer != strings.Replace(i.URL, tenantTemplate, tenant, 1) {
		return "", refuse("The issuer is not that of the token's tenant.", nil)
	}
	if len(i.Tenants) > 0 && !slices.Contains(i.Tenants, tenant) {
		return "", refuse("The token's tenant is not one that this service serves.", nil)
	}
	return pki.TenantID(tenant), nil
}

func (i *trusted) tenant(j JWS, c *claims) (string, error) {
	if i.Tenant != "" {
		return i.Tenant, nil
	}
	if i.TenantClaim == "" {
		return c.Tenant, nil
	}
	value, err := j.claim(i.TenantClaim)
	if err != nil {
		return "", refuse("The token names no tenant, or not as one.", err)
	}
	tenant, _ := value.(string)
	return tenant, nil
}

// permissions returns what PermissionClaim holds: a list of texts, or one of
// words parted by blanks; nothing for anything else.
func (i *trusted) permissions(j JWS) ([]string, error) {
	value, err := j.claim(i.PermissionClaim)
	if err != nil {
		return nil, refuse("The token's permissions cannot be read.", err)
	}
	switch v := value.(type) {
	case string:
		return strings.Fields(v), nil
	case []any:
		list := []string{}
		for _, one := range v {
			if text, ok := one.(string); ok {
				list = append(list, text)
			}
		}
		return list, nil
	}
	return []string{}, nil // not nil: scp, scope and roles must not step in
}

// claim returns the claim of that name, else the one at that path, else nil.
func (j JWS) claim(path string) (any, error) {
	var all map[string]any
	if err := j.Claims(&all); err != nil {
		return nil, err
	}
	if v, ok := all[path]; ok {
		return v, nil // such as "https://example.com/tenant", whose dots are no path
	}
	var value any = all
	for name := range strings.SplitSeq(path, ".") {
		object, ok := value.(map[string]any)
		if !ok {
			return nil, nil
		}
		value = object[name]
	}
	return value, nil
}
