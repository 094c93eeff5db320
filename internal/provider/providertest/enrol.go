package providertest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"slices"
	"testing"
	"time"

	"cloudpki/internal/provider"
)

// testEnrolment has a certificate issued: it is for the key of the request, its
// chain leads to a root of the CA, and the next inventory has it.
func testEnrolment(t *testing.T, s *stand) {
	session := s.open(t)
	issued, err := provider.Issue(t.Context(), session.(provider.Issuer), provider.Request{CSR: newCSR(t), Profile: s.Profile})
	if err != nil {
		t.Fatalf("Issue: %v", s.hear(t, err))
	}
	leaf := issued.Chain[0]
	s.verify(t, session, issued.Chain)
	if slices.Compare(leaf.DNSNames, []string{enrolled}) != 0 {
		t.Errorf("the names are %q, the request asks for %s", leaf.DNSNames, enrolled)
	}
	if s.ca.Kind.Can.Inventory != provider.InventoryNone {
		r, ok := bySerial(s.scan(t, s.open(t), provider.Scan{}, nil))[leaf.SerialNumber.Text(16)]
		if !ok || r.Status != provider.StatusValid || string(r.DER) != string(leaf.Raw) {
			t.Errorf("the inventory has of the issued certificate: %v, %s, %d bytes; want it valid, as it was given", ok, r.Status, len(r.DER))
		}
	}
	calls := s.calls.Load()
	forged := newCSR(t)
	forged[len(forged)-1] ^= 1
	_, err = provider.Issue(t.Context(), session.(provider.Issuer), provider.Request{CSR: forged, Profile: s.Profile})
	if err == nil || s.hear(t, err).Code != provider.CodeParse || s.calls.Load() != calls {
		t.Errorf("a request with a broken signature: %v after %d calls, want %s after none", err, s.calls.Load()-calls, provider.CodeParse)
	}
}

// verify builds the path to a root of the CA.
func (s *stand) verify(t *testing.T, session provider.Session, chain []*x509.Certificate) {
	t.Helper()
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, root := range s.Roots {
		roots.AddCert(root)
	}
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	if source, ok := session.(provider.RootSource); ok {
		all, err := source.Authorities(t.Context())
		if err != nil {
			t.Fatalf("Authorities: %v", s.hear(t, err))
		}
		for _, a := range all.List {
			for _, c := range append(slices.Clone(a.Chain), a.Issuing) {
				if c != nil {
					between.AddCert(c)
				}
			}
		}
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		t.Errorf("the issued certificate: %v", err)
	}
}

// testRevocation revokes through the provider, twice: the CA tells it
// afterwards. One that the CA does not know is told apart.
func testRevocation(t *testing.T, s *stand) {
	session := s.open(t)
	r := provider.Revocation{Serial: s.Serials[3], Reason: 4, Certificate: s.certificateOf(t, s.Serials[3])}
	for range 2 {
		if err := provider.Revoke(t.Context(), session.(provider.Revoker), r); err != nil {
			t.Fatalf("Revoke: %v", s.hear(t, err))
		}
	}
	now := time.Now()
	switch can := s.ca.Kind.Can; {
	case can.Inventory != provider.InventoryNone:
		told := bySerial(s.scan(t, s.open(t), provider.Scan{}, nil))[r.Serial]
		timely := told.RevokedAt.After(now.Add(-time.Minute)) && told.RevokedAt.Before(now.Add(time.Minute)) || s.ca.lacks(Revoking)
		if told.Status != provider.StatusRevoked || !timely {
			t.Errorf("after its revocation: status %s, revoked at %v, now %v", told.Status, told.RevokedAt, now)
		}
		if told.Reason != r.Reason && told.Reason != -1 && told.Reason != 0 {
			t.Errorf("the reason is %d, want superseded (4), or none where the CA keeps none", told.Reason)
		}
	case can.Revocations:
		if reason, ok := s.listed(t, r.Serial); !ok || reason != r.Reason {
			t.Errorf("after its revocation: on a list: %v, for the reason %d; want superseded (4)", ok, reason)
		}
	}
	r.Serial = "7b"
	err := provider.Revoke(t.Context(), session.(provider.Revoker), r)
	if s.ca.lacks(UnknownSerial) {
		if err != nil {
			t.Errorf("an unknown serial number: %v; the test says that the CA takes it", s.hear(t, err))
		}
	} else if err == nil || !errors.Is(s.hear(t, err), provider.ErrNoCertificate) {
		t.Errorf("an unknown serial number: %v, want %v", err, provider.ErrNoCertificate)
	}
	r.Reason = 6
	if err := provider.Revoke(t.Context(), session.(provider.Revoker), r); err == nil || s.hear(t, err).Code != provider.CodeParse {
		t.Errorf("certificateHold: %v, want %s", err, provider.CodeParse)
	}
}

// listed looks a serial number up in the revocation lists.
func (s *stand) listed(t *testing.T, serial string) (reason int, ok bool) {
	t.Helper()
	lists, err := s.open(t).(provider.RevocationSource).CRLs(t.Context())
	if err != nil {
		t.Fatalf("CRLs: %v", s.hear(t, err))
	}
	for _, list := range lists {
		for _, e := range list.RevokedCertificateEntries {
			if e.SerialNumber.Text(16) == serial {
				return e.ReasonCode, true
			}
		}
	}
	return 0, false
}

// certificateOf returns what the inventory has of a certificate, nil for a CA
// without one.
func (s *stand) certificateOf(t *testing.T, serial string) []byte {
	t.Helper()
	if s.ca.Kind.Can.Inventory == provider.InventoryNone {
		return nil
	}
	return bySerial(s.scan(t, s.open(t), provider.Scan{}, nil))[serial].DER
}

// enrolled is the name that the suite asks a certificate for.
const enrolled = "enrolled.example.test"

// newCSR makes a request with a key of its own.
func newCSR(t testing.TB) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: enrolled}, DNSNames: []string{enrolled},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// enrolments are the abilities that change something at the CA.
func (s *stand) enrolments(t *testing.T) (all []ability) {
	t.Helper()
	if s.ca.Kind.Can.Issue {
		csr := newCSR(t)
		all = append(all, ability{"Issue", func(ctx context.Context, session provider.Session) error {
			_, err := provider.Issue(ctx, session.(provider.Issuer), provider.Request{CSR: csr, Profile: s.Profile})
			return err
		}})
	}
	if s.ca.Kind.Can.Revoke && len(s.Serials) > 0 {
		if s.revocable == nil {
			s.revocable = s.certificateOf(t, s.Serials[0])
		}
		all = append(all, ability{"Revoke", func(ctx context.Context, session provider.Session) error {
			return provider.Revoke(ctx, session.(provider.Revoker), provider.Revocation{Serial: s.Serials[0], Reason: 1, Certificate: s.revocable})
		}})
	}
	return all
}
