package stepca_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"testing"

	"cloudpki/internal/casim/stepcaconfig"
	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
	"cloudpki/testca/stepca/stepcatest"
)

const provisionerPassword = "the password of a test"

// A CA that hands out the key of its provisioner issues for a request and
// revokes, for who has the password.
func TestIssueAndRevoke(t *testing.T) {
	t.Parallel()
	const keyCompromise = 1
	ca := stepcatest.Start(t, stepcatest.WithPassword(provisionerPassword))
	for _, profile := range []string{"", stepcaconfig.ProvisionerName} {
		s := open(t, withPassword(ca, provisionerPassword))
		if _, err := s.Probe(t.Context()); err != nil {
			t.Fatalf("probe: %v", err)
		}
		csr := request(t, &x509.CertificateRequest{
			Subject: pkix.Name{CommonName: "device-7.example.test"}, DNSNames: []string{"device-7.example.test", "seven.example.test"},
			IPAddresses: []net.IP{net.IPv4(192, 0, 2, 7)}, EmailAddresses: []string{"seven@example.test"},
		})
		issued, err := provider.Issue(t.Context(), s.(provider.Issuer), provider.Request{CSR: csr, Profile: profile})
		if err != nil {
			t.Fatalf("issue with profile %q: %v", profile, err)
		}
		leaf := issued.Chain[0]
		roots, above := x509.NewCertPool(), x509.NewCertPool()
		roots.AddCert(ca.Root())
		for _, c := range issued.Chain[1:] {
			above.AddCert(c)
		}
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: above, DNSName: "seven.example.test"}); err != nil {
			t.Errorf("the chain does not lead to the CA's root: %v", err)
		}
		if leaf.EmailAddresses[0] != "seven@example.test" || !leaf.IPAddresses[0].Equal(net.IPv4(192, 0, 2, 7)) {
			t.Errorf("names: %v %v", leaf.EmailAddresses, leaf.IPAddresses)
		}
		revocation := provider.Revocation{Serial: fmt.Sprintf("%x", leaf.SerialNumber), Certificate: leaf.Raw, Reason: keyCompromise}
		for range 2 { // a revoked one stays revoked
			if err := provider.Revoke(t.Context(), s.(provider.Revoker), revocation); err != nil {
				t.Fatalf("revoke: %v", err)
			}
		}
		found := false
		for _, e := range crl(t, s).RevokedCertificateEntries {
			found = found || e.SerialNumber.Cmp(leaf.SerialNumber) == 0 && e.ReasonCode == keyCompromise
		}
		if !found {
			t.Errorf("the CRL lacks %x", leaf.SerialNumber)
		}
	}
}

func TestIssueIsRefused(t *testing.T) {
	t.Parallel()
	ca := stepcatest.Start(t, stepcatest.WithPassword(provisionerPassword))
	csr := request(t, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "device"}, DNSNames: []string{"device"}})
	for name, c := range map[string]struct {
		config  provider.Config
		profile string
		want    provider.Code
	}{
		"no password":      {pinned(ca), "", provider.CodePermission},
		"a wrong password": {withPassword(ca, "another"), "", provider.CodeCredentialInvalid},
		"no such profile":  {withPassword(ca, provisionerPassword), "nobody", provider.CodeProfileUnknown},
		"no key to open":   {withPassword(stepcatest.Start(t), provisionerPassword), "", provider.CodePermission},
	} {
		_, err := provider.Issue(t.Context(), open(t, c.config).(provider.Issuer), provider.Request{CSR: csr, Profile: c.profile})
		t.Run(name, func(t *testing.T) { wantCode(t, err, c.want) })
	}
}

func withPassword(ca *stepcatest.CA, password string) provider.Config {
	c := pinned(ca)
	c.Credentials.Password = secret.NewString(password)
	return c
}

func request(t *testing.T, template *x509.CertificateRequest) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	return csr
}
