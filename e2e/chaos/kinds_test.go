package chaos_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"time"

	"cloudpki/internal/casim"
	casimall "cloudpki/internal/casim/all"
	"cloudpki/internal/pki"
	"cloudpki/internal/secret"
)

// A kind is a way to play a CA and to subscribe to it.
type kind struct {
	name  string
	start func(context.Context, *casim.CA) (*casim.Server, error)
	draft func(*casim.CA) (pki.Draft, error) // all but the address and what signs its server
	final bool                               // a revocation is final there, and nothing is ever on hold
}

// faults names what may happen to a CA of the kind. Where a revocation is final,
// one that the CA makes up is believed for good, so none is.
func (k kind) faults() []string {
	lies := []string{"listed-twice-differently", "no-reason", "odd-reason", "revoked-never", "revoked-tomorrow", "suspended"}
	var names []string
	for _, f := range casim.Faults() {
		if !k.final || !slices.Contains(lies, f.Name) {
			names = append(names, f.Name)
		}
	}
	return names
}

func kinds() []kind {
	return []kind{
		{
			name:  "symantec",
			start: func(ctx context.Context, ca *casim.CA) (*casim.Server, error) { return ca.Start(ctx, "127.0.0.1:0") },
			draft: byCertificate("symantec"),
		},
		dialect("symantec-rest", withChain(byKey("symantec"))),
		dialect("digicertOne", byKey("digicertOne")),
		dialect("ejbca", byCertificate("ejbca")),
		dialect("entrustGateway", byCertificate("entrustGateway")),
		final(dialect("globalSignAtlas", byAll("globalSignAtlas"))),
		final(dialect("vault", byCertificate("vault"))),
	}
}

func dialect(name string, draft func(*casim.CA) (pki.Draft, error)) kind {
	return kind{name: name, draft: draft, start: func(ctx context.Context, ca *casim.CA) (*casim.Server, error) {
		for _, d := range casimall.Dialects() {
			if d.Name == name {
				return ca.StartAs(ctx, "127.0.0.1:0", d)
			}
		}
		return nil, fmt.Errorf("no dialect is called %s", name)
	}}
}

func final(k kind) kind {
	k.final = true
	return k
}

// byCertificate logs in with a fresh client certificate.
func byCertificate(provider string) func(*casim.CA) (pki.Draft, error) {
	return func(ca *casim.CA) (pki.Draft, error) {
		const year = 365 * 24 * time.Hour
		pfx, password, err := ca.IssueRA("chaos", year)
		return pki.Draft{Provider: pki.Given(provider), Credentials: pki.Given(pki.DraftCredentials{
			Certificate: pki.Given(secret.New(pfx)), CertificatePassword: pki.Given(secret.NewString(password)),
		})}, err
	}
}

// byKey logs in with the API key.
func byKey(provider string) func(*casim.CA) (pki.Draft, error) {
	return func(ca *casim.CA) (pki.Draft, error) {
		return pki.Draft{Provider: pki.Given(provider), Credentials: pki.Given(pki.DraftCredentials{
			Password: pki.Given(secret.NewString(ca.Login().APIKey)),
		})}, nil
	}
}

// byAll logs in with all that there is.
func byAll(provider string) func(*casim.CA) (pki.Draft, error) {
	return func(ca *casim.CA) (pki.Draft, error) {
		d, err := byCertificate(provider)(ca)
		login := ca.Login()
		d.Credentials.Value.UserName = pki.Given(login.APIKey)
		d.Credentials.Value.Password = pki.Given(secret.NewString(login.Password))
		return d, err
	}
}

// withChain sets what is above the issuing CAs, for CAs that do not tell it.
func withChain(draft func(*casim.CA) (pki.Draft, error)) func(*casim.CA) (pki.Draft, error) {
	return func(ca *casim.CA) (pki.Draft, error) {
		d, err := draft(ca)
		var above strings.Builder
		for _, i := range ca.Issuers() {
			for _, c := range append(slices.Clone(i.Chain), i.Root) {
				above.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
			}
		}
		d.Settings = pki.Given([]pki.Setting{{Name: "chainCertificates", Value: above.String()}})
		return d, err
	}
}
