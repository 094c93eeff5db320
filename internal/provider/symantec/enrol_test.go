package symantec_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"testing"

	"cloudpki/internal/casim"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/providertest"
)

func newCSR(t *testing.T, like *x509.CertificateRequest) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.CreateCertificateRequest(rand.Reader, like, key)
	must(t, err)
	return der
}

func TestIssuing(t *testing.T) {
	ca, _ := newCA(t, 0, casim.Options{})
	printer := newCSR(t, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "printer"}, DNSNames: []string{"a.example", "b.example"}})
	nameless := newCSR(t, &x509.CertificateRequest{})
	const begin, end = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><RequestSecurityTokenResponse xmlns="http://docs.oasis-open.org/ws-sx/ws-trust/200512/">` +
		`<RequestVSSecurityTokenResponse xmlns="http://schemas.verisign.com/pkiservices/2009/07/enrollment"><serverTransactionID>S1</serverTransactionID>`,
		`<version>2.0</version></RequestVSSecurityTokenResponse></RequestSecurityTokenResponse></e:Body></e:Envelope>`
	says := func(inner string) casim.Answerer { return casim.After(1, answer(200, begin+inner+end)) }
	for name, tt := range map[string]struct {
		request  provider.Request
		settings map[string]string
		answer   casim.Answerer
		code     provider.Code // "" is success
		says     string
	}{
		"profile of the request":  {request: provider.Request{CSR: printer, Profile: casim.ProfileDevice}},
		"profile of the settings": {request: provider.Request{CSR: printer}, settings: map[string]string{"profileOIDs": casim.ProfileUser}},
		"no profile":              {request: provider.Request{CSR: printer}, code: provider.CodeProfileUnknown, says: "profileOIDs"},
		"two profiles":            {request: provider.Request{CSR: printer, Profile: casim.ProfileUser + "," + casim.ProfileDevice}, code: provider.CodeProfileUnknown, says: "is not the OID"},
		"a profile that is none":  {request: provider.Request{CSR: printer, Profile: "devices"}, code: provider.CodeProfileUnknown, says: "is not the OID"},
		"an unknown profile":      {request: provider.Request{CSR: printer, Profile: casim.ProfileUser + "1"}, code: provider.CodeProfileUnknown, says: "was not found"},
		"a request without names": {request: provider.Request{CSR: nameless, Profile: casim.ProfileUser}, code: provider.CodeUpstreamFault, says: "has no name"},
		"a refusal":               {request: provider.Request{CSR: printer, Profile: casim.ProfileUser}, answer: says(`<dispositionMessage>no luck</dispositionMessage>`), code: provider.CodeUpstreamFault, says: "no luck (S1)"},
		"no certificate":          {request: provider.Request{CSR: printer, Profile: casim.ProfileUser}, answer: says(`<requestedVSSecurityToken/>`), code: provider.CodeParse, says: "cannot be read"},
		"a fault":                 {request: provider.Request{CSR: printer, Profile: casim.ProfileUser}, answer: casim.After(1, casim.Fails("E7", "odd")), code: provider.CodeUpstreamFault, says: "odd (E7)"},
	} {
		t.Run(name, func(t *testing.T) {
			s := session(t, ca, tt.settings)
			ca.Misbehave(casim.Fault{Answer: tt.answer})
			got, err := provider.Issue(t.Context(), s.(provider.Issuer), tt.request)
			if tt.code != "" {
				wantCode(t, err, tt.code, tt.says)
				return
			}
			must(t, err)
			if root := got.Chain[len(got.Chain)-1]; !root.Equal(ca.Root()) || got.TxID == "" || ca.Calls("requestSecurityToken") != 1 {
				t.Errorf("the chain ends with %s, transaction %q, %d calls", root.Subject, got.TxID, ca.Calls("requestSecurityToken"))
			}
		})
	}
}

// The REST service has the same rules, and marks what it will refuse again.
func TestIssuingByREST(t *testing.T) {
	f, ca := restFixture(t, providertest.World{})
	s := serveREST(t, f)
	issue := func(like *x509.CertificateRequest, profile string) error {
		_, err := provider.Issue(t.Context(), s.(provider.Issuer), provider.Request{CSR: newCSR(t, like), Profile: profile})
		return err
	}
	must(t, issue(&x509.CertificateRequest{Subject: pkix.Name{CommonName: "printer"}}, casim.ProfileDevice))
	wantCode(t, issue(&x509.CertificateRequest{Subject: pkix.Name{CommonName: "printer"}}, casim.ProfileUser+"1"), provider.CodeProfileUnknown, "has no certificate profile")
	e := wantCode(t, issue(&x509.CertificateRequest{DNSNames: []string{"a.example"}}, casim.ProfileDevice), provider.CodeUpstreamFault, "common_name")
	if e.RetryClass() != provider.RetryNever || ca.Calls("enrol") != 2 {
		t.Errorf("retry %s after %d calls", e.RetryClass(), ca.Calls("enrol"))
	}
}

// What waits for approval is asked for by the number that the service gave.
func TestApproval(t *testing.T) {
	ca, _ := newCA(t, 0, casim.Options{})
	ca.Hold(true)
	s := session(t, ca, nil).(provider.Issuer)
	r := provider.Request{CSR: newCSR(t, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "printer"}}), Profile: casim.ProfileUser}
	ask := func() error {
		_, err := provider.Issue(t.Context(), s, r)
		return err
	}
	e := wantCode(t, ask(), provider.CodeApprovalPending, "approved it there")
	if !errors.As(e, &r.Pending) || r.Pending.Reference == "" || e.RetryAfter != provider.DefaultPatience || e.TxID == "" {
		t.Fatalf("%+v around %+v", e, r.Pending)
	}
	wantCode(t, ask(), provider.CodeApprovalPending, "approved it there")
	ca.Decide(true)
	for range 2 {
		must(t, ask())
	}
	if n := len(ca.Certificates()); n != 1 {
		t.Errorf("%d certificates, want 1", n)
	}
	r.Pending = &provider.Pending{Reference: "unknown"}
	if e := wantCode(t, ask(), provider.CodeUpstreamFault, "rejected"); e.RetryClass() != provider.RetryNever {
		t.Errorf("retry %s", e.RetryClass())
	}
}
