package pki

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"

	"cloudpki/internal/odata"
)

// An Authority is a CA certificate that was seen at a subscription's CA.
type Authority struct {
	ID         ID // SHA-256 of DER, lower-case hex
	Kind       AuthorityKind
	State      TrustState
	DER        []byte
	SubjectDN  string
	IssuerDN   string
	Serial     string // lower-case hex
	NotBefore  odata.DateTimeOffset
	NotAfter   odata.DateTimeOffset
	ProfileIDs []string
	FirstSeen  odata.DateTimeOffset
	LastSeen   odata.DateTimeOffset
}

// AuthorityKind is the place of an authority in its chain.
type AuthorityKind int8

// The kinds.
const (
	AuthorityRoot AuthorityKind = iota
	AuthorityIntermediate
	AuthorityIssuing
)

// TrustState is how far an authority is on its way to the devices and back.
type TrustState int8

// The states, in order.
const (
	TrustDiscovered  TrustState = iota // seen at the CA
	TrustQuarantined                   // a root other than the trusted one: an admin must decide
	TrustTrusted
	TrustRetiring
	TrustRemoved
)

// Thumbprint returns the SHA-256 of der in lower-case hex.
func Thumbprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

func newAuthority(c *x509.Certificate, kind AuthorityKind, profiles []string, now odata.DateTimeOffset) Authority {
	return Authority{
		ID: ID(Thumbprint(c.Raw)), Kind: kind, DER: c.Raw,
		SubjectDN: c.Subject.String(), IssuerDN: c.Issuer.String(), Serial: c.SerialNumber.Text(16),
		NotBefore: odata.FromTime(c.NotBefore), NotAfter: odata.FromTime(c.NotAfter),
		ProfileIDs: profiles, FirstSeen: now, LastSeen: now,
	}
}

// AuthorityKindEnum is the enumeration of an authority's kind.
func AuthorityKindEnum() *odata.EnumType {
	return &odata.EnumType{Name: "cloudPkiAuthorityKind", Members: []odata.Member{
		{Name: "root", Value: int64(AuthorityRoot)},
		{Name: "intermediate", Value: int64(AuthorityIntermediate)},
		{Name: "issuing", Value: int64(AuthorityIssuing)},
	}}
}

// TrustStateEnum is the enumeration of an authority's state.
func TrustStateEnum() *odata.EnumType {
	return &odata.EnumType{Name: "cloudPkiTrustState", Members: []odata.Member{
		{Name: "discovered", Value: int64(TrustDiscovered)},
		{Name: "quarantined", Value: int64(TrustQuarantined)},
		{Name: "trusted", Value: int64(TrustTrusted)},
		{Name: "retiring", Value: int64(TrustRetiring)},
		{Name: "removed", Value: int64(TrustRemoved)},
	}}
}

// AuthorityType is the entity type of a CA certificate.
func AuthorityType() *odata.EntityType {
	date := func(name, doc string) odata.Property {
		return odata.Property{Name: name, Kind: odata.KindDateTimeOffset, Computed: true, Filter: true, Sort: true, Doc: doc}
	}
	return &odata.EntityType{
		Name: "cloudPkiCertificateAuthority",
		Doc:  "A certificate of a certification authority, as seen at a subscribed CA.",
		Properties: []odata.Property{
			{Name: "id", Kind: odata.KindString, Computed: true, Filter: true, Sort: true, Doc: "Key: SHA-256 of the DER, lower-case hex."},
			{Name: "kind", Kind: odata.KindEnum, Enum: AuthorityKindEnum(), Computed: true, Filter: true, Sort: true, Doc: "Place in the chain."},
			{Name: "state", Kind: odata.KindEnum, Enum: TrustStateEnum(), Computed: true, Filter: true, Sort: true, Doc: "How far it is on its way to the devices."},
			{Name: "subjectName", Kind: odata.KindString, Computed: true, Filter: true, Sort: true, Fold: true, Search: true, Doc: "Subject, RFC 4514."},
			{Name: "issuerName", Kind: odata.KindString, Computed: true, Filter: true, Sort: true, Fold: true, Doc: "Issuer, RFC 4514."},
			{Name: "serialNumber", Kind: odata.KindString, Computed: true, Filter: true, Doc: "Serial number, lower-case hex."},
			date("notBefore", "Begin of validity."),
			date("notAfter", "End of validity."),
			{Name: "profileIds", Kind: odata.KindString, Collection: true, Computed: true, Doc: "The CA's profiles that it issues for."},
			date("firstSeenDateTime", "When a sync first met it."),
			date("lastSeenDateTime", "When a sync last met it."),
			{Name: "certificate", Kind: odata.KindBinary, Computed: true, Doc: "The certificate, DER."},
		},
	}
}
