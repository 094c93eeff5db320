package est_test

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"

	"cloudpki/internal/casim"
	casimest "cloudpki/internal/casim/est"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/est"
	"cloudpki/internal/provider/providertest"
	"cloudpki/internal/secret"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.CA{
		Kind: est.Kind(),
		Serve: func(t testing.TB, w providertest.World) providertest.Fixture {
			ca := newCA(t, w.Issued)
			for _, c := range ca.Certificates() {
				if err := ca.Revoke(c.Serial, "Superseded"); err != nil {
					t.Fatal(err)
				}
			}
			return providertest.Fixture{
				Handler: casimest.Dialect().Handler(ca), TLS: serverTLS(ca), Path: "/",
				Config: provider.Config{
					ServerCAs: ca.ServerCAs(), Credentials: basic(ca),
					Settings: map[string]string{"crlUrls": "crl/user.crl, crl/device.crl"},
				},
				Spoil: func(c *provider.Config) { c.Credentials.Password = secret.NewString("wrong") },
				Roots: []*x509.Certificate{ca.Root()},
			}
		},
		Lacks: map[providertest.Feature]string{
			providertest.Inventory:        "EST has no call that lists issued certificates",
			providertest.UnreadableRecord: "there are no records without an inventory",
		},
	})
}

func newCA(t testing.TB, issued int) *casim.CA {
	t.Helper()
	ca, err := casim.New(casim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ca.Issue(issued); err != nil {
		t.Fatal(err)
	}
	return ca
}

func serverTLS(ca *casim.CA) *tls.Config {
	conf := ca.TLSConfig()
	conf.ClientAuth = tls.VerifyClientCertIfGiven
	return conf
}

func basic(ca *casim.CA) provider.Credentials {
	return provider.Credentials{UserName: ca.Login().User, Password: secret.NewString(ca.Login().Password)}
}

func byCertificate(t testing.TB, ca *casim.CA) provider.Credentials {
	t.Helper()
	pfx, password, err := ca.IssueRA("ra.example", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return provider.Credentials{Certificate: secret.New(pfx), CertificatePassword: secret.NewString(password)}
}
