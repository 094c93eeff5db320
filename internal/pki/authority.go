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

	// Of a root that was decided on.
	StateChanged odata.DateTimeOffset // Never for not yet
	StateReason  string
	DecidedBy    string               // name of an admin, or PolicyName; "" for nobody yet
	Replaces     ID                   // the root that it replaces, or would
	Retire       odata.DateTimeOffset // when a retiring one may be removed; Never for no date
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
	TrustTrusted                       // the one in force
	TrustRetiring                      // distributed beside it
	TrustRemoved                       // no longer, or rejected
)

// String names the state as the wire does.
func (s TrustState) String() string { return TrustStateEnum().NameOf(int64(s)) }

// Thumbprint returns the SHA-256 of der in lower-case hex.
func Thumbprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

func newAuthority(c *x509.Certificate, kind AuthorityKind, profiles []string, now odata.DateTimeOffset) Authority {
	return Authority{
		ID: ID(Thumbprint(c.Raw)), Kind: kind, DER: c.Raw,
		SubjectDN: printable(c.Subject.String()), IssuerDN: printable(c.Issuer.String()), Serial: c.SerialNumber.Text(16),
		NotBefore: odata.FromTime(c.NotBefore), NotAfter: odata.FromTime(c.NotAfter),
		ProfileIDs: profiles, FirstSeen: now, LastSeen: now, StateChanged: odata.Never(), Retire: odata.Never(),
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
	decision := func(name, doc string) odata.Property {
		return odata.Property{Name: name, Kind: odata.KindString, Nullable: true, Optional: true, Computed: true, Filter: true, Doc: doc}
	}
	decided := func(name, doc string) odata.Property {
		p := date(name, doc)
		p.Nullable, p.Optional = true, true
		return p
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
			decided("stateChangedDateTime", "When its state last changed."),
			decision("stateReason", "Why it is in its state."),
			decision("decidedBy", "Who decided on its state: an admin, or policy."),
			decision("replacesThumbprint", "SHA-256 of the root that it replaces, or would."),
			decided("retireDateTime", "When a retiring root may be removed."),
		},
	}
}
