package symantec_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/casim"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/providertest"
	"cloudpki/internal/provider/symantec"
	"cloudpki/internal/secret"
)

// newCA makes a simulated CA that has issued n certificates.
func newCA(t testing.TB, n int, o casim.Options) (*casim.CA, []string) {
	t.Helper()
	ca, err := casim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	serials, err := ca.Issue(n)
	if err != nil {
		t.Fatal(err)
	}
	return ca, serials
}

// credentials returns good credentials of ca, with a password that must not show.
func credentials(t testing.TB, ca *casim.CA, validity time.Duration) provider.Credentials {
	t.Helper()
	pfx, password, err := ca.IssueRA("ra.example", validity)
	if err != nil {
		t.Fatal(err)
	}
	return provider.Credentials{
		UserName:            "admin@example.org",
		Password:            secret.NewString("canary-of-adminPassword"),
		Certificate:         secret.New(pfx),
		CertificatePassword: secret.NewString(password),
	}
}

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.CA{
		Kind: symantec.Kind(),
		Serve: func(t testing.TB, w providertest.World) providertest.Fixture {
			ca, serials := newCA(t, w.Issued, casim.Options{})
			return providertest.Fixture{
				Handler: ca.Handler(),
				TLS:     ca.TLSConfig(),
				Path:    "/pki-ws/",
				Config:  provider.Config{ServerCAs: ca.ServerCAs(), Credentials: credentials(t, ca, time.Hour)},
				Spoil: func(c *provider.Config) {
					c.Credentials.CertificatePassword = secret.NewString("wrong")
				},
				Roots:   []*x509.Certificate{ca.Root()},
				Serials: serials,
				Profile: casim.ProfileUser,
				Unreadable: func() {
					f, _ := casim.ByName("unparsable")
					ca.Misbehave(f)
				},
				Issue: func(n int) []string {
					serials, err := ca.Issue(n)
					if err != nil {
						t.Fatal(err)
					}
					return serials
				},
				Revoke: func(serial string) { must(t, ca.Revoke(serial, "Superseded")) },
				Resume: func(serial string) { must(t, ca.Resume(serial)) },
				Odd:    oddities(ca, "no-email", "leading-zeros", "pkcs7", "milliseconds"),
			}
		},
		Lacks: map[providertest.Feature]string{
			providertest.Revocations: "the service has no operation for revocation lists; inventory tells the status",
		},
	})
}

// oddities turns faults of the simulator that are none into oddities.
func oddities(ca *casim.CA, names ...string) (odd []providertest.Oddity) {
	for _, name := range names {
		odd = append(odd, providertest.Oddity{Name: name, Apply: func() {
			f, _ := casim.ByName(name)
			ca.Misbehave(f)
		}})
	}
	return odd
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The real service issues RA certificates for RSA keys.
func TestClientCertificateOfRSA(t *testing.T) {
	ca, _ := newCA(t, 0, casim.Options{})
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pfx, password, err := ca.IssueRAFor(key, "ra.example", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	s := connect(t, ca, nil, provider.Credentials{Certificate: secret.New(pfx), CertificatePassword: secret.NewString(password)})
	if _, err := s.Probe(t.Context()); err != nil {
		t.Error(err)
	}
}

// A certificate whose time has not come is mended by time alone.
func TestNotYetValidCertificateIsTriedAgain(t *testing.T) {
	ca, _ := newCA(t, 0, casim.Options{})
	c := provider.Config{ServiceURI: symantec.Kind().DefaultURI, Credentials: credentials(t, ca, time.Hour)}
	c.Now = func() time.Time { return time.Now().Add(-time.Hour - 5*time.Minute) }
	found := symantec.Kind().Validate(c)
	if len(found) != 1 {
		t.Fatalf("found %+v", found)
	}
	e := found[0].Fault()
	if e.Code != provider.CodeCredentialInvalid || e.RetryClass() != provider.RetryBackOff || e.RetryAfter < 4*time.Minute || e.RetryAfter > 6*time.Minute {
		t.Errorf("%v: retry %s after %v", e, e.RetryClass(), e.RetryAfter)
	}
	if !strings.HasPrefix(e.Msg, "credentials/authenticationCertificate is valid only from") {
		t.Errorf("message %q", e.Msg)
	}
}

func TestValidateFindsEveryFault(t *testing.T) {
	ca, _ := newCA(t, 0, casim.Options{})
	good := provider.Config{ServiceURI: symantec.Kind().DefaultURI, Credentials: credentials(t, ca, time.Hour), Now: time.Now}
	for name, tt := range map[string]struct {
		change func(c *provider.Config)
		want   []string // targets
	}{
		"nothing":         {func(*provider.Config) {}, nil},
		"http":            {func(c *provider.Config) { c.ServiceURI = "http://ca.example/" }, []string{"serviceUri"}},
		"user in address": {func(c *provider.Config) { c.ServiceURI = "https://u:p@ca.example/" }, []string{"serviceUri"}},
		"server CAs":      {func(c *provider.Config) { c.ServerCAs = []byte("no") }, []string{"serverCertificateAuthorities"}},
		"profiles":        {func(c *provider.Config) { c.Settings = map[string]string{"profileOIDs": "1.2.3"} }, []string{"providerSettings/profileOIDs"}},
		"profiles, good": {func(c *provider.Config) {
			c.Settings = map[string]string{"profileOIDs": strings.Join(casim.Profiles(), ", ")}
		}, nil},
		"account": {func(c *provider.Config) { c.Settings = map[string]string{"accountId": "a b"} }, []string{"providerSettings/accountId"}},
		"neither certificate nor key": {func(c *provider.Config) {
			c.Credentials.Certificate, c.Credentials.Password = secret.Text{}, secret.Text{}
		}, []string{"credentials/authenticationCertificate"}},
		"no certificate for SOAP": {func(c *provider.Config) {
			c.Credentials.Certificate, c.ServiceURI = secret.Text{}, "https://ca.example/pki-ws/"
		}, []string{"credentials/authenticationCertificate"}},
		"an API key alone": {func(c *provider.Config) { c.Credentials.Certificate = secret.Text{} }, nil},
		"wrong password":   {func(c *provider.Config) { c.Credentials.CertificatePassword = secret.Text{} }, []string{"credentials/authenticationCertificatePassword"}},
		"expired":          {func(c *provider.Config) { c.Now = func() time.Time { return time.Now().Add(2 * time.Hour) } }, []string{"credentials/authenticationCertificate"}},
		"several together": {func(c *provider.Config) { *c = provider.Config{Now: time.Now} }, []string{"serviceUri", "credentials/authenticationCertificate"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			tt.change(&c)
			var got []string
			for _, p := range symantec.Kind().Validate(c) {
				got = append(got, p.Target)
				if p.Msg == "" || p.Code == "" {
					t.Errorf("a fault without words: %+v", p)
				}
			}
			if strings.Join(got, " ") != strings.Join(tt.want, " ") {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
