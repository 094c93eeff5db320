package config

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

func (c Config) validateIssuer(f *Faults) {
	is := c.Issuer
	if !is.Enabled {
		if len(is.Clients) > 0 {
			f.add("issuer.clients", "are of no use while issuer.enabled is false")
		}
		if len(is.Users) > 0 {
			f.add("issuer.users", "are of no use while issuer.enabled is false")
		}
		return
	}
	between(f, "issuer.token_lifetime", is.TokenLifetime, time.Minute, 24*time.Hour)
	notEmpty(f, "issuer.audiences", is.Audiences)
	notEmpty(f, "issuer.tenants", is.Tenants)
	if is.KeyLifetime != 0 {
		between(f, "issuer.key_lifetime", is.KeyLifetime, 48*time.Hour, 10*366*24*time.Hour)
	}
	is.validateUsers(f)
	seen := map[string]bool{}
	for i, client := range is.Clients {
		path := "issuer.clients[" + strconv.Itoa(i) + "]"
		client.validate(f, path)
		if client.ID != "" && seen[client.ID] {
			f.add(path+".id", "%q is the id of another client too", client.ID)
		}
		seen[client.ID] = true
		if client.Tenant != "" && len(is.Tenants) > 0 && !slices.Contains(is.Tenants, client.Tenant) {
			f.add(path+".tenant", "%q is not in issuer.tenants%s", client.Tenant, suggestion("", client.Tenant, is.Tenants))
		}
	}
}

// validate checks one client by itself.
func (c Client) validate(f *Faults, path string) {
	if c.ID == "" {
		f.add(path+".id", "must be set")
	}
	if c.Tenant == "" {
		f.add(path+".tenant", "must be set")
	}
	credentials := c.SecretFile != "" || len(c.CertificateFiles) > 0
	switch {
	case c.Public && credentials:
		f.add(path+".public", "contradicts secret_file and certificate_files; a public client can keep no secret")
	case !c.Public && !credentials:
		f.add(path+".secret_file", "must be set, unless certificate_files are or public is true")
	}
	if c.SecretFile != "" {
		secretFile(f, path+".secret_file", c.SecretFile)
	}
	for _, file := range c.CertificateFiles {
		publicFile(f, path+".certificate_files", file)
	}
	notEmpty(f, path+".roles", c.Roles)
	notEmpty(f, path+".scopes", c.Scopes)
	notEmpty(f, path+".redirect_uris", c.RedirectURIs)
	if c.RequestsPerMinute < 0 {
		f.add(path+".requests_per_minute", "must not be negative")
	}
}

// validateUsers checks the people who may sign in.
func (is Issuer) validateUsers(f *Faults) {
	seen := map[string]bool{}
	for i, u := range is.Users {
		path := "issuer.users[" + strconv.Itoa(i) + "]"
		key := strings.ToLower(u.Tenant + "\x00" + u.Name)
		switch {
		case u.Name == "":
			f.add(path+".name", "must be set")
		case seen[key]:
			f.add(path+".name", "%q is the name of another user of the tenant too", u.Name)
		}
		seen[key] = true
		if u.Tenant == "" {
			f.add(path+".tenant", "must be set")
		} else if len(is.Tenants) > 0 && !slices.Contains(is.Tenants, u.Tenant) {
			f.add(path+".tenant", "%q is not in issuer.tenants%s", u.Tenant, suggestion("", u.Tenant, is.Tenants))
		}
		if !strings.HasPrefix(string(u.PasswordHash), "$argon2id$") { // never quoted: it may be a password by mistake
			f.add(path+".password_hash", "must be a hash as `cloudpki hash-password` prints it")
		}
		notEmpty(f, path+".scopes", u.Scopes)
	}
}

func (c Config) validateAuth(f *Faults) {
	if !c.Issuer.Enabled && len(c.Auth.Issuers) == 0 {
		f.add("auth.issuers", "must name an issuer when issuer.enabled is false; nobody could sign in")
	}
	seen := map[string]bool{}
	for i, is := range c.Auth.Issuers {
		path := "auth.issuers[" + strconv.Itoa(i) + "]"
		webAddress(f, path+".issuer", is.Issuer)
		if is.JWKSURI != "" {
			webAddress(f, path+".jwks_uri", is.JWKSURI)
		}
		if is.DiscoveryURI != "" {
			webAddress(f, path+".discovery_uri", is.DiscoveryURI)
		}
		if len(is.Audiences) == 0 {
			f.add(path+".audiences", "must name at least one; a token for any audience would be accepted")
		}
		notEmpty(f, path+".audiences", is.Audiences)
		notEmpty(f, path+".tenants", is.Tenants)
		if is.Tenant != "" && is.TenantClaim != "" {
			f.add(path+".tenant_claim", "contradicts tenant; set one of them")
		}
		if seen[is.Issuer] {
			f.add(path+".issuer", "%q is listed twice", is.Issuer)
		}
		seen[is.Issuer] = true
	}
}
