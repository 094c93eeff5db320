// Package auth turns the bearer token of a request into a Principal: who
// calls, for which tenant, and what for. Tokens are JWTs (RFC 7519) of the
// issuers that the operator has configured; package issuer is the embedded one.
package auth

import (
	"slices"
	"strings"

	"cloudpki/internal/pki"
)

// The scopes of the service. Entra ID calls the same names scopes in
// delegated tokens and application roles in the others.
const (
	ScopeRead      = "DeviceManagementConfiguration.Read.All"
	ScopeReadWrite = "DeviceManagementConfiguration.ReadWrite.All"
)

// A Permission is what an operation asks of its caller.
type Permission int

const (
	// Read is for operations that change nothing.
	Read Permission = iota
	// Write is for every other operation, actions included.
	Write
)

// Scopes returns the scopes any of which grants the permission, from least to
// most privileged.
func (p Permission) Scopes() []string {
	if p == Read {
		return []string{ScopeRead, ScopeReadWrite}
	}
	return []string{ScopeReadWrite}
}

// A Principal is the caller that a valid token speaks for. It is shared by all
// requests with that token: do not change what Scopes points to.
type Principal struct {
	Tenant  pki.TenantID
	Issuer  string   // Issuer.Name of who vouches for the caller
	Client  string   // the application: azp, appid or client_id
	Subject string   // sub: the user, or the application itself
	Name    string   // for people to read; never to decide on
	Scopes  []string // scp of a delegated token, else roles
	AppOnly bool     // no user is signed in: Scopes are application roles
	TokenID string   // uti or jti; names the token in the audit log
}

// Allows returns nil if the principal may do what asks for need, else an
// *Error with CodeInsufficientScope that names the scopes that would do.
func (p Principal) Allows(need Permission) error {
	scopes := need.Scopes()
	for _, s := range scopes {
		if slices.Contains(p.Scopes, s) {
			return nil
		}
	}
	msg := "Application is not authorized to perform this operation. Application must have one of the following scopes: "
	if p.AppOnly && len(p.Scopes) == 0 {
		msg = "Application is not authorized to perform this operation as called in app only context but does not have application permissions configured. Application must have one of the following scopes: "
	}
	return &Error{Code: CodeInsufficientScope, Msg: msg + strings.Join(scopes, ", "), Scopes: scopes}
}
