package stepca_test

import (
	"crypto/x509"
	"math/big"
	"net/http"
	"testing"
	"time"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/providertest"
	"cloudpki/internal/provider/stepca"
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
					providertest.Credentials:      "what is read is public; no credentials are sent",
					providertest.Inventory:        "step-ca has no call that lists issued certificates",
					providertest.UnreadableRecord: "there are no records without an inventory",
				},
			})
		})
	}
}

// fixture returns a CA whose CRL revokes every certificate it issued.
func fixture(t testing.TB, w providertest.World) (providertest.Fixture, *simulator) {
	t.Helper()
	var der []byte
	s := newSimulator(t, map[string]http.HandlerFunc{
		"/crl": func(w http.ResponseWriter, r *http.Request) { raw(http.StatusOK, der)(w, r) },
	})
	var list x509.RevocationList
	for n := range w.Issued {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(int64(n) + 1), RevocationTime: time.Now()})
	}
	der = s.intermediate.crl(t, list)
	return providertest.Fixture{Handler: s.handler, TLS: s.tls, Path: "/", Roots: []*x509.Certificate{s.root.cert}}, s
}
