package pki

import (
	"crypto/sha256"
	"encoding/hex"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// A Certificate is one certificate of a CA's inventory, as last seen.
type Certificate struct {
	ID         ID // CertificateID of issuer and serial
	SHA256     string
	DER        []byte // nil in lists, and where the CA gave none
	SubjectDN  string
	CommonName string
	AltNames   string // as AlternativeNames prints them; "" none or unknown
	IssuerDN   string
	Serial     string // lower-case hex, no leading zeros
	NotBefore  odata.DateTimeOffset
	NotAfter   odata.DateTimeOffset
	Status     CertificateStatus
	RevokedAt  odata.DateTimeOffset // Never where not revoked or unknown
	Reason     int                  // RFC 5280, 5.3.1; -1 none or unknown
	ProfileID  string
	Holder     string
	FirstSeen  odata.DateTimeOffset
	Changed    odata.DateTimeOffset
	Missing    odata.DateTimeOffset // since when a complete listing lacks it; Never while listed

	// The providers under which it was first met and last listed, members of
	// cloudPkiProvider; 0 for not known.
	FirstProvider int64
	LastProvider  int64
}

// CertificateStatus is the state of a certificate as its CA tells it.
type CertificateStatus int8

// The states of a certificate.
const (
	CertificateUnknown CertificateStatus = iota
	CertificateValid
	CertificateExpired
	CertificateRevoked
	CertificateSuspended
)

// CertificateStatusOf translates a provider's status.
func CertificateStatusOf(s provider.Status) CertificateStatus {
	switch s {
	case provider.StatusValid:
		return CertificateValid
	case provider.StatusExpired:
		return CertificateExpired
	case provider.StatusRevoked:
		return CertificateRevoked
	case provider.StatusSuspended:
		return CertificateSuspended
	default:
		return CertificateUnknown
	}
}

// provider is the inverse of CertificateStatusOf.
func (s CertificateStatus) provider() provider.Status {
	switch s {
	case CertificateValid:
		return provider.StatusValid
	case CertificateExpired:
		return provider.StatusExpired
	case CertificateRevoked:
		return provider.StatusRevoked
	case CertificateSuspended:
		return provider.StatusSuspended
	default:
		return provider.StatusUnknown
	}
}

// CertificateID names a certificate by what makes it unique, its issuer and
// serial number (RFC 5280, 4.1.2.2): 32 digits of lower-case hex. The issuer
// is the DER of its Name where known, else its text.
func CertificateID(rawIssuer []byte, issuerDN, serial string) ID {
	h := sha256.New()
	if len(rawIssuer) > 0 {
		h.Write(rawIssuer)
	} else {
		h.Write([]byte(issuerDN))
	}
	h.Write([]byte{0})
	h.Write([]byte(serial))
	return ID(hex.EncodeToString(h.Sum(nil)[:16]))
}

// A SkippedItem is a record of a CA that could not be read, kept as received.
type SkippedItem struct {
	ID     ID
	Run    ID // the run that last met it
	Raw    []byte
	Serial string // as received
	Reason string
	Seen   odata.DateTimeOffset
}

// CertificateStatusEnum is the enumeration of a certificate's status.
func CertificateStatusEnum() *odata.EnumType {
	return &odata.EnumType{Name: "cloudPkiCertificateStatus", Members: []odata.Member{
		{Name: "unknown", Value: int64(CertificateUnknown)},
		{Name: "valid", Value: int64(CertificateValid)},
		{Name: "expired", Value: int64(CertificateExpired)},
		{Name: "revoked", Value: int64(CertificateRevoked)},
		{Name: "suspended", Value: int64(CertificateSuspended)},
	}}
}

// CertificateType is the entity type of an inventory entry.
func CertificateType() *odata.EntityType {
	text := func(name, doc string) odata.Property {
		return odata.Property{Name: name, Kind: odata.KindString, Nullable: true, Computed: true, Filter: true, Sort: true, Doc: doc}
	}
	folded := func(name, doc string) odata.Property {
		p := text(name, doc)
		p.Fold, p.Search = true, true
		return p
	}
	alternatives := folded("subjectAlternativeNames", "Subject alternative names in one text, such as DNS:a.example, IP:192.0.2.1; null where there are none.")
	alternatives.Sort = false
	date := func(name, doc string) odata.Property {
		return odata.Property{Name: name, Kind: odata.KindDateTimeOffset, Nullable: true, Computed: true, Filter: true, Sort: true, Doc: doc}
	}
	provider := func(name, doc string) odata.Property {
		return odata.Property{Name: name, Kind: odata.KindEnum, Enum: ProviderEnum(), Computed: true, Filter: true, Doc: doc}
	}
	return &odata.EntityType{
		Name:    "cloudPkiCertificate",
		Doc:     "A certificate issued by a subscribed CA.",
		Delta:   true,
		Actions: []odata.Action{RevokeAction()},
		Properties: []odata.Property{
			{Name: "id", Kind: odata.KindString, Computed: true, Filter: true, Sort: true, Doc: "Key, made from issuer and serial number."},
			folded("subjectName", "Subject, RFC 4514."),
			folded("commonName", "Common name of the subject."),
			alternatives,
			folded("issuerName", "Issuer, RFC 4514."),
			text("serialNumber", "Serial number, lower-case hex without leading zeros."),
			text("thumbprint", "SHA-256 of the DER, lower-case hex; null where the CA gave no certificate."),
			date("notBefore", "Begin of validity."),
			date("notAfter", "End of validity."),
			{Name: "status", Kind: odata.KindEnum, Enum: CertificateStatusEnum(), Computed: true, Filter: true, Sort: true, Doc: "State, as the CA tells it."},
			date("revocationDateTime", "When the certificate was revoked; null unless it was."),
			{Name: "revocationReason", Kind: odata.KindInt32, Nullable: true, Computed: true, Filter: true, Doc: "Reason code of RFC 5280, 5.3.1."},
			text("profileId", "The CA's profile."),
			text("holder", "Seat, user or device, as the CA names it."),
			date("firstSeenDateTime", "When a sync first met it."),
			date("lastChangedDateTime", "When a sync last found it changed."),
			date("missingSinceDateTime", "Since when a complete listing of the CA lacks it; null while listed."),
			provider("firstProvider", "The provider of the subscription when a sync first met it."),
			provider("lastProvider", "The provider of the subscription when a sync last found it listed; differs from firstProvider where it was met at both ends of a migration."),
			{Name: "certificate", Kind: odata.KindBinary, Nullable: true, Optional: true, Computed: true, Doc: "The certificate, DER; only with $select or for a single one."},
		},
	}
}

// SkippedItemType is the entity type of a record that could not be read.
func SkippedItemType() *odata.EntityType {
	return &odata.EntityType{
		Name: "cloudPkiSkippedItem",
		Doc:  "A record of a CA that could not be read, kept as received.",
		Properties: []odata.Property{
			{Name: "id", Kind: odata.KindString, Computed: true, Filter: true, Sort: true, Doc: "Key."},
			{Name: "syncRunId", Kind: odata.KindString, Computed: true, Filter: true, Doc: "The run that last met it."},
			{Name: "serialNumber", Kind: odata.KindString, Nullable: true, Computed: true, Filter: true, Doc: "Serial number as received."},
			{Name: "reason", Kind: odata.KindString, Computed: true, Filter: true, Doc: "Why it could not be read."},
			{Name: "seenDateTime", Kind: odata.KindDateTimeOffset, Computed: true, Filter: true, Sort: true, Doc: "When a run last met it."},
			{Name: "content", Kind: odata.KindBinary, Nullable: true, Computed: true, Doc: "The record as received, at most 64 KiB."},
		},
	}
}
