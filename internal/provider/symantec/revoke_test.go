package symantec_test

import (
	"context"
	"errors"
	"testing"

	"cloudpki/internal/casim"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/providertest"
)

// What is revoked already is not revoked again, so that its reason and time
// stay, and what the CA answers otherwise is told.
func TestRevocationBySOAP(t *testing.T) {
	ca, serials := newCA(t, 2, casim.Options{})
	s := session(t, ca, nil)
	revoke := func(ctx context.Context, r provider.Revocation) error {
		return provider.Revoke(ctx, s.(provider.Revoker), r)
	}
	must(t, ca.Revoke(serials[0], "KeyCompromise"))
	must(t, revoke(t.Context(), provider.Revocation{Serial: serials[0], Reason: 5}))
	if i, _ := ca.Find(serials[0]); i.Reason != "KeyCompromise" || ca.Calls("updateCertificateStatus") != 0 {
		t.Errorf("revoked again, for %s", i.Reason)
	}
	other, _ := ca.Find(serials[0])
	err := revoke(t.Context(), provider.Revocation{Serial: serials[1], Certificate: other.DER})
	wantCode(t, err, provider.CodeUpstreamFault, "another certificate")
	if i, _ := ca.Find(serials[1]); i.Status != "VALID" {
		t.Error("the namesake of another CA's certificate is revoked")
	}

	for name, tt := range map[string]struct {
		body string
		code provider.Code
		says string
	}{
		"negative code":  {`<successCode>-3</successCode><successMsg>no luck</successMsg><revocationCount>0</revocationCount>`, provider.CodeUpstreamFault, "no luck (-3"},
		"none revoked":   {`<successCode>0</successCode><successMsg>none</successMsg><revocationCount>0</revocationCount>`, provider.CodeUpstreamFault, "none"},
		"no code at all": {`<successMsg>fine</successMsg>`, provider.CodeParse, "no success code"},
	} {
		t.Run(name, func(t *testing.T) {
			ca.Misbehave(casim.Fault{Answer: casim.After(1, answer(200, `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>`+
				`<updateCertificateStatusResponse xmlns="http://schemas.verisign.com/pkiservices/2009/07/management">`+tt.body+`</updateCertificateStatusResponse></e:Body></e:Envelope>`))})
			wantCode(t, revoke(t.Context(), provider.Revocation{Serial: serials[1], Reason: 1}), tt.code, tt.says)
		})
	}
	ca.Misbehave(casim.Fault{Answer: casim.After(1, casim.Fails("E9", "The administrator is not authorized"))})
	wantCode(t, revoke(t.Context(), provider.Revocation{Serial: serials[1]}), provider.CodePermission, "E9")
	ca.Misbehave(casim.Fault{})
	for name, code := range provider.RevocationReasons() {
		issued, err := ca.Issue(1)
		must(t, err)
		must(t, revoke(t.Context(), provider.Revocation{Serial: issued[0], Reason: code}))
		if i, _ := ca.Find(issued[0]); i.ReasonCode != code {
			t.Errorf("%s (%d) arrives as %d", name, code, i.ReasonCode)
		}
	}
	if err := revoke(t.Context(), provider.Revocation{Serial: "7b"}); !errors.Is(err, provider.ErrNoCertificate) {
		t.Errorf("the unknown: %v", err)
	}
}

// The REST service takes four reasons, and is given the nearest.
func TestReasonsOfREST(t *testing.T) {
	f, ca := restFixture(t, providertest.World{})
	s := serveREST(t, f)
	for i, want := range []int{5, 1, 1, 3, 4, 5, -1, -1, -1, 5, 1} {
		if want < 0 {
			continue
		}
		issued, err := ca.Issue(1)
		must(t, err)
		must(t, provider.Revoke(t.Context(), s.(provider.Revoker), provider.Revocation{Serial: issued[0], Reason: i}))
		if got, _ := ca.Find(issued[0]); got.ReasonCode != want {
			t.Errorf("reason %d arrives as %d, want %d", i, got.ReasonCode, want)
		}
	}
}
