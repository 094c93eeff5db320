package pki_test

import (
	"crypto/x509"
	"errors"
	"math/big"
	"testing"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

var errNoList = errors.New("the list cannot be had")

// What a CA's inventory and its revocation list say of one certificate may
// differ, for long. No sync turns the state back and forth, and a revocation
// that is in force is shown.
func TestInventoryAndRevocationListDiffer(t *testing.T) {
	t.Parallel()
	all := newScripted(t)
	const certificateHold, keyCompromise = 6, 1
	revoked := all.w.now.Add(-time.Hour)
	for _, c := range []struct {
		name   string
		listed provider.Status
		reason int // of the entry
		want   pki.CertificateStatus
		why    int
		at     time.Time // the zero value for never
	}{
		{"valid and revoked", provider.StatusValid, keyCompromise, pki.CertificateRevoked, keyCompromise, revoked},
		{"suspended and revoked", provider.StatusSuspended, keyCompromise, pki.CertificateRevoked, keyCompromise, revoked},
		{"valid and on hold: the list is older", provider.StatusValid, certificateHold, pki.CertificateValid, -1, time.Time{}},
		{"revoked and on hold", provider.StatusRevoked, certificateHold, pki.CertificateRevoked, -1, revoked.Add(123 * time.Millisecond)},
		{"revoked, told twice", provider.StatusRevoked, 0, pki.CertificateRevoked, -1, revoked.Add(123 * time.Millisecond)},
		{"without a status and on hold", provider.StatusUnknown, certificateHold, pki.CertificateSuspended, certificateHold, revoked},
		{"valid and off the list", provider.StatusValid, 8, pki.CertificateValid, -1, time.Time{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ca, id := all.add(t, provider.InventoryFull)
			r := provider.Record{Serial: "abc", RawIssuer: []byte("issuer"), IssuerDN: "CN=Issuer,C=DE", Status: c.listed, Reason: -1}
			if c.listed == provider.StatusRevoked {
				r.RevokedAt = revoked.Add(123 * time.Millisecond)
			}
			ca.records[r.Serial] = r
			entries := []x509.RevocationListEntry{{SerialNumber: big.NewInt(0xdef), RevocationTime: revoked}, {SerialNumber: big.NewInt(0xabc), RevocationTime: revoked, ReasonCode: c.reason}}
			ca.crl = func() ([]*x509.RevocationList, error) {
				return []*x509.RevocationList{{RawIssuer: []byte("issuer"), RevokedCertificateEntries: entries}}, nil
			}
			ca.sync(id)
			for range 2 {
				if run := ca.sync(id); run.Status != pki.RunSucceeded || run.Counts.Changed != 0 || run.Counts.New != 0 {
					t.Errorf("another sync changed something: %+v", run)
				}
			}
			got := ca.w.certificates(id, "$filter=serialNumber eq 'abc'").Items[0]
			at := odata.Never()
			if !c.at.IsZero() {
				at = odata.FromTime(c.at)
			}
			if got.Status != c.want || got.Reason != c.why || got.RevokedAt != at {
				t.Errorf("status %d, reason %d, revoked %v", got.Status, got.Reason, got.RevokedAt.Time())
			}
		})
	}
}

// What a list revoked stays so while the list cannot be had, and is valid again
// when the list no longer says it.
func TestRevocationListThatIsNotToBeHad(t *testing.T) {
	t.Parallel()
	all := newScripted(t)
	ca, id := all.add(t, provider.InventoryFull)
	ca.records["abc"] = provider.Record{Serial: "abc", RawIssuer: []byte("issuer"), Status: provider.StatusValid, Reason: -1}
	list := &x509.RevocationList{RawIssuer: []byte("issuer"), RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(0xabc), RevocationTime: all.w.now}}}
	var fault error
	ca.crl = func() ([]*x509.RevocationList, error) { return []*x509.RevocationList{list}, fault }
	status := func(step string, want pki.CertificateStatus) {
		t.Helper()
		if got := all.w.certificates(id, "").Items[0].Status; got != want {
			t.Errorf("%s: status %d, want %d", step, got, want)
		}
	}
	ca.sync(id)
	status("revoked", pki.CertificateRevoked)
	fault = &provider.Error{Code: provider.CodeConnect, Msg: "no route", Err: errNoList}
	if run := ca.sync(id); run.Error != provider.CodeConnect || run.Counts.Changed != 0 || run.Counts.Found != 1 {
		t.Errorf("run %+v", run)
	}
	status("without the list", pki.CertificateRevoked)
	fault, list.RevokedCertificateEntries = nil, nil
	ca.sync(id)
	status("off the list", pki.CertificateValid)
}
