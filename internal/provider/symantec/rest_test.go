package symantec_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/casim"
	"cloudpki/internal/casim/symantecrest"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/providertest"
	"cloudpki/internal/provider/symantec"
	"cloudpki/internal/secret"
)

func restFixture(t testing.TB, w providertest.World) (providertest.Fixture, *casim.CA) {
	t.Helper()
	ca, serials := newCA(t, w.Issued, casim.Options{})
	conf := ca.TLSConfig()
	conf.ClientAuth = tls.NoClientCert
	return providertest.Fixture{
		Handler: ca.Front(symantecrest.Dialect().Handler(ca)),
		TLS:     conf,
		Path:    symantecrest.Dialect().Path,
		Config: provider.Config{ServerCAs: ca.ServerCAs(), Settings: map[string]string{"chainCertificates": above(ca)}, Credentials: provider.Credentials{
			UserName: "admin@example.org", Password: secret.NewString(ca.Login().APIKey),
		}},
		Roots:   []*x509.Certificate{ca.Root()},
		Spoil:   func(c *provider.Config) { c.Credentials.Password = secret.NewString("another key") },
		Serials: serials,
		Profile: casim.ProfileUser,
		Unreadable: func() {
			f, _ := casim.ByName("unparsable")
			ca.Misbehave(f)
		},
		Issue: func(n int) []string {
			serials, err := ca.Issue(n)
			must(t, err)
			return serials
		},
		Resume: func(serial string) { must(t, ca.Resume(serial)) },
		Odd:    oddities(ca, "leading-zeros", "lower-case-status", "no-serial"),
	}, ca
}

// above returns what is above the issuing CAs, PEM.
func above(ca *casim.CA) string {
	var b strings.Builder
	for _, i := range ca.Issuers() {
		for _, c := range append(slices.Clone(i.Chain), i.Root) {
			b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
		}
	}
	return b.String()
}

// With an API key and no certificate, the REST service is called.
func TestConformanceOfREST(t *testing.T) {
	providertest.Run(t, providertest.CA{
		Kind: symantec.Kind(),
		Serve: func(t testing.TB, w providertest.World) providertest.Fixture {
			f, _ := restFixture(t, w)
			return f
		},
		Lacks: map[providertest.Feature]string{
			providertest.Revocations: "the service has no operation for revocation lists; inventory tells the status",
			providertest.Revoking:    "the service tells that a certificate is revoked, not when",
		},
	})
}

// The key goes to the service's address alone, and both ways of logging in at
// once mean SOAP.
func TestWayIn(t *testing.T) {
	f, ca := restFixture(t, providertest.World{})
	c := f.Config
	c.ServiceURI, c.Now = "https://pki-ws.symauth.com/pki-ws/", ca.Now
	if problems := symantec.Kind().Validate(c); len(problems) != 0 {
		t.Errorf("an API key alone is faulted: %+v", problems)
	}
	c.Credentials.Certificate = secret.NewString("not PKCS#12")
	if problems := symantec.Kind().Validate(c); len(problems) != 1 || problems[0].Target != "credentials/authenticationCertificate" {
		t.Errorf("a certificate beside the key is not looked at: %+v", problems)
	}
}

// What the service says decides, and its status is told with it.
func TestWordsOfREST(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		status     int
		code       provider.Code
		retry      provider.RetryClass
	}{
		{"key refused", `{"errors":[{"code":"access_denied","message":"The API key is not valid"}]}`, 401, provider.CodeCredentialInvalid, provider.RetryCredentials},
		{"not permitted", `{"errors":[{"code":"access_denied","message":"no"}]}`, 403, provider.CodePermission, provider.RetryCredentials},
		{"profile unknown", `{"errors":[{"code":"profile_not_found","message":"The profile was not found"}]}`, 400, provider.CodeProfileUnknown, provider.RetryNever},
		{"its own fault", `{"errors":[{"code":"internal_error","message":"Try later"}]}`, 500, provider.CodeUpstreamFault, provider.RetryBackOff},
		{"a proxy", `<html></html>`, 403, provider.CodePermission, provider.RetryNever},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, ca := restFixture(t, providertest.World{})
			ca.Misbehave(casim.Fault{Answer: func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}})
			err := probe(t, f)
			if err == nil || err.Code != tt.code || err.RetryClass() != tt.retry {
				t.Errorf("got %v, want %s, %s", err, tt.code, tt.retry)
			}
		})
	}
}

// serveREST opens a session against the fixture.
func serveREST(t *testing.T, f providertest.Fixture) provider.Session {
	t.Helper()
	srv := httptest.NewUnstartedServer(f.Handler)
	srv.TLS = f.TLS
	srv.StartTLS()
	t.Cleanup(srv.Close)
	c := f.Config
	c.ServiceURI, c.Now = srv.URL+f.Path, time.Now
	c.Transport = provider.NewTransport(provider.TransportOptions{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	session, err := symantec.Kind().Open(t.Context(), c)
	must(t, err)
	t.Cleanup(func() { must(t, session.Close()) })
	return session
}

// probe asks the fixture for a sign of life.
func probe(t *testing.T, f providertest.Fixture) *provider.Error {
	t.Helper()
	_, err := serveREST(t, f).Probe(t.Context())
	var e *provider.Error
	errors.As(err, &e)
	return e
}
