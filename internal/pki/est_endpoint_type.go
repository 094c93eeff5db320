package pki

import "cloudpki/internal/odata"

// Bounds of an ESTEndpoint's members, in Unicode code points, and of its list.
const (
	maxESTText     = 256
	maxESTPattern  = 256
	maxESTPatterns = 64
	minESTPassword = 16
	maxESTPassword = 64 // at most 256 bytes, which a password hash takes
)

// ESTEndpointType is the entity type of an ESTEndpoint.
func ESTEndpointType() *odata.EntityType {
	own := func(name string, kind odata.Kind, doc string) odata.Property {
		return odata.Property{Name: name, Kind: kind, Computed: true, Filter: true, Sort: true, Doc: doc}
	}
	text := func(name string, nullable bool, longest int, doc string) odata.Property {
		return odata.Property{Name: name, Kind: odata.KindString, Nullable: nullable, MaxLength: longest, Filter: true, Sort: true, Doc: doc}
	}
	truth := func(name, doc string) odata.Property {
		return odata.Property{Name: name, Kind: odata.KindBoolean, Filter: true, Sort: true, Doc: doc}
	}
	return &odata.EntityType{
		Name: "estEndpoint",
		Doc:  "An address at which devices enrol with the CA of a subscription by EST (RFC 7030).",
		Properties: []odata.Property{
			own("id", odata.KindString, "Key and label of the address: /.well-known/est/{id}/; made by the service."),
			text("displayName", true, maxESTText, "Name for people."),
			text("subscriptionId", false, maxIDLength, "Subscription whose CA issues; stays as it is."),
			text("profile", true, maxProfile, "What the CA calls the sort of certificate; may be left out where providerSettings say it."),
			truth("enabled", "Whether it is answered; true where it is left out."),
			text("userName", false, maxESTText, "Name of the account that devices enrol with."),
			{Name: "password", Kind: odata.KindString, Nullable: true, Secret: true, MaxLength: maxESTPassword, Doc: "Password of that account, at least 16 characters. Only its hash is kept."},
			{Name: "subjectPatterns", Kind: odata.KindString, Collection: true, MaxLength: maxESTPattern, Doc: "Patterns, of which each name of a request must match one; * stands for any text. Empty where the CA decides."},
			truth("allowReenrol", "Whether devices may renew with their certificate; true where it is left out."),
			own("createdDateTime", odata.KindDateTimeOffset, "When it was created."),
			own("lastModifiedDateTime", odata.KindDateTimeOffset, "When an admin last changed it."),
		},
	}
}
