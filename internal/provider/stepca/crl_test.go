package stepca_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net/http"
	"testing"
	"time"

	"cloudpki/internal/provider"
)

func TestCRL(t *testing.T) {
	t.Parallel()
	root := newIssuer(t, "Root", nil)
	issuing := newIssuer(t, "Issuing", root)
	entries := []x509.RevocationListEntry{{SerialNumber: big.NewInt(0xabc), RevocationTime: time.Now(), ReasonCode: 1}}
	lastYear := time.Now().AddDate(-1, 0, 0)
	for name, der := range map[string][]byte{
		"by the intermediate":       issuing.crl(t, x509.RevocationList{RevokedCertificateEntries: entries}),
		"by the root":               root.crl(t, x509.RevocationList{RevokedCertificateEntries: entries}),
		"with a distribution point": issuing.crl(t, x509.RevocationList{RevokedCertificateEntries: entries, ExtraExtensions: []pkix.Extension{distributionPoint(t, false)}}),
		"out of date, still true":   issuing.crl(t, x509.RevocationList{RevokedCertificateEntries: entries, ThisUpdate: lastYear, NextUpdate: lastYear.AddDate(0, 0, 1)}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, map[string]http.HandlerFunc{
				"/roots": certificates(root), "/intermediates": certificates(issuing), "/crl": raw(http.StatusOK, der),
			}).open(t)
			lists, err := s.CRLs(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(lists) != 1 || len(lists[0].RevokedCertificateEntries) != 1 {
				t.Fatalf("%d lists, want 1 with 1 entry", len(lists))
			}
			if e := lists[0].RevokedCertificateEntries[0]; e.SerialNumber.Int64() != 0xabc || e.ReasonCode != 1 {
				t.Errorf("entry %x with reason %d, want abc with reason 1", e.SerialNumber, e.ReasonCode)
			}
		})
	}
}

func TestNoCRL(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"not enabled":             fault(http.StatusNotFound, "unexpected HTTP status code - '404'"),
		"database without lists":  fault(http.StatusNotImplemented, "unexpected HTTP status code - '501'"),
		"version without the API": http.NotFound,
		"empty":                   raw(http.StatusOK, nil),
		"no content":              raw(http.StatusNoContent, nil),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lists, err := newServer(t, map[string]http.HandlerFunc{"/crl": answer}).open(t).CRLs(t.Context())
			if err != nil || len(lists) != 0 {
				t.Errorf("got %d lists and error %v, want neither", len(lists), err)
			}
		})
	}
}

func TestCRLFaults(t *testing.T) {
	t.Parallel()
	root := newIssuer(t, "Root", nil)
	issuing, stranger, namesake := newIssuer(t, "Issuing", root), newIssuer(t, "Stranger", nil), newIssuer(t, "Issuing", root)
	renamed := &issuer{root.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Renamed"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCRLSign,
	}, issuing.key.Public()), issuing.key}
	delta := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}
	ofOther := x509.RevocationListEntry{
		SerialNumber: big.NewInt(1), RevocationTime: time.Now(),
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 29}, Critical: true, Value: []byte{0x30, 0}}},
	}
	broken := distributionPoint(t, false)
	broken.Value = []byte{0x30, 0x7f}
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		code   provider.Code
		text   string
	}{
		"not a CRL":            {raw(http.StatusOK, []byte("<html>")), provider.CodeParse, "not a CRL"},
		"too large":            {raw(http.StatusOK, make([]byte, 16<<20+1)), provider.CodeProtocol, "larger than"},
		"signed by a stranger": {raw(http.StatusOK, stranger.crl(t, x509.RevocationList{})), provider.CodeUpstreamFault, "not signed by any"},
		"signed by a namesake": {raw(http.StatusOK, namesake.crl(t, x509.RevocationList{})), provider.CodeUpstreamFault, "not signed by any"},
		"of another name":      {raw(http.StatusOK, renamed.crl(t, x509.RevocationList{})), provider.CodeUpstreamFault, "not signed by any"},
		"delta":                {raw(http.StatusOK, issuing.crl(t, x509.RevocationList{ExtraExtensions: []pkix.Extension{delta}})), provider.CodeUnsupported, "not a complete list"},
		"indirect":             {raw(http.StatusOK, issuing.crl(t, x509.RevocationList{ExtraExtensions: []pkix.Extension{distributionPoint(t, true)}})), provider.CodeUnsupported, "not a complete list"},
		"entry of another CA":  {raw(http.StatusOK, issuing.crl(t, x509.RevocationList{RevokedCertificateEntries: []x509.RevocationListEntry{ofOther}})), provider.CodeUnsupported, "not a complete list"},
		"broken extension":     {raw(http.StatusOK, issuing.crl(t, x509.RevocationList{ExtraExtensions: []pkix.Extension{broken}})), provider.CodeUnsupported, "not a complete list"},
		"the CA's fault":       {fault(http.StatusInternalServerError, "no database"), provider.CodeUpstreamFault, "no database"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newServer(t, map[string]http.HandlerFunc{
				"/roots": certificates(root), "/intermediates": certificates(issuing), "/crl": test.answer,
			}).open(t).CRLs(t.Context())
			wantFault(t, err, test.code, test.text)
		})
	}
}

// distributionPoint returns the extension as step-ca writes it (authority/tls.go),
// where indirect with the flag that the list is indirect.
func distributionPoint(t *testing.T, indirect bool) pkix.Extension {
	t.Helper()
	type point struct {
		Name struct {
			FullName []asn1.RawValue `asn1:"optional,tag:0"`
		} `asn1:"optional,tag:0"`
		Indirect bool `asn1:"optional,tag:4"`
	}
	var p point
	p.Name.FullName = []asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte("https://127.0.0.1/1.0/crl")}}
	p.Indirect = indirect
	der, err := asn1.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: der}
}
