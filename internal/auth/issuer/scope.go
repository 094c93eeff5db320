package issuer

import (
	"slices"
	"strings"

	"cloudpki/internal/auth"
)

// The scopes of OpenID Connect Core section 5.4 and 11 that mean something here.
const (
	scopeOpenID  = "openid"
	scopeProfile = "profile"
	scopeEmail   = "email" // taken, for libraries ask it by habit; there are no addresses
	scopeOffline = "offline_access"

	maxScope = 2048 // bytes
)

// serviceScopes returns the scopes of the service.
func serviceScopes() []string { return []string{auth.ScopeRead, auth.ScopeReadWrite} }

func isScope(s string) bool { return slices.Contains(serviceScopes(), s) }

// A delegation is what a client may do for a user: what it has asked for, as
// far as both may.
type delegation struct {
	resource string   // the aud of the access token
	scopes   []string // of the service, granted
	oidc     []string // of OpenID Connect, granted
	text     string   // all of them as the client has spelled them
}

func (d delegation) has(oidc string) bool { return slices.Contains(d.oidc, oidc) }

// scp is the claim of the access token.
func (d delegation) scp() string {
	shown := slices.DeleteFunc(slices.Clone(d.oidc), func(s string) bool { return s == scopeOffline })
	return strings.Join(append(shown, d.scopes...), " ")
}

// delegate reads the scope parameter of a request for a user's token: bare
// names of scopes, RESOURCE/NAME, RESOURCE/.default for all that may be had,
// and those of OpenID Connect. All must be of one resource.
func (i *Issuer) delegate(scope string, c Client, u User) (delegation, error) {
	if len(scope) > maxScope || strings.TrimSpace(scope) == "" {
		return delegation{}, errNoScope()
	}
	var d delegation
	var spelled []string
	service := false
	for asked := range strings.FieldsSeq(scope) {
		switch asked {
		case scopeOpenID, scopeProfile, scopeEmail, scopeOffline:
			d.oidc = append(d.oidc, asked)
			spelled = append(spelled, asked)
			continue
		}
		service = true
		resource, name := i.split(asked)
		if d.resource != "" && strings.TrimSuffix(resource, "/") != strings.TrimSuffix(d.resource, "/") {
			return delegation{}, errScopeResources()
		}
		d.resource = resource
		if !i.knows(resource) {
			return delegation{}, errResource(resource, c.Tenant)
		}
		granted, err := d.grant(name, c, u)
		if err != nil {
			return delegation{}, err
		}
		if granted {
			spelled = append(spelled, asked)
		}
	}
	if service && len(d.scopes) == 0 {
		return delegation{}, errNotAssigned(c.ID, u.displayName())
	}
	if d.resource == "" {
		d.resource = i.origin
	}
	d.text = strings.Join(spelled, " ")
	return d, nil
}

// split returns the resource and the name of a scope; a bare name is one of
// this service.
func (i *Issuer) split(scope string) (resource, name string) {
	slash := strings.LastIndexByte(scope, '/')
	if slash < 0 {
		return i.origin, scope
	}
	return scope[:slash], scope[slash+1:]
}

// knows reports whether tokens may be asked for the resource.
func (i *Issuer) knows(resource string) bool {
	return slices.ContainsFunc(i.audiences, func(a string) bool {
		return strings.TrimSuffix(a, "/") == strings.TrimSuffix(resource, "/")
	})
}

// grant adds the scope called name if client and user may have it.
func (d *delegation) grant(name string, c Client, u User) (granted bool, err error) {
	asked := []string{name}
	switch {
	case name == ".default":
		asked = serviceScopes()
	case !isScope(name):
		return false, errUnknownScope(c.ID, name, d.resource)
	}
	for _, s := range asked {
		if !c.mayAsk(s) || !u.mayGrant(s) {
			continue
		}
		granted = true
		if !slices.Contains(d.scopes, s) {
			d.scopes = append(d.scopes, s)
		}
	}
	return granted, nil
}

// mayAsk reports whether the client may have the scope for a user.
func (c Client) mayAsk(scope string) bool { return len(c.Scopes) == 0 || holds(c.Scopes, scope) }

// mayGrant reports whether the user may give the scope away.
func (u User) mayGrant(scope string) bool { return holds(u.Scopes, scope) }

// holds reports whether scope is in the list; writing includes reading.
func holds(list []string, scope string) bool {
	return slices.Contains(list, scope) || scope == auth.ScopeRead && slices.Contains(list, auth.ScopeReadWrite)
}

// within reports whether d goes no further than other.
func (d delegation) within(other delegation) bool {
	inside := func(these, those []string) bool {
		return !slices.ContainsFunc(these, func(s string) bool { return !slices.Contains(those, s) })
	}
	return strings.TrimSuffix(d.resource, "/") == strings.TrimSuffix(other.resource, "/") &&
		inside(d.scopes, other.scopes) && inside(d.oidc, other.oidc)
}
