package stepca_test

import (
	"crypto/x509"
	"math/big"
	"strconv"
	"testing"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/providertest"
	"cloudpki/internal/provider/stepca"
	"cloudpki/internal/secret"
)

// TestConformance examines both ways of trusting the server: with a
// fingerprint, most failures are met by the call that fetches the root; with
// serverCertificateAuthorities, by the call under examination.
func TestConformance(t *testing.T) {
	for name, trust := range map[string]func(*provider.Config, *simulator){
		"fingerprint": func(c *provider.Config, s *simulator) {
			c.Settings = map[string]string{"rootFingerprint": fingerprint(s.root.cert)}
		},
		"serverCertificateAuthorities": func(c *provider.Config, s *simulator) { c.ServerCAs = s.root.cert.Raw },
	} {
		t.Run(name, func(t *testing.T) {
			providertest.Run(t, providertest.CA{
				Kind: stepca.Kind(),
				Serve: func(t testing.TB, w providertest.World) providertest.Fixture {
					f, s := fixture(t, w)
					trust(&f.Config, s)
					return f
				},
				Lacks: map[providertest.Feature]string{
					providertest.UnknownSerial:    "step-ca revokes serial numbers that it has not given",
					providertest.Inventory:        "step-ca has no call that lists issued certificates",
					providertest.UnreadableRecord: "there are no records without an inventory",
				},
			})
		})
	}
}

// fixture returns a CA whose CRL revokes some of the certificates that it issued.
func fixture(t testing.TB, w providertest.World) (providertest.Fixture, *simulator) {
	t.Helper()
	s := newSimulator(t, nil)
	f := providertest.Fixture{
		Handler: s.handler, TLS: s.tls, Path: "/", Roots: []*x509.Certificate{s.root.cert}, Profile: "devices",
		Config: provider.Config{Credentials: provider.Credentials{UserName: "ops", Password: secret.NewString(password)}},
		Spoil:  func(c *provider.Config) { c.Credentials.Password = secret.NewString("wrong") },
	}
	for n := range w.Issued {
		f.Serials = append(f.Serials, strconv.FormatInt(int64(n)+1, 16))
		if n%5 == 0 {
			s.revoke(big.NewInt(int64(n)+1), 1)
		}
	}
	return f, s
}
