package pki

import (
	"cmp"
	"maps"
	"slices"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// An IssueDraft is what a certificate is asked for with.
type IssueDraft struct {
	CSR     []byte // PKCS#10 (RFC 2986), DER, base64 of DER, or PEM
	Profile string // what the CA calls the sort of certificate; "" for what the subscription's settings say
}

// An IssuedCertificate is the answer to one.
type IssuedCertificate struct {
	Certificate Certificate // with its DER
	Chain       [][]byte    // DER of those above it as far as they are known, its issuer first
}

// RevocationReasonEnum is the enumeration of reasons for a revocation, in the
// spelling and with the numbers of RFC 5280, 5.3.1.
func RevocationReasonEnum() *odata.EnumType {
	e := &odata.EnumType{Name: "cloudPkiRevocationReason"}
	for name, code := range provider.RevocationReasons() {
		e.Members = append(e.Members, odata.Member{Name: name, Value: int64(code)})
	}
	slices.SortFunc(e.Members, func(a, b odata.Member) int { return cmp.Compare(a.Value, b.Value) })
	return e
}

// IssueCertificateAction is the action issueCertificate.
func IssueCertificateAction() odata.Action {
	return odata.Action{
		Name: "issueCertificate", Result: &odata.Property{Kind: odata.KindComplex, Complex: IssuedCertificateType()},
		Doc: "Has the CA issue a certificate for a request, and puts it into the inventory.",
		Parameters: []odata.Property{
			{Name: "certificateSigningRequest", Kind: odata.KindString, MaxLength: maxRequest, Doc: "PKCS#10 (RFC 2986): base64 of DER, or PEM."},
			{Name: "profile", Kind: odata.KindString, Nullable: true, MaxLength: maxProfile, Doc: "What the CA calls the sort of certificate: role, profile; may be left out where providerSettings say it."},
		},
	}
}

// The bounds of parameters, in Unicode code points.
const (
	maxProfile = 256
	maxRequest = 128 << 10
)

// IssuedCertificateType is the complex type that issueCertificate answers with.
func IssuedCertificateType() *odata.ComplexType {
	return &odata.ComplexType{
		Name: "cloudPkiIssuedCertificate",
		Doc:  "A certificate that was issued, with those above it.",
		Properties: []odata.Property{
			{Name: "certificateId", Kind: odata.KindString, Computed: true, Doc: "Key of the certificate in the inventory."},
			{Name: "serialNumber", Kind: odata.KindString, Computed: true, Doc: "Serial number, lower-case hex."},
			{Name: "certificate", Kind: odata.KindBinary, Computed: true, Doc: "The certificate, DER."},
			{Name: "chain", Kind: odata.KindBinary, Collection: true, Computed: true, Doc: "Those above it as far as they are known, DER, its issuer first."},
		},
	}
}

// RevokeAction is the action revoke of a certificate.
func RevokeAction() odata.Action {
	return odata.Action{
		Name: "revoke",
		Doc:  "Has the CA revoke the certificate for good. One that is revoked already stays as it is.",
		Parameters: []odata.Property{
			{Name: "reason", Kind: odata.KindEnum, Enum: RevocationReasonEnum(), Nullable: true, Doc: "Why; unspecified where it is left out. Not every CA keeps it."},
		},
	}
}

// reasonName is the name of a reason of RFC 5280.
func reasonName(code int) string {
	reasons := provider.RevocationReasons()
	for _, name := range slices.Sorted(maps.Keys(reasons)) {
		if reasons[name] == code {
			return name
		}
	}
	return "unspecified"
}
