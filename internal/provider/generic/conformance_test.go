package generic_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"testing"

	"github.com/smallstep/pkcs7"

	"cloudpki/internal/casim"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/generic"
	"cloudpki/internal/provider/providertest"
)

// The files of the simulated CA: the root as PEM, the rest as PKCS#7, a list
// for each issuing CA.
func TestConformance(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.CA{
		Kind: generic.Kind(),
		Serve: func(t testing.TB, w providertest.World) providertest.Fixture {
			ca := newCA(t, w.Issued)
			conf := ca.TLSConfig()
			conf.ClientAuth = tls.NoClientCert
			return providertest.Fixture{
				Handler: files(t, ca), TLS: conf, Path: "/",
				Config: provider.Config{ServerCAs: ca.ServerCAs(), Settings: map[string]string{
					"rootUrls": "root.crt", "chainUrls": "chain.p7b", "crlUrls": "user.crl, device.crl",
				}},
				Roots: []*x509.Certificate{ca.Root()},
			}
		},
		Lacks: map[providertest.Feature]string{
			providertest.Credentials:      "the files are for everyone; no credentials are sent",
			providertest.Inventory:        "files of certificates and CRLs do not list what was issued",
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
	serials, err := ca.Issue(issued)
	if err != nil {
		t.Fatal(err)
	}
	for _, serial := range serials {
		if err := ca.Revoke(serial, "Superseded"); err != nil {
			t.Fatal(err)
		}
	}
	return ca
}

func files(t testing.TB, ca *casim.CA) http.Handler {
	t.Helper()
	var chain []byte
	for _, i := range ca.Issuers() {
		chain = append(chain, i.Issuing.Raw...)
		for _, c := range i.Chain {
			chain = append(chain, c.Raw...)
		}
	}
	p7, err := pkcs7.DegenerateCertificate(chain)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	serve := func(path string, body []byte) {
		mux.HandleFunc("GET /"+path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
	}
	serve("root.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Root().Raw}))
	serve("chain.p7b", p7)
	for _, issuer := range []string{"user", "device"} {
		der, err := ca.CRL(issuer)
		if err != nil {
			t.Fatal(err)
		}
		serve(issuer+".crl", der)
	}
	return mux
}
