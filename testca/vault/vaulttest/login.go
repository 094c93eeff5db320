package vaulttest

import (
	"encoding/pem"
	"net/http"
	"testing"
)

// User makes a user of the auth method userpass.
func (v *Vault) User(t testing.TB, name, password, policy string) {
	t.Helper()
	v.Must(t, http.MethodPost, "auth/userpass/users/"+name, map[string]any{"password": password, "token_policies": v.Policy(t, policy)})
}

// AppRole makes a role of the auth method approle and returns what logs in to it.
func (v *Vault) AppRole(t testing.TB, name, policy string) (roleID, secretID string) {
	t.Helper()
	role := "auth/approle/role/" + name
	v.Must(t, http.MethodPost, role, map[string]any{"token_policies": v.Policy(t, policy), "token_ttl": "1h"})
	return v.Must(t, http.MethodGet, role+"/role-id", nil).Text("role_id"),
		v.Must(t, http.MethodPost, role+"/secret-id", nil).Text("secret_id")
}

// CertRole makes a role of the auth method cert for a client certificate, DER,
// or for those that it has signed.
func (v *Vault) CertRole(t testing.TB, name, policy string, der []byte) {
	t.Helper()
	v.Must(t, http.MethodPost, "auth/cert/certs/"+name, map[string]any{
		"certificate":    string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		"token_policies": v.Policy(t, policy),
	})
}

// Logins returns how many tokens live that a login has given.
func (v *Vault) Logins(t testing.TB) int {
	t.Helper()
	n := 0
	list := v.Must(t, "LIST", "auth/token/accessors", nil)
	keys, _ := list.Data["keys"].([]any)
	for _, accessor := range keys {
		token := v.Must(t, http.MethodPost, "auth/token/lookup-accessor", map[string]any{"accessor": accessor})
		if path := token.Text("path"); path != "auth/token/root" && path != "auth/token/create" {
			n++
		}
	}
	return n
}

// Seal seals the Vault: it answers no more.
func (v *Vault) Seal(t testing.TB) {
	t.Helper()
	v.Must(t, http.MethodPut, "sys/seal", nil)
}
