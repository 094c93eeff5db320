// Package vault_test drives the provider vault against a real HashiCorp Vault.
package vault_test

import (
	"crypto/x509"
	"fmt"
	"testing"

	"cloudpki/internal/casim"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/providertest"
	"cloudpki/internal/provider/vault"
	"cloudpki/internal/secret"
	"cloudpki/testca/vault/vaulttest"
)

// TestConformance examines the provider with one Vault, and a mount of its own
// for each part.
func TestConformance(t *testing.T) {
	v := vaulttest.Start(t)
	front := newFront(t)
	mounts := 0
	providertest.Run(t, providertest.CA{
		Kind: vault.Kind(),
		Serve: func(t testing.TB, w providertest.World) providertest.Fixture {
			mounts++
			m := v.Root(t, fmt.Sprintf("pki-%d", mounts))
			serials := m.Issue(t, w.Issued)
			token := v.Token(t, policyFor(t, m.Name), nil)
			return providertest.Fixture{
				Handler: v, TLS: vaulttest.TLS(front.TLSConfig().Certificates[0]), Path: "/",
				Config: provider.Config{
					ServerCAs: front.ServerCAs(), Settings: map[string]string{"mount": m.Name},
					Credentials: provider.Credentials{Password: secret.NewString(token)},
				},
				Spoil:      func(c *provider.Config) { c.Credentials.Password = secret.NewString("hvs.wrong") },
				Roots:      []*x509.Certificate{m.CA},
				Serials:    serials,
				Profile:    "web",
				Unreadable: func() { m.Spoil(t, serials[0]) },
				Issue:      func(n int) []string { return m.Issue(t, n) },
				Revoke:     func(serial string) { m.Revoke(t, serial) },
			}
		},
		Lacks: map[providertest.Feature]string{
			providertest.Resuming: "Vault has no suspension, and takes no revocation back",
			providertest.Oddities: "there is one Vault, and it answers in one way",
		},
	})
}

// newFront makes the CA of the server's certificate and of client certificates.
func newFront(t testing.TB) *casim.CA {
	t.Helper()
	ca, err := casim.New(casim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return ca
}
